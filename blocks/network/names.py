"""Which address does a name lead to, for this probe?

Names that `Routes` leads elsewhere go there (the sandbox); all others are asked of the machine's own
resolver, in threads of the prober's own: a resolver that hangs for one customer's names must not
stop the probes of another. An answer is shared for a few seconds, so that ten checks of one host
cost one question.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from blocks.errors import Broken
from blocks.network.course import Course, Stage
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    from blocks.ports.network import Routes

_SHARED_FOR_S = 5.0
_MOST_SHARED = 4096
_THREADS = 64


class Names(AbstractResolver):
    """Leads (host, port) to addresses; also the resolver of the HTTP client."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vigie-names")
        self._shared: dict[tuple[str, int], tuple[float, asyncio.Task[list[ResolveResult]]]] = {}

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """Addresses of a host, best first. Raises socket.gaierror."""
        address, number = self._routes.lead(host, port)
        if _is_address(address):
            return [_result(host, address, number)]
        return await asyncio.shield(self._lookup(address, number))

    async def close(self) -> None:
        """Let go of the threads; a question still open ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _lookup(self, host: str, port: int) -> asyncio.Task[list[ResolveResult]]:
        loop = asyncio.get_running_loop()
        known = self._shared.get((host, port))
        if known is not None and known[0] > loop.time():
            return known[1]
        if len(self._shared) >= _MOST_SHARED:
            self._shared.clear()
        task = loop.create_task(self._ask(host, port))
        task.add_done_callback(_retrieved)
        self._shared[host, port] = (loop.time() + _SHARED_FOR_S, task)
        return task

    async def _ask(self, host: str, port: int) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _getaddrinfo, host, port)
        return [_result(host, str(item[4][0]), port) for item in found]


async def dial(names: Names, host: str, port: int, course: Course) -> socket.socket:
    """A connected TCP socket, every address of the host tried. Raises OSError, socket.gaierror."""
    import aiohappyeyeballs

    course.stage = Stage.NAME
    found = await names.resolve(host, port)
    course.stage = Stage.CONNECT
    infos = [_address_info(item) for item in found]
    return await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=0.25)


def host_and_port(address: str, default_port: int | None = None) -> tuple[str, int]:
    """'db1.hearth.example:5432', '[::1]:53' -> (host, port). Raises `Broken` for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon and default_port is not None:
        return address, default_port
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004
        raise Broken(
            f"{address!r} is not host:port",
            next_step="write the check's address as host:port in the catalogue",
            code=MissingCode.PROBE_FAILED,
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _getaddrinfo(host: str, port: int) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    """Addresses of the families this machine speaks; of any family where it speaks none but loopback."""
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


@lru_cache(4096)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _result(name: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return {"hostname": name, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}


def _address_info(found: ResolveResult) -> tuple[int, int, int, str, tuple[object, ...]]:
    place = (found["host"], found["port"])
    six = found["family"] == socket.AF_INET6
    return (found["family"], socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (*place, 0, 0) if six else place)


def _retrieved(task: asyncio.Task[list[ResolveResult]]) -> None:
    """Mark a shared failure as seen: whoever waited has it already, or gave up waiting."""
    if not task.cancelled():
        task.exception()
