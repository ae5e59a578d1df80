"""Who uses the device API while nobody looks?

A few devices that report their state every second, so that the sandbox's databases, logs and
replication live; and the nightly work whose heartbeats the catalogue expects, once an hour here.
`python -m deployments.sandbox.fleet --state DIR`. It goes on through every fault.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import ssl
import sys
from pathlib import Path

import aiohttp

from blocks.catalogue.loader import load_catalogue
from blocks.errors import VigieError
from blocks.journal.opening import open_journal
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.names import relayed_port
from deployments.sandbox.state import CHECKOUT, State

_API = "api.hearth.example"
_EVERY_S = 1.0
_BEAT_EVERY_S = 3600.0
_BEAT_AGAIN_S = 2.0


async def serve(state: State) -> None:
    """Devices and nightly work, side by side, for ever."""
    await asyncio.gather(report_states(state), report_beats(state))


async def report_beats(state: State) -> None:
    """Report every heartbeat of the catalogue, as soon as there is a journal and then every hour."""
    while True:
        dsn = state.read_ready("control-database").get("journal_dsn")
        done = bool(dsn) and await asyncio.to_thread(_beat, str(dsn))
        await asyncio.sleep(_BEAT_EVERY_S if done else _BEAT_AGAIN_S)


def _beat(dsn: str) -> bool:
    journal = open_journal(dsn)
    try:
        for platform in load_catalogue(CHECKOUT / "deployments" / "catalogue").platforms.values():
            for beat in platform.beats:
                journal.beat(platform.name, beat)
    except VigieError:
        return False  # the tables are being made, or the journal is down: again soon
    finally:
        journal.close()
    return True


async def report_states(state: State) -> None:
    """Report for ever, one device a second; what fails is told once, and again when it is over."""
    context = ssl.create_default_context(cafile=str(ensure_authority(state.home).ca_file))
    url = f"https://127.0.0.1:{relayed_port(state, f'{_API}:443')}"
    chance, healthy = random.Random("fleet"), True
    state.write_ready("fleet", "")
    timeout = aiohttp.ClientTimeout(total=4)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=context)) as session:
        for turn in itertools.count():
            reported = {"temperature_c": round(chance.gauss(20, 2), 1), "turn": turn}
            worked = await _report(session, f"{url}/devices/device-{chance.randint(1, 200)}/state", reported)
            if worked != healthy:
                print("devices report again" if worked else "devices cannot report", file=sys.stderr, flush=True)  # noqa: T201
            healthy = worked
            await asyncio.sleep(_EVERY_S)


async def _report(session: aiohttp.ClientSession, url: str, state: dict[str, float]) -> bool:
    try:
        async with session.put(url, json=state, headers={"Host": _API}) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def main() -> None:
    """Run the fleet in the foreground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    asyncio.run(serve(State.at(parser.parse_args().state)))


if __name__ == "__main__":
    main()
