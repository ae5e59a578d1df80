"""What do hearth's clients see, all the while and whatever happens to the sites?

Two clients that keep logs of their own, in `clients/` of the sandbox's folder, so that nobody has to believe vigie:
a writer that sends numbered rows to `api.hearth.example` ten times a second and notes every one that was
acknowledged, and a reader that follows `db.hearth.example` by its name and asks the database what is newest.
`python -m deployments.sandbox.clients --state DIR`.

The rule: a row is noted as acknowledged after the answer said so and never before; what got no answer is noted as
failed, whatever became of it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.client_log import FAILED, READ, WRITTEN, ClientLog
from deployments.sandbox.household import UnavailableError, reader_dsn
from deployments.sandbox.names import relayed_port
from deployments.sandbox.resolving import ADDRESSED, Resolver, UnresolvedError
from deployments.sandbox.state import State

API = "api.hearth.example"
DATABASE = "db.hearth.example"
_WRITE_EVERY_S = 0.4
_WRITE_PATIENCE_S = 1.5
_AT_ONCE = 20  # attempts under way; more are not made, as a client's own limit
_FAREWELL_EVERY = 10  # a client opens a new connection about once a second, and so follows its name
_READ_EVERY_S = 1.0
_READ_PATIENCE_S = 2
_NEWEST = (
    "SELECT (SELECT number FROM rows ORDER BY made_at DESC LIMIT 1),"
    " (SELECT max(made_at) FROM rows), pg_is_in_recovery()"
)


async def serve(state: State) -> None:
    """Write and read for ever."""
    folder = state.home / "clients"
    folder.mkdir(exist_ok=True)
    writer = Writer(state, ClientLog(folder / WRITTEN), ClientLog(folder / FAILED))
    state.write_ready(
        "clients", "", written=str(folder / WRITTEN), failed=str(folder / FAILED), read=str(folder / READ)
    )
    await asyncio.gather(writer.write_for_ever(), read_for_ever(state, ClientLog(folder / READ)))


class Writer:
    """Sends numbered rows, each attempt with an id of its own, and notes what became of it."""

    def __init__(self, state: State, written: ClientLog, failed: ClientLog) -> None:
        context = ssl.create_default_context(cafile=str(ensure_authority(state.home).ca_file))
        self._context, self._state = context, state
        self._written, self._failed = written, failed
        self._under_way: set[asyncio.Task[None]] = set()

    async def write_for_ever(self) -> None:
        """One attempt every tenth of a second, whether or not the ones before have ended."""
        connector = aiohttp.TCPConnector(ssl=self._context, limit=_AT_ONCE)
        timeout = aiohttp.ClientTimeout(total=_WRITE_PATIENCE_S)
        due = time.monotonic()
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            for number in itertools.count(int(time.time() * 1000)):  # goes on growing over a restart
                if len(self._under_way) < _AT_ONCE:
                    task = asyncio.create_task(self._attempt(session, number))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                due = max(due + _WRITE_EVERY_S, time.monotonic() - _WRITE_PATIENCE_S)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _attempt(self, session: aiohttp.ClientSession, number: int) -> None:
        row = {"id": str(uuid4()), "number": number}
        sent = {**row, "sent_at": _now()}
        headers = {"Host": API} | ({"Connection": "close"} if number % _FAREWELL_EVERY == 0 else {})
        try:
            url = f"https://127.0.0.1:{relayed_port(self._state, f'{API}:443')}/rows"
            async with session.post(url, json=row, headers=headers, server_hostname=API) as answer:
                await answer.read()
                site, status = answer.headers.get("X-Site", ""), answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError) as error:
            self._failed.note({**sent, "at": _now(), "why": type(error).__name__})
            return
        if status in (200, 201):
            self._written.note({**sent, "at": _now(), "site": site})
        else:
            self._failed.note({**sent, "at": _now(), "site": site, "why": f"HTTP {status}"})


async def read_for_ever(state: State, log: ClientLog) -> None:
    """Resolve, ask, note; a name is asked again when its answer has had its time to live."""
    resolver = Resolver(state)
    while True:
        log.note({"at": _now(), **await _look(state, resolver)})
        await asyncio.sleep(_READ_EVERY_S)


async def _look(state: State, resolver: Resolver) -> dict[str, Any]:
    try:
        address = await resolver.resolve(DATABASE)
    except UnresolvedError as error:
        return {"error": str(error)}
    name = ADDRESSED.get(address)
    if name is None:
        return {"address": address, "error": "nothing of ours is at that address"}
    try:
        number, made_at, in_recovery = await _newest(reader_dsn(state, name))
    except (psycopg.Error, UnavailableError, TimeoutError, KeyError) as error:
        return {"address": address, "server": name, "error": type(error).__name__}
    seen = {"address": address, "server": name, "in_recovery": in_recovery}
    return seen | {"number": number, "made_at": made_at.isoformat() if made_at else ""}


async def _newest(dsn: str) -> tuple[Any, ...]:
    async with asyncio.timeout(_READ_PATIENCE_S):
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=_READ_PATIENCE_S)
        async with connection:
            row = await (await connection.execute(_NEWEST)).fetchone()
    assert row is not None
    return row


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def main() -> None:
    """Run the clients in the foreground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(State.at(parser.parse_args().state)))


if __name__ == "__main__":
    main()
