"""The established alternative: prometheus-blackbox-exporter, asked by 64 callers at once.

It runs on a free loopback port with a module that checks what the sweep checks: status 200, the same
text in the body, the same authority, ten seconds. Its own processor seconds are counted beside the time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import aiohttp

from tests.benchmarks.bare import at_once
from tests.benchmarks.endpoints import EXPECTED, World

PROGRAM = "prometheus-blackbox-exporter"
_CONFIG = """
modules:
  bench:
    prober: http
    timeout: 10s
    http:
      method: GET
      valid_status_codes: [200]
      fail_if_body_not_matches_regexp: ['{expected}']
      follow_redirects: false
      preferred_ip_protocol: ip4
      tls_config:
        ca_file: {ca_file}
"""


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@contextlib.contextmanager
def running_exporter(world: World, folder: Path) -> Iterator[tuple[str, int]]:
    """(address, process id) of an exporter with our module, ended with the block."""
    config = folder / "blackbox.yml"
    config.write_text(_CONFIG.format(expected=EXPECTED, ca_file=world.ca_file))
    address = f"127.0.0.1:{_free_port()}"
    with (folder / "blackbox.log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, f"--config.file={config}", f"--web.listen-address={address}", "--log.level=error"],
            stdout=log,
            stderr=log,
        )
    try:
        _await_listening(address, process)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


async def run_blackbox(world: World, count: int, address: str, pid: int) -> dict[str, float]:
    """Seconds, the exporter's processor seconds, and how many endpoints it found faulty."""
    before = _cpu_s(pid)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:

        async def is_good(number: int) -> bool:
            target = quote(world.direct_url(number), safe="")
            url = f"http://{address}/probe?module=bench&target={target}&hostname={world.name(number)}"
            async with session.get(url) as answer:
                return "probe_success 1" in await answer.text()

        done = await at_once(count, is_good)
    return done | {"exporter_cpu_s": _cpu_s(pid) - before}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _await_listening(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{PROGRAM} did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
