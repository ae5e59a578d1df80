"""What does one see before a move is planned?

Every look at once, each bounded in time by its adapter; one that was turned away at once is taken once more, because a
busy provider would make the plan refuse. The rule: a look that could not be taken is absent from the facts, with a
sentence about it in the run's log, and what is absent is never taken for good news.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from blocks.catalogue.model import DatabaseCheck, HttpCheck, Platform, Service, TcpCheck, TlsCheck
from blocks.catalogue.recovery import DnsSwitch
from blocks.errors import Retryable, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.network.vantage import WorkerVantage
from blocks.ports.credentials import CredentialLook
from blocks.ports.incidents import Incident
from blocks.ports.recovery import CapacityLook, ComputeLook, DatabaseLook, Move, MoveKind, MoveState, Sighting
from tasks.core.together import side_by_side
from tasks.drills.decide import ACTION as DRILL
from tasks.drills.decide import rehearsed
from tasks.incidents.way_out import without_way_out
from tasks.recovery.added import Added, added_for
from tasks.recovery.adding import fault_of
from tasks.recovery.capacity import less_claimed, pool_of
from tasks.recovery.opening import Parts
from tasks.recovery.outage import servers_silent_since
from tasks.recovery.values import Facts, Ran
from tasks.recovery.witnessing import known_of_commits

T = TypeVar("T")
_AT_ONCE = 24


@dataclass(slots=True)
class Looks:
    """Looks that are taken side by side; `missed` says what could not be seen and why."""

    missed: list[str] = field(default_factory=list[str])
    at_once_s: float = 1.0  # whoever was silent for longer is not asked again: a dead site answers no better
    pause_s: float = 0.5

    def take(self, wanted: Mapping[str, Callable[[], T]]) -> dict[str, T]:
        """Name -> what was seen; what could not be is left out and said."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            going = {
                name: pool.submit(copy_context().run, self._look, look) for name, look in wanted.items()
            }  # our settings too
        seen: dict[str, T] = {}
        for name, future in going.items():
            try:
                seen[name] = future.result()
            except VigieError as error:
                self.missed.append(f"{name} cannot be seen: {error}")
            except Exception as error:  # noqa: BLE001  a defect in one look never hides the others; it is said
                self.missed.append(f"{name} cannot be seen: a defect of vigie ({type(error).__name__}: {error})")
        return seen

    def _look(self, look: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            return look()
        except Retryable:
            if time.monotonic() - began > self.at_once_s:
                raise
        time.sleep(self.pause_s)
        return look()


def look_at(parts: Parts, journal: PostgresJournal, kind: MoveKind, say: Callable[[str], None]) -> Facts:
    """The facts of this moment. Raises `Retryable` when the journal does not answer; of all else it says what is."""
    platform, plan, looks, begun_at = parts.platform, parts.recovery, Looks(), journal.now()
    active = journal.active_site(platform.name) or platform.home
    added = _added(platform, kind, active)
    with ThreadPoolExecutor(1) as pool:  # whoever plans a failover will need to know, and clients wait
        sighted = pool.submit(copy_context().run, _sightings, parts, active) if kind is MoveKind.FAILOVER else None
        seen, compute, credentials, capacity, shares, wrong = _look_everywhere(parts, looks, added)
    for missed in sorted(looks.missed):
        say(missed)
    alive = all(seen[name, active].takes_writes for name in plan.data if (name, active) in seen)
    incidents = journal.open_incidents(platform.name)
    moves = journal.moves(platform.name)
    now = journal.now()
    commits, lifted = known_of_commits(journal, platform, active, seen, began=begun_at, ended=now)
    return Facts(
        now=now,
        active=active,
        databases=seen,
        last_known={name: seen[name, active] for name in plan.data if (name, active) in seen and alive},
        commits=commits,
        lifted=lifted,
        compute=compute,
        credentials=credentials,
        capacity=_not_spoken_for(parts, journal, capacity, begun_at),
        added=wrong,
        shares={name: dict(each) for name, each in shares.items()},
        sightings=() if alive else sighted.result() if sighted is not None else _sightings(parts, active),
        incidents=tuple(_sentence(each) for each in incidents),
        durations=journal.durations(platform.name, kind.value),
        rehearsed=rehearsed(journal.durations(platform.name, DRILL), journal.drills(platform.name), platform),
        moves=moves,
        ran=ran_since_home(journal, platform, moves),
        losses=tuple(loss for move in moves[:1] for loss in move.losses if not loss.saved_in),
        silent_since=servers_silent_since(journal, platform, active),
    )


_Everything = tuple[
    dict[tuple[str, str], DatabaseLook],
    dict[str, ComputeLook],
    dict[str, CredentialLook],
    dict[str, CapacityLook],
    dict[str, Mapping[str, int]],
    dict[str, str],
]


def _look_everywhere(parts: Parts, looks: Looks, added: Sequence[Added]) -> _Everything:
    """Databases by (data, site), compute, credentials, capacity, shares, faults of the plan's own steps.

    A site that is dark keeps the others from nothing.
    """
    platform, plan = parts.platform, parts.recovery
    members = {f"{name}@{site}": (name, site) for name, data in plan.data.items() for site in data.members}
    databases: dict[tuple[str, str], DatabaseLook] = {}
    compute: dict[str, ComputeLook] = {}
    credentials: dict[str, CredentialLook] = {}
    capacity: dict[str, CapacityLook] = {}
    shares: dict[str, Mapping[str, int]] = {}
    wrong: dict[str, str] = {}

    def look_at_databases() -> None:
        found = looks.take({key: _database_look(parts, *where) for key, where in members.items()})
        databases.update({members[key]: look for key, look in found.items()})

    def look_at_credentials() -> None:
        found = looks.take({f"credential {name}": _credential_look(parts, name) for name in plan.credentials})
        credentials.update({name.removeprefix("credential "): look for name, look in found.items()})

    def look_at_added() -> None:
        found = looks.take({f"step {each.step.name}": _added_look(parts, each) for each in added})
        wrong.update({name.removeprefix("step "): fault for name, fault in found.items()})

    side_by_side(
        [
            look_at_databases,
            lambda: compute.update(looks.take({each.name: _compute_look(parts, each) for each in _computed(platform)})),
            lambda: capacity.update(looks.take({site: _capacity_look(parts, site) for site in plan.capacity})),
            lambda: shares.update(looks.take({name: _shares_look(parts, name) for name in plan.traffic})),
            look_at_credentials,
            look_at_added,
        ]
    )
    return databases, compute, credentials, capacity, shares, wrong


def addresses_of(platform: Platform, site: str) -> Sequence[str]:
    """host:port of everything that stands in a site, without names that lead to another site once traffic is moved."""
    plan = platform.recovery
    moving = {urlsplit(proof).hostname for proof in plan.proofs if "://" in proof} if plan else set[str | None]()
    found: list[str] = [data.hosts[site] for data in plan.data.values()] if plan else []
    for service in platform.services.values():
        for check in service.checks.values() if service.site == site else ():
            if isinstance(check, TcpCheck | TlsCheck | DatabaseCheck):
                found.append(check.address)
            elif isinstance(check, HttpCheck):
                parts = urlsplit(check.url)
                found.append(f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
    return tuple(dict.fromkeys(each for each in found if each.rpartition(":")[0] not in moving))


def _sightings(parts: Parts, site: str) -> tuple[Sighting, ...]:
    """The worker's look and that of the other site's database hosts."""
    platform, plan = parts.platform, parts.recovery
    addresses = addresses_of(platform, site)
    outside = [switch.server for switch in plan.traffic.values() if isinstance(switch, DnsSwitch)]
    others = [address for other in platform.sites if other != site for address in addresses_of(platform, other)]
    points = [WorkerVantage(parts.routes, (*others, *outside))]
    hosts = [
        parts.vantage(name, other, outside)
        for name, data in plan.data.items()
        for other in data.members
        if other != site
    ]
    return tuple(side_by_side([partial(point.sight, site, addresses) for point in (*points, *hosts)]))


def _computed(platform: Platform) -> list[Service]:
    """Every service that a cloud runs and that a plan may switch."""
    return [
        service
        for service in platform.services.values()
        if service.kind in {"azure.app_service", "azure.virtual_machine", "openstack.server"}
    ]


def _database_look(parts: Parts, data: str, site: str) -> Callable[[], DatabaseLook]:
    return lambda: parts.member(data, site).look()


def _compute_look(parts: Parts, service: Service) -> Callable[[], ComputeLook]:
    return lambda: parts.compute(service.site).look(service)


def _credential_look(parts: Parts, name: str) -> Callable[[], CredentialLook]:
    return lambda: parts.credential(name).look()


def _capacity_look(parts: Parts, site: str) -> Callable[[], CapacityLook]:
    return lambda: parts.compute(site).capacity(parts.site(site))


def _not_spoken_for(
    parts: Parts, journal: PostgresJournal, capacity: Mapping[str, CapacityLook], since: datetime
) -> dict[str, CapacityLook]:
    """What moves of other platforms under way will still take is not free."""
    left: dict[str, CapacityLook] = {}
    for site, look in capacity.items():
        pool = pool_of(parts.site(site), look)
        left[site] = less_claimed(look, journal.room_claims(pool, since=since, apart_from=parts.platform.name))
    return left


def _shares_look(parts: Parts, switch: str) -> Callable[[], Mapping[str, int]]:
    return lambda: parts.traffic(switch).read_shares()


def _added(platform: Platform, kind: MoveKind, active: str) -> list[Added]:
    """What the plan adds to such a move and can be looked at; to which site is of no matter for it."""
    other = next((site for site in platform.sites if site != active), active)
    return [each for each in added_for(platform, kind.value, active, other) if each.can_be_looked_at]


def _added_look(parts: Parts, added: Added) -> Callable[[], str]:
    return lambda: fault_of(parts, added)


def ran_since_home(journal: PostgresJournal, platform: Platform, moves: Sequence[Move]) -> tuple[Ran, ...]:
    """Every step since the platform was last at home and whole, oldest first."""
    home, runs = platform.home, []
    for move in moves:
        if move.to_site == home and move.state is MoveState.COMMITTED:
            break
        runs.append(move.run)
    return tuple(
        Ran(phase=step.phase, item=step.item, done=step.is_done)
        for run in reversed(runs)
        for step in journal.steps(run)
    )


def _sentence(incident: Incident) -> str:
    return f"{incident.root}: {without_way_out(incident.sentence)}"
