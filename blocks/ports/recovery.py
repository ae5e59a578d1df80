"""What can be moved between two sites, how does each part look right now, and what is known of moves so far?

A *move* takes a platform from the site where it is active to another one. Whatever changes the world on the way is
a `Change` (blocks/ports/changes.py); this file says who offers which changes, and what they read before and after.

    DatabaseMember   one database server of a replicated pair: fence, drain, promote, open, follow
    DatabaseCopy     an isolated copy of such a server, for a drill
    Compute          what runs in a site: start, stop, resize
    Traffic          where clients are sent
    Vantage          a place from which one looks whether something is still there
    RecoveryJournal  which site is active, every move, what it lost, how long its steps took

The rules: a look never changes anything, and what cannot be seen is said so and never taken for gone; a fence is
*confirmed* only by whoever was fenced, or by the provider that switched it off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.catalogue.model import Service, Site
from blocks.ports.approvals import Approval, Plan
from blocks.ports.backups import Beat, Kept
from blocks.ports.changes import Change
from blocks.ports.credentials import Touched

# -- databases ------------------------------------------------------------------------------------


class DatabaseRole(StrEnum):
    """What a database server is, as it says itself."""

    PRIMARY = "primary"  # takes writes
    FENCED = "fenced"  # takes none: stopped by its fence, or it runs and is closed to writes; so over a restart
    STANDBY = "standby"
    STOPPED = "stopped"  # its host answers, the server does not run
    UNREACHABLE = "unreachable"  # nothing there answers us: it may be anything


class Waiting(StrEnum):
    """Whether a primary acknowledges a commit that no other server has."""

    STRICTLY = "strictly"  # it was seen to wait for one standby, at each commit, and lets nobody go by itself
    NOT = "not"  # some, or all, are acknowledged without; or it would let them go
    UNKNOWN = "unknown"  # not a primary, or not seen whole


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLook:
    """One look at one server. Positions are bytes of write-ahead log since the beginning of the cluster.

    `heartbeat_at` and `heartbeat_number` are of the newest heartbeat row that it holds: the host of the primary
    writes one a second, stamped with its own clock, so that two servers are compared on one clock.
    """

    address: str
    role: DatabaseRole
    text: str  # for people: 'household-data is primary on timeline 3, 1 of 1 standbys streaming, 0 bytes behind'
    system_id: str = ""
    timeline: int = 0
    position_bytes: int = 0  # written (primary) or received (standby)
    replayed_bytes: int = 0  # the same as position on a primary
    heartbeat_at: datetime | None = None
    heartbeat_number: int = 0
    changed_rows_per_s: float = 0.0  # over the last heartbeats
    row_counts: Mapping[str, int] = field(default_factory=dict[str, int])
    synchronous_with: str = ""  # the standby that each commit waits for
    lets_go: bool = False  # it stops waiting by itself where that standby is gone
    waiting: Waiting = Waiting.UNKNOWN
    called: str = ""  # how a primary shows this server as its standby, as its host says
    followers: Mapping[str, int] = field(default_factory=dict[str, int])  # standby -> bytes behind
    slots: Mapping[str, bool] = field(default_factory=dict[str, bool])  # replication slot -> is used
    fenced_by: str = ""  # the mark of the step that fenced it; `itself` where nobody ordered it
    left_at: Mapping[int, int] = field(default_factory=dict[int, int])  # earlier timeline -> where it left that

    @property
    def takes_writes(self) -> bool:
        """Somebody could write there now."""
        return self.role is DatabaseRole.PRIMARY

    @property
    def is_closed(self) -> bool:
        """It runs, is no standby, and clients can only read: it was drained, or promoted and not opened yet."""
        return self.role is DatabaseRole.FENCED and not self.fenced_by


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitLook:
    """Whether commits of some data were seen to wait, when, and by whom: what a dead primary can no longer say.

    `seen_at` is the journal's, before the look where they waited and after it where they did not: whatever else
    happened in the meantime is taken for the worse. `position_bytes` is what the primary had written by then.
    """

    data: str
    site: str  # of the primary
    waits: bool  # strictly, for `standby`
    seen_at: datetime
    seen_by: str  # for people: 'readiness', 'failback'
    standby: str = ""
    system_id: str = ""
    timeline: int = 0
    position_bytes: int = 0


class LossKind(StrEnum):
    """How well a loss is known."""

    BOUND = "bound"  # at most so much
    EXACT = "exact"  # counted on the stale primary


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What the old primary had acknowledged and the new one does not have: rows changed, and seconds of them."""

    data: str  # the name of the replicated data in the catalogue
    kind: LossKind
    rows: int
    seconds: float
    text: str
    by_table: Mapping[str, int] = field(default_factory=dict[str, int])
    saved_in: str = ""  # where the rows themselves are kept, once they are


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVerdict:
    """What the suites said of the data on one server, before clients return to it. `faults` are sentences."""

    data: str
    address: str
    table_count: int
    faults: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """'household on db2…:5432: 2 tables are as they should be', or what is not."""
        said = "; ".join(self.faults) or f"{self.table_count} tables are as they should be"
        return f"{self.data} on {self.address}: {said}"


class DatabaseMember(Protocol):
    """One server of a replicated pair. All methods raise the three errors; `look` never does for what is down."""

    @property
    def name(self) -> str:
        """The service's name in the catalogue."""
        ...

    def look(self) -> DatabaseLook: ...

    def read_traits(self) -> Mapping[str, str]:
        """What must be alike on both servers, so that one can stand in for the other: trait -> value."""
        ...

    def fence(self) -> Change:
        """It takes no writes any more, also after its host restarts. Confirmed by the server or its host."""
        ...

    def drain(self) -> Change:
        """For a move in peace: refuse new writes, let what is going on end, and keep running so that all is sent."""
        ...

    def release(self) -> Change:
        """Undo a fence or a drain of the server that stays the primary after all."""
        ...

    def promote(self) -> Change:
        """A standby becomes a primary on a new timeline, closed: until it is opened, clients only read."""
        ...

    def open(self) -> Change:
        """Clients may write on what was promoted and verified."""
        ...

    def follow(self, other: DatabaseMember) -> Change:
        """Become a standby of `other`: rewound where the two diverged, with a slot of its own."""
        ...

    def stand_alone(self) -> Change:
        """No commit waits for a standby and no unused slot keeps the log: a survivor never blocks or fills its disk."""
        ...

    def protect(self, standby: DatabaseMember) -> Change:
        """Each commit waits for `standby` again (zero loss), also while that is gone."""
        ...

    def protect_while_followed(self, standby: DatabaseMember) -> Change:
        """The same while `standby` is there: a survivor never blocks, and waits again once it has caught up."""
        ...

    def count_beyond(self, since: DatabaseLook) -> Loss:
        """What a fenced, stale primary acknowledged after the point where `since`, the promoted one, left it: exact."""
        ...

    def save_beyond(self, since: DatabaseLook, key: str) -> Change:
        """Keep those rows as evidence before any rewind; the evidence's reference says where."""
        ...

    def read_kept(self) -> Kept:
        """What its host keeps, to bring its data back to a moment with (blocks/ports/backups.py)."""
        ...

    def read_beats(self, since: datetime) -> Sequence[Beat]:
        """The heartbeat rows that it holds, oldest first, from the newest one that is not after `since`."""
        ...

    def restore(self, moment: datetime, timeline: int) -> Change:
        """The data as of a moment on that line, in a folder of its own; nothing that is there is touched."""
        ...

    def adopt(self, moment: datetime) -> Change:
        """What was restored takes the place of its data, and is a primary that is closed; what was there is kept."""
        ...

    def copy(self, name: str) -> DatabaseCopy:
        """An isolated copy of this server under that name (blocks/ports/copies.py), whether it is there or not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLook:
    """What a host says of copies: why it makes none (empty when it does), and the one that is there."""

    refused: str
    there: str
    state: str
    until: str
    counted_rows: int
    no_backup: str = ""  # why none is restored from a backup
    restored_to: datetime | None = None  # the newest moment that a backup and its archive gave back


class DatabaseCopy(Protocol):
    """A copy that a drill works on: nobody else meets it, and the server that it was copied from notices nothing."""

    @property
    def name(self) -> str: ...
    @property
    def reference(self) -> str:
        """As the journal leases it."""
        ...

    @property
    def address(self) -> str:
        """host:port where it answers."""
        ...

    def look(self) -> CopyLook: ...
    def make(self, until: datetime, *, restored: bool = False) -> Change:
        """Of the running server, or `restored` from the newest backup that its host keeps."""
        ...

    def promote(self) -> Change: ...
    def open(self) -> Change: ...
    def halt(self) -> Change:
        """Stopped for good. The effect is reached only when not a row was written on it."""
        ...

    def discard(self) -> Change: ...


# -- compute, traffic, vantage --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeLook:
    """How one service's machine or app is, as its provider says."""

    service: str
    running: bool
    settled: bool  # nothing is going on with it
    size: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityLook:
    """What a site could still take: -1 where the provider sets no limit. Quota is not capacity: `text` says which."""

    site: str
    cores_free: int
    ram_free_mib: int
    instances_free: int
    hosts_up: int  # 0 where the provider does not show them
    text: str
    pool: str = ""  # what the provider counts it in (a project, a subscription): two looks at one pool see one room


class Compute(Protocol):
    """What runs in the sites of one provider; the reader's credential looks, the operator's acts."""

    def look(self, service: Service) -> ComputeLook: ...
    def capacity(self, site: Site) -> CapacityLook: ...
    def start(self, service: Service) -> Change: ...
    def stop(self, service: Service) -> Change: ...
    def resize(self, service: Service, size: str) -> Change: ...
    def evacuate(self, service: Service) -> Change:
        """Rebuild it on another host because its own is dead. Raises `Refused` where the provider has no such thing."""
        ...


class Traffic(Protocol):
    """One switch that sends clients to sites."""

    def read_shares(self) -> Mapping[str, int]:
        """Site -> per cent of new clients, adding up to 100; all 0 while it is closed."""
        ...

    def shift(self, shares: Mapping[str, int]) -> Change:
        """Send clients so from now on; refused when somebody else changed the switch since the baseline."""
        ...

    def close(self) -> Change:
        """Send nobody anywhere until clients are shifted; `Refused` by a switch that must always lead somewhere."""
        ...

    def clients_follow_within(self) -> timedelta:
        """How long a well-behaved client may still go where it went (time to live)."""
        ...

    def entrances(self) -> Mapping[str, str]:
        """Site -> the host or address at which a client arrives that is sent there, whoever is sent there now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one vantage point says of a site. `gone` only when nothing there answered, and it looked properly."""

    vantage: str
    site: str
    gone: bool
    sure: bool  # it could see something else, so its own network is not what is down
    text: str


class Vantage(Protocol):
    """A place that looks at a site from outside it."""

    def sight(self, site: str, addresses: Sequence[str]) -> Sighting: ...


# -- what is known --------------------------------------------------------------------------------


class MoveKind(StrEnum):
    """Why a platform moves."""

    SWITCHOVER = "switchover"
    FAILOVER = "failover"
    FAILBACK = "failback"
    RESTORE = "point-in-time-restore"  # a failover to data as of a moment


class MoveState(StrEnum):
    """How far a move is."""

    UNDER_WAY = "under_way"
    SERVING = "serving"  # clients are served in the new site; the commit window runs
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    ABANDONED = "abandoned"  # its run ended before clients were served: what it did stands in its steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of one platform. Moments are the journal's; None until they came."""

    run: UUID
    platform: str
    kind: MoveKind
    from_site: str
    to_site: str
    state: MoveState
    began_at: datetime
    outage_at: datetime | None = None  # the last time that clients were served before it
    detected_at: datetime | None = None  # when an incident said so
    decided_at: datetime | None = None  # the last yes
    serving_at: datetime | None = None
    commit_due_at: datetime | None = None
    rolls_back: bool = False  # by itself at `commit_due_at`, while that is lossless, as the approved plan says
    settled_by: str = ""
    losses: tuple[Loss, ...] = ()

    @property
    def has_moved(self) -> bool:
        """The platform is where the move took it."""
        return self.state in {MoveState.SERVING, MoveState.COMMITTED}


class RecoveryJournal(Protocol):
    """The journal as moves see it. Every method is one transaction and may be repeated safely."""

    def active_site(self, platform: str) -> str:
        """Where traffic goes now by what was done; empty while nothing ever moved (the primary site is active)."""
        ...

    def begin_move(
        self,
        run: UUID,
        token: int,
        *,
        platform: str,
        kind: MoveKind,
        from_site: str,
        to_site: str,
        outage_at: datetime | None,
        detected_at: datetime | None,
        decided_at: datetime | None,
    ) -> Move:
        """Under the platform's lease; entered again it gives the one that is there."""
        ...

    def move_serves(self, run: UUID, token: int, *, commit_within: timedelta | None, rolls_back: bool) -> Move: ...
    def settle_move(self, run: UUID, state: MoveState, *, who: str) -> Move:
        """Commit it, roll it back or give it up. Raises `Refused` when it is settled otherwise."""
        ...

    def judge_share(self, run: UUID, token: int, *, item: str, comes: str, back_to: int, text: str) -> None:
        """What clients at one share saw, and what comes of it: a line of the run's history, under the lease."""
        ...

    def keep_loss(self, run: UUID, loss: Loss) -> Move:
        """An exact loss replaces a bound of the same data, never the other way round."""
        ...

    def move(self, run: UUID) -> Move | None: ...
    def moves(self, platform: str, limit_count: int = 20) -> Sequence[Move]:
        """Newest first."""
        ...

    def moves_to_settle(self) -> Sequence[Move]:
        """Those that serve and whose commit window is over."""
        ...

    def newest_moves(self) -> Sequence[Move]:
        """Of each platform the newest that got anywhere."""
        ...

    def standing_yes(self, move: UUID) -> Approval:
        """The approval with which this move may go back by itself now. Raises `Refused` with what speaks against it."""
        ...

    def promise_return(self, move: UUID, run: UUID) -> None:
        """Let this run, which the schedule asked for, take back the move of run `move`: once, as was approved with it.

        Raises `Refused` before the window is over, when somebody committed or moved on, when no approved plan says
        that it goes back, and for every other run.
        """
        ...

    def grant_return(self, move: UUID, run: UUID, plan: Plan) -> Approval:
        """The yes that was given with the move, for the plan of its way back. Raises `Refused` for any other plan."""
        ...

    def promise_rejoin(self, move: UUID, run: UUID) -> None:
        """Let this run, which the schedule asked for, do what was approved for the return of the site that was left.

        Raises `Refused` while another run does it, when the platform was moved on, and where nobody approved it.
        """
        ...

    def grant_rejoin(self, move: UUID, run: UUID, plan: Plan) -> Approval:
        """The yes that was given with the move, for a part of what its plan lists. Raises `Refused` for all else."""
        ...

    def rejoins_of(self, move: UUID) -> Sequence[UUID]:
        """The runs that were promised for this move's old site, oldest first."""
        ...

    def rejoin_for(self, run: UUID) -> UUID | None:
        """The move whose old site this run fences; None for every other run."""
        ...

    def keep_fenced_late(  # noqa: PLR0917  one line of the record
        self, move: UUID, run: UUID, token: int, item: str, begin: datetime, end: datetime
    ) -> None:
        """What was not confirmed when the move went on is fenced since `end`. The first word about an item stays."""
        ...

    def way_back_of(self, move: UUID) -> UUID | None:
        """The run that takes back the move of run `move`."""
        ...

    def taken_back_by(self, run: UUID) -> UUID | None:
        """The run whose move this run takes back."""
        ...

    def keep_commit_look(self, platform: str, look: CommitLook) -> None:
        """One more look at whom commits wait for; none is ever changed."""
        ...

    def commit_look(self, platform: str, data: str) -> CommitLook | None:
        """The newest one; of two at one moment that by which they did not wait."""
        ...

    def last_acted(self, platform: str, items: Sequence[str]) -> datetime | None:
        """When a step of one of these items can last have changed anything; None where there was none.

        One that never ended may have acted for a while after it was entered.
        """
        ...

    def durations(self, platform: str, action: str) -> Mapping[tuple[str, str], Sequence[timedelta]]:
        """(phase, item) -> how long that step took, newest first, of runs that did it without being interrupted."""
        ...

    def touched(self, platform: str, *, taking: str, giving: str) -> Sequence[Touched]:
        """Every step of the platform that took something (its item is `taking`) or gave it back, newest first."""
        ...
