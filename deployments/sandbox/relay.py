"""How can a network fault be real while clients keep their addresses?

One TCP relay stands before every service of the sandbox. Its ports stay while services come and go,
and it fails as networks do: `refuse` closes the port, `partition` swallows packets (the queue of
the port is full, so even a new connection gets no answer), `slow` delays what passes by a seeded
time. A service whose process is dead has a closed port, as on a real host.

A relay may stand before another one (vigie's line to a name, and the edge that sends clients to a site): then its
port is open, closed or silent as the one behind it is.

`python -m deployments.sandbox.relay --state DIR`; control on the ready file's `control` address:
POST /_sandbox/break {"target": NAME, "how": ..., "delay_s": ...}, POST /_sandbox/mend {"target": NAME}.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from deployments.sandbox.control import serve_control
from deployments.sandbox.edge import Answers, Edge, Standing, follow_traffic
from deployments.sandbox.lifetimes import is_there
from deployments.sandbox.names import DOOR, ENTRANCES, ROUTES, Route, line_of_vigie
from deployments.sandbox.state import State, read_json, write_json

HOWS = ("refuse", "partition", "slow")
Target = Callable[[], tuple[str, int] | None]
_SEEN: dict[str, Standing] = {"refuse": "closed", "partition": "silent"}
_CHUNK = 65536
_LOOK_EVERY_S = 0.2
_CONNECT_S = 30.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Relay:
    """One name's port: holds it for ever, listens while its service lives, and fails as told."""

    def __init__(
        self,
        name: str,
        target: Target,
        *,
        port: int = 0,
        behind: Callable[[], Standing] | None = None,
    ) -> None:
        self.name = name
        self._target = target
        self._behind = behind or (lambda: "open" if target() is not None else "closed")
        self._holder = _bound(port)  # never listens: the port stays ours while it is closed
        self.port: int = self._holder.getsockname()[1]
        self.how: str | None = None
        self._delay_s = 0.0
        self._random = random.Random(name)
        self._listener: asyncio.Server | None = None
        self._filled: list[socket.socket] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def standing(self) -> Standing:
        """How the port is seen from outside."""
        return _SEEN.get(self.how or "") or self._behind()

    @property
    def address(self) -> tuple[str, int]:
        """Where its own clients connect."""
        return "127.0.0.1", self.port

    async def fail(self, how: str | None, delay_s: float = 1.2) -> None:
        """Fail as `how` says from now on; None heals."""
        self.how, self._delay_s = how, delay_s if how == "slow" else 0.0
        if how == "partition":
            self._flowing.clear()
        else:
            self._flowing.set()
        await self.adapt()

    async def adapt(self) -> None:
        """Open or close the port as the service and the fault demand."""
        standing = self.standing
        if standing == "silent":
            await self._close(reset=False)
            self._fill()
            return
        self._drain()
        if standing == "open":
            await self._listen()
        else:
            await self._close(reset=True)

    async def close(self) -> None:
        """Give the port back."""
        self._drain()
        await self._close(reset=True)
        self._holder.close()

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._carry, sock=_bound(self.port), backlog=256)

    async def _close(self, *, reset: bool) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in list(self._open) if reset else []:
            _reset(writer)

    def _fill(self) -> None:
        """A listening port whose queue is full drops every further greeting, as a dead network does."""
        if self._filled:
            return
        full = _bound(self.port)
        full.listen(0)
        self._filled.append(full)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)  # noqa: FBT003
            filler.connect_ex(("127.0.0.1", self.port))
            self._filled.append(filler)

    def _drain(self) -> None:
        for each in reversed(self._filled):
            each.close()
        self._filled.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._target()
        try:
            if target is None:
                raise ConnectionRefusedError
            async with asyncio.timeout(_CONNECT_S):
                there, towards = await asyncio.open_connection(*target)
        except OSError:  # a timeout is one
            _reset(writer)
            return
        self._open |= {writer, towards}
        try:
            await asyncio.gather(self._pump(reader, towards), self._pump(there, writer, late=True))
        finally:
            self._open -= {writer, towards}
            for each in (writer, towards):
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool = False) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._flowing.wait()
                if late and self._delay_s:  # answers come late, by one delay a round trip
                    await asyncio.sleep(self._delay_s * self._random.uniform(0.95, 1.25))
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError, RuntimeError):
            if writer.can_write_eof():
                writer.write_eof()


class Relays:
    """All relays of a sandbox, looked after together."""

    def __init__(self, relays: list[Relay]) -> None:
        self.by_name = {relay.name: relay for relay in relays}  # in this order: each after those behind it

    async def look_after(self) -> None:
        """Follow the services as they come and go."""
        while True:
            await self.adapt()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def adapt(self) -> None:
        """Every port as it should be now."""
        for relay in self.by_name.values():
            await relay.adapt()

    async def apply_break(self, target: str, how: str, request: dict[str, float]) -> str:
        """Make one name fail; says what was done. Raises ValueError for what it cannot."""
        if target not in self.by_name or how not in HOWS:
            raise ValueError(f"a relay can fail as {', '.join(HOWS)}, on {', '.join(self.by_name)}")
        await self.by_name[target].fail(how, float(request.get("delay_s", 1.2)))
        await self.adapt()
        return f"{target}: {how}"

    async def apply_mend(self, target: str) -> str:
        """Heal one name, or all with `*`."""
        for name, relay in self.by_name.items():
            if target in (name, "*"):
                await relay.fail(None)
        await self.adapt()
        return f"{target}: mended"


def live_target(state: State, component: str, at: str = "address") -> tuple[str, int] | None:
    """Where a component listens, None when its process is gone, or the server that it keeps there."""
    if not state.is_ready(component):
        return None
    ready = state.read_ready(component)
    server_pid = ready.get("server_pid", -1) if at == "address" else -1
    if server_pid != -1 and (not server_pid or not is_there(int(server_pid))):
        return None
    host, _, port = str(ready.get(at, "")).rpartition(":")
    return (host, int(port)) if port else None


async def serve(state: State) -> None:
    """Run all relays; ports are those of the last time where they are still free."""
    former: dict[str, str] = read_json(state.home / "relays.json")
    answers = Answers(ENTRANCES)
    clients, vigie = _lines(state, former, answers)
    relays = Relays([*clients.values(), *vigie.values()])
    await relays.adapt()
    control = await serve_control(relays.apply_break, relays.apply_mend)
    addresses = {name: f"127.0.0.1:{relay.port}" for name, relay in relays.by_name.items()}
    write_json(state.home / "relays.json", addresses)
    own = {name: addresses[relay.name] for name, relay in vigie.items()}
    state.write_ready("relay", control, control=control, relays={name: addresses[name] for name in clients}, lines=own)
    await asyncio.gather(relays.look_after(), follow_traffic(state, answers))


def _lines(state: State, former: dict[str, str], answers: Answers) -> tuple[dict[str, Relay], dict[str, Relay]]:
    """Name -> relay, twice: the lines of clients, and vigie's own before each; both end in an edge of their own."""

    def opened(name: str, target: Target, behind: Callable[[], Standing] | None = None) -> Relay:
        port = int(former.get(name, ":0").rpartition(":")[2])
        try:
            return Relay(name, target, port=port, behind=behind)
        except OSError:
            return Relay(name, target, behind=behind)

    def own(route: Route) -> Relay:
        relay, name = clients[route.name], line_of_vigie(route.name)
        if route.at == DOOR:
            return opened(name, partial(live_target, state, route.component, route.at))
        return opened(name, lambda: relay.address, lambda: relay.standing)

    def edges(side: dict[str, Relay], call: Callable[[str], str]) -> dict[str, Relay]:
        found = [Edge(entrance, side, answers) for entrance in ENTRANCES]
        return {edge.name: opened(call(edge.name), edge.choose, edge.standing) for edge in found}

    clients = {each.name: opened(each.name, partial(live_target, state, each.component, each.at)) for each in ROUTES}
    vigie = {route.name: own(route) for route in ROUTES}
    return clients | edges(clients, str), vigie | edges(vigie, line_of_vigie)


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # what is carried is not held back to be carried together
    made.bind(("127.0.0.1", port))
    return made


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def main() -> None:
    """Run the relays of one sandbox in the foreground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="kept for symmetry: each relay has a port of its own")
    asyncio.run(serve(State.at(parser.parse_args().state)))


if __name__ == "__main__":
    main()
