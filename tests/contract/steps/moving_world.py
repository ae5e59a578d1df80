"""Two sites with their databases, machines and switches, scripted: they outlive every process, and forbid what no move may do.

The rules are asked at every change, wherever a process died before it: never two databases that take writes where the
fence is confirmed; no row is thrown away before it is saved; nobody writes to data that was not verified; clients come
last; a second worker never runs in both sites; a right is given back as it was, and to nobody whose second worker runs
while the other site serves; what took effect is not done again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from blocks.ports.recovery import DatabaseLook, DatabaseRole
from tests.unit.recovery.scenes import AZURE, CELLAR

SITES = (AZURE, CELLAR)
SWITCHES = ("api", "database-name")
WORKERS = {AZURE: "household-digest", CELLAR: "household-digest-recovery"}
RIGHT = "archive-writer"  # held by home
APPS = {AZURE: "device-api", CELLAR: "device-api-recovery"}


@dataclass
class Server:
    """One database server. `rows` are numbers of the rows that it holds, `left_at` timeline -> rows when it left it."""

    site: str
    timeline: int = 3
    primary: bool = True
    running: bool = True
    fenced_by: str = ""
    closed: bool = False
    waits: bool = False  # each commit for its standby
    slot: bool = False  # for a standby, whether one streams or not
    follows: bool = False
    rows: list[int] = field(default_factory=list)
    left_at: dict[int, int] = field(default_factory=dict)
    saved: set[int] = field(default_factory=set)

    @property
    def takes_writes(self) -> bool:
        return self.running and self.primary and not self.closed and not self.fenced_by

    @property
    def role(self) -> DatabaseRole:
        if self.fenced_by:
            return DatabaseRole.FENCED
        if not self.running:
            return DatabaseRole.STOPPED
        if not self.primary:
            return DatabaseRole.STANDBY
        return DatabaseRole.FENCED if self.closed else DatabaseRole.PRIMARY


@dataclass
class Machine:
    """What runs for a service. `requests` are what its provider was asked for, `since` counts its starts."""

    running: bool = True
    size: str = "m1.small"
    since: int = 1
    requests: set[str] = field(default_factory=set)


@dataclass
class World:
    """Everything that a move changes, and what was done to it. `seen` are the sites that answer us."""

    began_at: datetime
    servers: dict[str, Server]
    machines: dict[str, Machine]
    shares: dict[str, dict[str, int]]
    right: str = "as it was"  # what somebody decided of it; empty: nobody holds it
    seen: set[str] = field(default_factory=lambda: set(SITES))
    powered: set[str] = field(default_factory=lambda: set(SITES))
    tokens: set[str] = field(default_factory=set)  # orders that a host remembers
    verified: set[str] = field(default_factory=set)  # by the process that lives now
    effects: Counter = field(default_factory=Counter)
    done: list[str] = field(default_factory=list)
    fence_is_confirmed: bool = True  # of the database
    workers_are_confirmed: bool = True
    exposed: set[int] = field(default_factory=set)  # rows written while two took writes
    acknowledged: set[int] = field(default_factory=set)  # rows that a client was told are safe
    last_row: int = 0

    # -- time and clients

    def beat(self) -> None:
        """A second: what was written is sent on, and clients write one row wherever they are let."""
        for server in self.servers.values():
            other = self.other(server.site)
            if self.streams(server):
                assert server.rows == other.rows[: len(server.rows)], f"{server.site} has rows of its own: {self.done}"
                server.rows = list(other.rows)
        writable = [each for each in self.servers.values() if each.takes_writes and each.site in self.powered]
        self.last_row += 1
        for server in writable:
            server.rows.append(self.last_row)
            self.acknowledged.add(self.last_row)
        if len(writable) > 1:
            assert not self.fence_is_confirmed, f"two databases took writes: {self.done}"
            self.exposed.add(self.last_row)

    @property
    def now(self) -> datetime:
        return self.began_at + timedelta(seconds=self.last_row)

    def moment(self, row: int) -> datetime:
        return self.began_at + timedelta(seconds=row)

    # -- looking

    def other(self, site: str) -> Server:
        (found,) = [server for name, server in self.servers.items() if name != site]
        return found

    def streams(self, server: Server) -> bool:
        """It is a standby that its primary sees."""
        other = self.other(server.site)
        linked = self.powered == self.seen == set(self.servers)
        runs = server.running and other.running and other.primary
        return server.follows and linked and runs and server.timeline == other.timeline

    def keeps_unused_slot(self, server: Server) -> bool:
        return server.slot and not self.streams(self.other(server.site))

    def look(self, site: str) -> DatabaseLook:
        server = self.servers[site]
        if site not in self.seen:
            return DatabaseLook(address=site, role=DatabaseRole.UNREACHABLE, text="nothing there answers")
        knows = server.running and bool(server.rows)
        other = self.other(site)
        streams = self.streams(other)
        behind = len(set(server.rows) - set(other.rows))
        return DatabaseLook(
            address=site,
            role=server.role,
            text=f"household in {site} is {server.role.value} on timeline {server.timeline}",
            system_id="7",
            timeline=server.timeline,
            position_bytes=len(server.rows),
            heartbeat_at=self.moment(server.rows[-1]) if knows else None,
            heartbeat_number=server.rows[-1] if knows else 0,
            changed_rows_per_s=1.0,
            fenced_by=server.fenced_by,
            left_at=server.left_at,
            synchronous_with=other.site if server.waits and streams else "",
            followers={other.site: behind} if streams and server.primary else {},
            slots={other.site: streams} if server.slot else {},
        )

    # -- what is done

    def effect(self, key: str, item: str) -> None:
        """Something really changed."""
        self.effects[key] += 1
        self.done.append(item)
        assert self.effects[key] == 1, f"{item} took effect {self.effects[key]} times: {self.done}"
        self.must_hold()

    def must_hold(self) -> None:
        """What holds after every change."""
        self.beat()
        works = [site for site, name in WORKERS.items() if self.machines[name].running and site in self.powered]
        assert len(works) < 2 or not self.workers_are_confirmed, f"the second worker runs twice: {self.done}"


def quiet_world(began_at: datetime) -> World:
    """At home, all well, some rows written and sent."""
    world = World(
        began_at=began_at,
        servers={
            AZURE: Server(AZURE, slot=True),
            CELLAR: Server(CELLAR, primary=False, follows=True, slot=True),  # of somebody who is gone
        },
        machines={name: Machine() for name in (*APPS.values(), *WORKERS.values())},
        shares={switch: {AZURE: 100, CELLAR: 0} for switch in SWITCHES},
    )
    world.machines[WORKERS[CELLAR]].running = False
    for _ in range(5):
        world.beat()
    return world


def cut_off(world: World) -> World:
    """Home lives, its clients reach it, and we do not: nobody can confirm a fence."""
    world.beat()
    world.seen.discard(AZURE)
    world.fence_is_confirmed = False
    world.workers_are_confirmed = False
    return world


def dead_database(world: World) -> World:
    """The database of home has died, and its host answers."""
    world.beat()
    world.servers[AZURE].running = False
    return world


def back_again(world: World) -> World:
    """The site is back, as it was: but its database hears of a promotion and fences itself."""
    world.powered.add(AZURE)
    world.seen.add(AZURE)
    home = world.servers[AZURE]
    if world.servers[CELLAR].timeline > home.timeline and home.primary:
        home.fenced_by = home.fenced_by or "itself"
    home.running = not home.fenced_by
    world.fence_is_confirmed = True
    return world
