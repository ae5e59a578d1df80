"""Where is the private cloud of the sandbox?

`python -m deployments.sandbox.openstack --state DIR` serves Keystone and Nova over TLS on loopback,
with the servers of the catalogue's openstack.* services, and says so in DIR/ready/openstack.json.
openstacksdk talks to it unmodified.

The rule: an unknown route answers 501 and is recorded, so that no test passes on an invented reply.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from blocks.catalogue.model import Catalogue
from deployments.sandbox import openstack_compute, openstack_identity
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.kept import Kept
from deployments.sandbox.openstack_cloud import Told, User, cloud_from
from deployments.sandbox.openstack_kept import described, mark_seeds, restore
from deployments.sandbox.restarting import restarting_behind, starting_behind, stopping_behind
from deployments.sandbox.state import State, read_json, write_json

_NAMES = ("127.0.0.1", "localhost", "identity.dc-west.hearth.example")
_WHO = ("reader", "application", "application_id", "operator", "restarter", "restarter_id")
_ACTS = ("vigie-restarter", "vigie-recovery")
_SLOW_S = 45.0
_SETTLE_S = 0.1
_RETRY_AFTER_S = 1
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OpenStackSimulator:
    """Keystone and Nova on one port; `start`, then `address`, then `stop`, all on one event loop."""

    def __init__(
        self,
        state: State,
        catalogue: Catalogue,
        *,
        port: int = 0,
        page_size: int = 1000,
        told: Told | None = None,
    ) -> None:
        self._state = state
        self._port = port
        keys = _secrets(state.home / "openstack")
        self.reader = User("vigie-reader", keys["reader"], ("reader", "vigie-observer"))
        self.application = User("vigie-reader", keys["application"], self.reader.roles, keys["application_id"])
        self.operator = User("vigie-operator", keys["operator"], ("member", "reader"))
        self.restarter = User("vigie-restarter", keys["restarter"], _ACTS, keys["restarter_id"])
        self.cloud = cloud_from(catalogue, [self.reader, self.application, self.operator, self.restarter])
        self.cloud.told = told or Told()
        mark_seeds(self.cloud)
        self._kept = Kept(state.home / "openstack" / "servers.json")
        restore(self.cloud, self._kept.read())
        self.traffic: deque[dict[str, str]] = deque(maxlen=10_000)
        self._mended = asyncio.Condition()
        self._settling: asyncio.Task[None] | None = None
        self._transports: set[asyncio.Transport] = set()
        self._runner = web.AppRunner(self._application(page_size), access_log=None, shutdown_timeout=1)
        self.ca_file = ensure_authority(state.home).ca_file
        self.address = ""

    @property
    def auth_url(self) -> str:
        """What a credential block holds."""
        return f"https://{self.address}/identity/v3"

    async def start(self) -> None:
        """Listen; `address` is set then."""
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(await asyncio.to_thread(ensure_authority(self._state.home).issue, *_NAMES))
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=context)
        await site.start()
        self.address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        """What takes its time ends also when nobody looks: processes behind servers wait for it."""
        while True:
            goes_on = any(server.busy for server in self.cloud.servers)
            self.cloud.settle()
            if goes_on:
                self.save()
            await asyncio.sleep(_SETTLE_S)

    def save(self) -> None:
        """Keep what has changed."""
        self._kept.write(described(self.cloud))

    async def stop(self) -> None:
        """Close the port and every connection."""
        for transport in list(self._transports):
            transport.abort()  # TLS would wait half a minute for the other side's goodbye
        if self._settling is not None:
            self._settling.cancel()
        await self._runner.cleanup()
        self.save()

    def _application(self, page_size: int) -> web.Application:
        application = web.Application(middlewares=[self._faults])
        application.add_routes(openstack_identity.routes(self.cloud))
        application.add_routes(openstack_compute.routes(self.cloud, self.traffic, page_size=page_size))
        application.add_routes(
            [
                web.post("/_sandbox/{action:break|mend}", self._control),
                web.get("/_sandbox/traffic", self._tell),
                web.route("*", "/{anything:.*}", self._unknown),
            ]
        )
        return application

    @web.middleware
    async def _faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.transport is not None:
            self._transports = {each for each in self._transports if not each.is_closing()} | {request.transport}
        how = "" if request.path.startswith("/_sandbox/") else self._fault()
        if how == "throttle":
            return web.json_response(
                {"overLimit": {"code": 429, "message": "This request was rate-limited."}},
                status=429,
                headers={"Retry-After": str(_RETRY_AFTER_S)},
            )
        if how == "region-down" and request.transport is not None:
            request.transport.abort()
            raise web.HTTPServiceUnavailable
        if how == "garbage":
            return web.Response(body=b"\x00<<<%% this is not an answer \xff", content_type="application/json")
        if how == "error":
            return openstack_compute.fault(503, "serviceUnavailable", "The service is unavailable.")
        if how == "slow":
            await self._wait_for_mending()
        answer = await handler(request)
        if request.method != "GET":
            self.save()
        return answer

    def _fault(self) -> str:
        return next((how for how in self.cloud.faults.values() if how != "credentials"), "")

    async def _wait_for_mending(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SLOW_S), self._mended:
                await self._mended.wait_for(lambda: self._fault() != "slow")

    async def _control(self, request: web.Request) -> web.Response:
        try:
            asked = await request.json()
            done = self.cloud.control(request.match_info["action"], str(asked["target"]), str(asked.get("how", "")))
        except (ValueError, KeyError) as error:
            return web.json_response({"error": str(error)}, status=400)
        async with self._mended:
            self._mended.notify_all()
        return web.json_response({"done": done})

    async def _tell(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": list(self.traffic)})

    async def _unknown(self, request: web.Request) -> web.Response:
        self.traffic.append({"action": f"unknown {request.method} {request.path}", "refused": "501"})
        return openstack_compute.fault(501, "notImplemented", f"the simulator has no {request.method} {request.path}")


async def serve(state: State, catalogue: Catalogue, port: int) -> None:
    """Serve until told to end."""
    told = Told(rebooted=restarting_behind(state), stopped=stopping_behind(state), started=starting_behind(state))
    simulator = OpenStackSimulator(state, catalogue, port=port, told=told)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await simulator.start()
    try:
        extras = {
            "auth_url": simulator.auth_url,
            "region": simulator.cloud.region,
            "project_name": simulator.cloud.project,
            "username": simulator.reader.name,
            "password": simulator.reader.secret,
            "application_credential_id": simulator.application.application_credential,
            "application_credential_secret": simulator.application.secret,
            "operator_credential_id": simulator.restarter.application_credential,
            "operator_credential_secret": simulator.restarter.secret,
        }
        state.write_ready("openstack", simulator.address, **extras)
        await ended.wait()
    finally:
        await simulator.stop()


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and serve."""
    from blocks.catalogue.loader import load_catalogue

    parser = argparse.ArgumentParser(description="private cloud of the sandbox")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--catalogue", type=Path, default=Path("deployments/catalogue"))
    asked = parser.parse_args(arguments)
    asyncio.run(serve(State.at(asked.state), load_catalogue(asked.catalogue), asked.port))


def _secrets(folder: Path) -> dict[str, str]:
    """The sandbox's passwords, the same at every start, so that saved blocks stay right."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = read_json(folder / "secrets.json")
    if missing := [who for who in _WHO if who not in kept]:
        kept |= {who: secrets.token_hex(16) for who in missing}
        write_json(folder / "secrets.json", kept)
    return kept


if __name__ == "__main__":
    main()
