"""The world that the sweep is measured against: many TLS endpoints, in a process of their own.

One listener serves them all: endpoint 17 is `https://e00017.bench.example:<port>/e/17` under one
wildcard certificate, so every probe is a name, a connection and a handshake of its own. Latency is
seeded (median 20 ms, one in thirty 200 ms), and so are the faults: two in a hundred answer 500, the
wrong text, half a body, or a reset.

    python -m tests.benchmarks.endpoints <folder>      writes <folder>/endpoints.json when ready
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

SEED = 20261123
MOST = 10_000
EXPECTED = '"status": "ok"'
FAULTS = ("error", "text", "half", "reset")
_GOOD = json.dumps(
    {"service": "bench", "status": "ok", "parts": [{"name": f"part-{n}", "up": True} for n in range(24)]}
)
_BAD = _GOOD.replace('"ok"', '"ill"')


@dataclass(frozen=True)
class World:
    """Where the endpoints are."""

    port: int
    ca_file: str

    def name(self, number: int) -> str:
        return f"e{number:05d}.bench.example"

    def url(self, number: int) -> str:
        return f"https://{self.name(number)}:{self.port}/e/{number}"

    def direct_url(self, number: int) -> str:
        return f"https://127.0.0.1:{self.port}/e/{number}"

    def connect_to(self, count: int) -> dict[str, str]:
        return {f"{self.name(n)}:{self.port}": f"127.0.0.1:{self.port}" for n in range(count)}


def planned() -> list[tuple[float, str]]:
    """(seconds of latency, fault or "") of every endpoint: the same in every process, one fault in each fifty."""
    rng = random.Random(SEED)
    plan = []
    for _ in range(MOST // 50):
        unlucky = rng.randrange(50)
        for place in range(50):
            latency_s = 0.2 if rng.random() < 1 / 30 else rng.lognormvariate(math.log(0.02), 0.3)
            plan.append((latency_s, rng.choice(FAULTS) if place == unlucky else ""))
    return plan


def fault_count(count: int) -> int:
    return sum(1 for _, fault in planned()[:count] if fault)


@contextlib.contextmanager
def running_endpoints(folder: Path) -> Iterator[World]:
    """The endpoints in a process of their own, ended with the block."""
    ready = folder / "endpoints.json"
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.endpoints", str(folder)])
    try:
        deadline = time.monotonic() + 30
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the endpoints did not start")
            time.sleep(0.05)
        yield World(**json.loads(ready.read_text()))
    finally:
        process.terminate()
        process.wait()


def _head(status: str, length: int) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()


_ANSWERS = {
    "": _head("200 OK", len(_GOOD)) + _GOOD.encode(),
    "error": _head("500 Internal Server Error", len(_BAD)) + _BAD.encode(),
    "text": _head("200 OK", len(_BAD)) + _BAD.encode(),
    "half": _head("200 OK", len(_GOOD)) + _GOOD[: len(_GOOD) // 2].encode(),
}


class _Endpoint(asyncio.Protocol):
    plan = planned()

    def connection_made(self, transport) -> None:
        self.transport, self.received = transport, b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"\r\n\r\n"):
            number = int(self.received.split(b" ", 2)[1].rpartition(b"/")[2])
            delay_s, fault = self.plan[number]
            asyncio.get_running_loop().call_later(delay_s, self.answer, fault)

    def answer(self, fault: str) -> None:
        if fault == "reset":
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(_ANSWERS[fault])
            self.transport.close()


async def _serve(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    ca.issue_cert("*.bench.example", "127.0.0.1", not_after=in_a_year).configure_cert(context)
    server = await asyncio.get_running_loop().create_server(_Endpoint, "127.0.0.1", 0, ssl=context, backlog=2048)
    written = folder / "endpoints.tmp"
    written.write_text(json.dumps({"port": server.sockets[0].getsockname()[1], "ca_file": str(folder / "ca.pem")}))
    written.rename(folder / "endpoints.json")
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(Path(sys.argv[1])))
