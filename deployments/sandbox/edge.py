"""To which site is a new client of `api.hearth.example` sent?

To the one that the simulated Traffic Manager says, by its weights, as traffic management by DNS does: whoever
resolved the name before a change goes where it went until its answer is too old. An answer lives `TTL_S` here (in
earnest the profile says, often 30 to 60 s), so for so long some new clients still arrive at the old site, and those
that are connected stay. Nothing is opened on the way: TLS ends at the site, and the site's certificate names both.

The rule: where nobody says anything, the last answer holds. A silent traffic service moves nobody; one that says that
its profile sends nobody anywhere is believed, and clients find no address.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

import aiohttp

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.names import Entrance
from deployments.sandbox.state import State

Standing = Literal["open", "closed", "silent"]
TTL_S = 2.0
_ANSWERS_COUNT = 4  # moments of the last TTL at which a client may have asked
_PATIENCE_S = 1.0


class Line(Protocol):
    """The way to one site."""

    @property
    def standing(self) -> Standing: ...
    @property
    def address(self) -> tuple[str, int]: ...


class Answers:
    """What the traffic service answered lately: profile -> the shares of the last moments, newest last."""

    def __init__(self, entrances: Iterable[Entrance]) -> None:
        self._lately = {
            entrance.profile: deque([{entrance.first: 100.0}], maxlen=_ANSWERS_COUNT) for entrance in entrances
        }

    def hear(self, said: Mapping[str, Mapping[str, float]]) -> None:
        """A new answer; a profile that it does not name keeps its last one."""
        for profile, lately in self._lately.items():
            if profile in said:
                lately.append({site: float(share) for site, share in said[profile].items() if float(share) > 0})
            else:
                lately.append(lately[-1])

    def lately(self, profile: str) -> tuple[Mapping[str, float], ...]:
        """The shares that clients may still hold."""
        return tuple(self._lately[profile])


class Edge:
    """One entrance on one side (clients', or vigie's): chooses the way of each new connection."""

    def __init__(self, entrance: Entrance, lines: Mapping[str, Line], answers: Answers) -> None:
        self.name = entrance.name
        self._profile = entrance.profile
        self._ways = {site: lines[name] for site, name in entrance.sites.items()}
        self._answers = answers
        self._random = random.Random(entrance.name)  # seeded: a test sees the same clients each time

    def choose(self) -> tuple[str, int] | None:
        """Where a client goes that asked at some moment of the last TTL; None where that leads nowhere."""
        shares = self._random.choice(self._answers.lately(self._profile))
        if not shares:
            return None
        (site,) = self._random.choices(list(shares), weights=list(shares.values()))
        return self._ways[site].address if site in self._ways else None

    def standing(self) -> Standing:
        """Open while one of the sites in use is; silent before closed, since a client waits there."""
        used = {site for shares in self._answers.lately(self._profile) for site in shares}
        seen = {way.standing for site, way in self._ways.items() if site in used}
        return "open" if "open" in seen else "silent" if "silent" in seen else "closed"


async def follow_traffic(state: State, answers: Answers) -> None:
    """Ask the traffic service for ever, a few times a TTL."""
    context = ssl.create_default_context(cafile=str(ensure_authority(state.home).ca_file))
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=context)) as session:
        while True:
            answers.hear(await _shares(session, state.address("azure")))
            await asyncio.sleep(TTL_S / _ANSWERS_COUNT)


async def _shares(session: aiohttp.ClientSession, address: str) -> dict[str, dict[str, float]]:
    """Profile -> site -> per cent, as the simulated Azure says; nothing when it says nothing."""
    if not address:
        return {}
    try:
        async with session.get(f"https://{address}/_sandbox/traffic-shares") as answer:
            said: Any = await answer.json() if answer.status == 200 else {}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}  # pyright: ignore[reportUnknownVariableType]
