"""A small sandbox of the real sites, one for all tests of a module; and how a plain client sees it."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from deployments.sandbox.breaking import mend_service
from deployments.sandbox.databases import READER
from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.lifetimes import HOME_MARK
from deployments.sandbox.names import connect_map
from deployments.sandbox.state import State


class _ToLoopback(AbstractResolver):
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Client:
    """A client that knows real names only, led by the connect map."""

    state: State

    async def get(self, url_host: str, path: str, *, timeout_s: float = 8.0, **put: Any) -> tuple[int, Any]:
        """(status, body). TLS is verified against the real name and the sandbox's authority."""
        port = connect_map(self.state)[f"{url_host}:443"].rpartition(":")[2]
        context = ssl.create_default_context(cafile=str(self.state.home / "tls" / "ca.pem"))
        connector = aiohttp.TCPConnector(ssl=context, resolver=_ToLoopback())
        method = put.pop("method", "PUT" if put else "GET")
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=timeout_s)) as session,
            session.request(method, f"https://{url_host}:{port}{path}", **put) as answer,
        ):
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text()

    async def get_row(self, url_host: str, row: dict[str, Any]) -> tuple[int, Any]:
        """(status, body) of sending one numbered row."""
        return await self.get(url_host, "/rows", method="POST", json=row)

    def query(self, name: str, statement: str, *, connect_timeout_s: int = 3) -> list[tuple[Any, ...]]:
        """Ask a database under its real name, as the reader."""
        port = connect_map(self.state)[name].rpartition(":")[2]
        password = self.state.read_ready("household-primary")["reader_password"]
        address = f"host=127.0.0.1 port={port} dbname=household user={READER} password={password}"
        with psycopg.connect(address, connect_timeout=connect_timeout_s, autocommit=True) as connection:
            return connection.execute(statement).fetchall()


async def eventually(look: Callable[[], Any], *, within_s: float = 15.0) -> Any:
    """The first truthy result; what the last look said when there was none."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        await asyncio.sleep(0.1)
    return look()


def left(home: Path) -> list[str]:
    """Processes that carry the folder's mark, or its name in their command."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(HOME_MARK) == str(home) or any(str(home) in word for word in process.cmdline())
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.Error:
            continue
    return found


async def soon_left(home: Path) -> list[str]:
    """What is left when those that end by themselves have had the time to."""
    await eventually(lambda: not left(home), within_s=30)
    return left(home)


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A folder whose path is short and that other users may pass through; emptied of processes afterwards."""
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    home.chmod(0o755)
    yield home
    take_down(home)
    remove_databases(home)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def sites() -> Iterator[Client]:
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    home.chmod(0o755)
    bring_up(home, only=("sites",), tied=True)
    yield Client(State.at(home))
    take_down(home)
    remove_databases(home)
    shutil.rmtree(home)


@pytest.fixture
def whole(sites: Client) -> Iterator[Client]:
    """The sites, mended after each test."""
    yield sites
    mend_service(sites.state)


def remove_databases(home: Path) -> None:
    """As root the databases lie in a room of their own."""
    pointer = home / "postgres" / ".postgres-room"
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
