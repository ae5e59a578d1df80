"""What a move may do to the scripted world: each deed asks, acts and is found again as the real adapters do it.

Each is modelled on its adapter: which evidence there is, what `check` refuses, in which parts an act is done. A process
may die between two parts of one act, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from blocks.catalogue.model import Service, Site
from blocks.errors import Refused, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.credentials import TAKEN, CredentialLook
from blocks.ports.recovery import CapacityLook, ComputeLook, DatabaseLook, DatabaseRole, Loss, LossKind
from blocks.postgres.change import require_primary, require_role
from tasks.recovery.items import Item, Verb
from tasks.recovery.opening import Parts, taken_from
from tests.contract.steps.moving_world import RIGHT, WORKERS, World
from tests.unit.recovery.scenes import AZURE, ROOM

Between = Callable[[str], None]
"""Called between two parts of one act, with its name."""


@dataclass
class Deed:
    """One change of the scripted world."""

    world: World
    item: str
    between: Between
    may: Callable[[], None]
    state: Callable[[], str]  # as the provider shows it: before and after are told apart by it
    goal: Callable[[], bool]
    parts: tuple[Callable[[Mark], None], ...]
    by_token: bool = False  # the provider remembers the order itself
    repeatable: bool = True
    phase: str = ""
    patience = Patience(every=timedelta(seconds=1), at_most=timedelta(seconds=30))

    @property
    def text(self) -> str:
        return self.item

    def check(self) -> None:
        self.may()

    def read_baseline(self) -> Mapping[str, str]:
        return {"state": self.state()}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        if self.by_token:
            found = mark.key in self.world.tokens
            kind = EvidenceKind.CLIENT_TOKEN
        else:
            found = self.goal() and self.state() != mark.baseline["state"]
            kind = EvidenceKind.GENERATION
        return Evidence(kind=kind, reference=self.state() or "-", text=self.state()) if found else None

    def act(self, mark: Mark) -> Evidence | None:
        if not self.by_token and self.goal() and self.state() == mark.baseline["state"]:
            return None  # it was so already
        for number, part in enumerate(self.parts):
            if number:
                self.between(f"in the middle of {self.item}")
            part(mark)
            self.world.must_hold()
        if self.by_token:
            self.world.tokens.add(mark.key)
        self.world.effect(mark.key, self.item)
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        self.world.beat()
        return Seen(reached=self.goal(), text=self.state())


@dataclass
class Member:
    """The server of the data in one site, as the port has it."""

    world: World
    site: str
    between: Between

    def look(self) -> DatabaseLook:
        return self.world.look(self.site)

    def fence(self) -> Deed:
        def stop(mark: Mark) -> None:
            self._server.running, self._server.fenced_by = False, mark.key[:8]

        return self._deed(Verb.FENCE_DATABASE, self._answers, lambda: bool(self._server.fenced_by), stop, by_token=True)

    def drain(self) -> Deed:
        def may() -> None:
            look = self.look()
            require_primary(look, what="a drain")
            if not look.followers:
                raise Refused("there is nobody to send the rest to")

        def close(_: Mark) -> None:
            self._server.closed = True

        def sent() -> bool:
            return self._server.closed and not set(self._server.rows) - set(self.world.other(self.site).rows)

        return self._deed(Verb.DRAIN_DATABASE, may, sent, close)

    def release(self) -> Deed:
        def lower(_: Mark) -> None:
            self._server.fenced_by, self._server.running = "", True

        def reopen(_: Mark) -> None:
            self._server.closed = False

        return self._deed(
            Verb.RELEASE_DATABASE, self._answers, lambda: self._server.takes_writes, lower, reopen, by_token=True
        )

    def promote(self) -> Deed:
        server = self._server

        def close(_: Mark) -> None:
            server.waits, server.closed = False, True

        def lead(_: Mark) -> None:
            assert server.closed, "it is promoted closed"
            server.left_at[server.timeline] = len(server.rows)
            server.primary, server.follows, server.timeline = True, False, server.timeline + 1

        may = self._needs(DatabaseRole.STANDBY, "a promotion")
        return self._deed(
            Verb.PROMOTE_DATABASE, may, lambda: server.primary and server.running, close, lead, repeatable=False
        )

    def open(self) -> Deed:
        def let_in(_: Mark) -> None:
            assert self.site in self.world.verified, f"{self.site} is opened unverified: {self.world.done}"
            self._server.closed = False

        return self._deed(Verb.OPEN_DATABASE, self._is_primary, lambda: self._server.takes_writes, let_in)

    def stand_alone(self) -> Deed:
        def wait_for_nobody(_: Mark) -> None:
            self._server.waits = False

        def drop(_: Mark) -> None:
            self._server.slot = self._server.slot and self.world.streams(self.world.other(self.site))

        return self._deed(
            Verb.STAND_ALONE, self._is_primary, lambda: self._keeps_nothing, wait_for_nobody, drop, by_token=True
        )

    def protect(self, standby: Member) -> Deed:
        def wait(_: Mark) -> None:
            assert standby.look().role is DatabaseRole.STANDBY
            self._server.waits = True

        return self._deed(Verb.PROTECT_DATABASE, self._is_primary, lambda: self._server.waits, wait)

    def follow(self, other: Member) -> Deed:
        own, theirs = self._server, self.world.servers[other.site]

        def may() -> None:
            require_primary(other.look(), what="following")
            if self.look().takes_writes:
                raise Refused("it would lose what is being written", next_step="fence it first")

        def rewind(_: Mark) -> None:
            alone = set(own.rows) - set(theirs.rows)
            assert alone <= own.saved, f"{alone - own.saved} are rewound and nowhere saved: {self.world.done}"
            own.running, own.primary, own.rows = False, False, list(theirs.rows)

        def stream(_: Mark) -> None:
            own.running, own.follows, own.closed, own.fenced_by = True, True, False, ""
            own.timeline, own.left_at, own.slot, theirs.slot = theirs.timeline, dict(theirs.left_at), False, True

        follows = lambda: own.follows and own.running and own.timeline == theirs.timeline  # noqa: E731
        return self._deed(Verb.FOLLOW_DATABASE, may, follows, rewind, stream, by_token=True)

    def save_beyond(self, since: DatabaseLook, key: str) -> Deed:
        def save(_: Mark) -> None:
            self._server.saved |= self._beyond(since)

        def kept() -> bool:
            return self._beyond(since) <= self._server.saved

        return self._deed(
            Verb.SAVE_BEYOND, self._needs(DatabaseRole.FENCED, f"saving {key}"), kept, save, by_token=True
        )

    def count_beyond(self, since: DatabaseLook) -> Loss:
        rows = len(self._beyond(since))
        return Loss(data="household", kind=LossKind.EXACT, rows=rows, seconds=float(rows), text=f"{rows} rows beyond")

    # -- pieces

    @property
    def _keeps_nothing(self) -> bool:
        return not self._server.waits and not self.world.keeps_unused_slot(self._server)

    @property
    def _server(self) -> Any:
        return self.world.servers[self.site]

    def _beyond(self, since: DatabaseLook) -> set[int]:
        assert self._server.timeline in since.left_at, "count only on the server that was left behind"
        return set(self._server.rows[since.left_at[self._server.timeline] :])

    def _answers(self) -> None:
        if self.site not in self.world.seen:
            raise Retryable("the host does not answer")

    def _needs(self, role: DatabaseRole, what: str) -> Callable[[], None]:
        return lambda: require_role(self.look(), role, what=what)

    def _is_primary(self) -> None:
        require_primary(self.look(), what="this")

    def _deed(
        self, verb: Verb, may: Callable[[], None], goal: Callable[[], bool], *parts: Callable[[Mark], None], **more: Any
    ) -> Deed:
        def state() -> str:
            look, server = self.look(), self._server
            return f"{look.role} {look.timeline} {server.waits} {server.slot}"

        item = str(Item(verb, "household", self.site))
        return Deed(self.world, item, self.between, may, state, goal, parts, **more)


@dataclass
class Clouds:
    """What runs in a site."""

    world: World
    site: str
    between: Between

    def capacity(self, _: Site) -> CapacityLook:
        return ROOM

    def look(self, service: Service) -> ComputeLook:
        self._answers()
        machine = self.world.machines[service.name]
        return ComputeLook(service=service.name, running=machine.running, settled=True, size=machine.size, text="-")

    def start(self, service: Service) -> Deed:
        return self._switch(service, running=True)

    def stop(self, service: Service) -> Deed:
        return self._switch(service, running=False)

    def resize(self, service: Service, size: str) -> Deed:
        machine = self.world.machines[service.name]

        def grow(_: Mark) -> None:
            machine.size = size

        return self._deed(service, "resize", lambda: machine.size == size, grow)

    def restart(self, service: Service) -> Deed:
        machine, before = self.world.machines[service.name], list[int]()

        def again(mark: Mark) -> None:
            before.append(machine.since)
            machine.since += 1
            machine.requests.add(mark.key)

        deed = self._deed(service, "restart", lambda: machine.running, again, repeatable=False)
        deed.by_token = True
        return deed

    def _switch(self, service: Service, *, running: bool) -> Deed:
        machine = self.world.machines[service.name]

        def turn(_: Mark) -> None:
            machine.running = running

        return self._deed(service, "start" if running else "stop", lambda: machine.running is running, turn)

    def _deed(self, service: Service, what: str, goal: Callable[[], bool], *parts: Any, **more: Any) -> Deed:
        machine = self.world.machines[service.name]

        def state() -> str:
            return f"{machine.running} {machine.size} {machine.since}"

        return Deed(self.world, f"{what} {service.name}", self.between, self._answers, state, goal, parts, **more)

    def _answers(self) -> None:
        if self.site not in self.world.seen:
            raise Retryable("the provider does not answer")


@dataclass
class Switch:
    """Where clients are sent."""

    world: World
    name: str
    between: Between

    def read_shares(self) -> Mapping[str, int]:
        return dict(self.world.shares[self.name])

    def shift(self, shares: Mapping[str, int]) -> Deed:
        def turn(_: Mark) -> None:
            self.world.shares[self.name] = dict(shares)

        def state() -> str:
            return str(sorted(self.world.shares[self.name].items()))

        def reached() -> bool:
            return self.world.shares[self.name] == dict(shares)

        return Deed(self.world, f"{self.name} to {dict(shares)}", self.between, lambda: None, state, reached, (turn,))

    def close(self) -> Deed:
        return self.shift(dict.fromkeys(self.world.shares[self.name], 0))


@dataclass
class Right:
    """What home may do with what both sites share, as its provider keeps it: that answers whatever becomes of home."""

    world: World
    between: Between

    def look(self) -> CredentialLook:
        return CredentialLook(name=RIGHT, held=bool(self.world.right), fits=True, text=self.world.right or "gone")

    def revoke(self) -> Deed:
        def take(_: Mark) -> None:
            self.world.right = ""

        return self._deed(Verb.REVOKE_CREDENTIAL, lambda: not self.world.right, take, lambda: self.world.right)

    def grant(self, taken: str) -> Deed:
        def give(mark: Mark) -> None:
            assert mark.baseline[TAKEN] == "as it was", f"{mark.baseline} would be given: {self.world.done}"
            works = self.world.machines[WORKERS[AZURE]].running
            assert not works, f"the second worker of {AZURE} could go on with it: {self.world.done}"
            self.world.right = mark.baseline[TAKEN]

        return self._deed(
            Verb.GRANT_CREDENTIAL,
            lambda: not taken or bool(self.world.right),
            *([give] if taken else []),
            lambda: taken,
        )

    def _deed(self, verb: Verb, goal: Callable[[], bool], *parts: Any) -> Deed:
        *done, kept = parts
        item = str(Item(verb, RIGHT, AZURE))
        state = lambda: self.world.right or "gone"  # noqa: E731
        return Keeping(self.world, item, self.between, lambda: None, state, goal, tuple(done), kept=kept)


@dataclass
class Keeping(Deed):
    """A change whose baseline keeps what it takes, or gives."""

    kept: Callable[[], str] = field(default=lambda: "")

    def read_baseline(self) -> Mapping[str, str]:
        return {**super().read_baseline(), TAKEN: self.kept()}


@dataclass(frozen=True)
class ScriptedParts(Parts):
    """The real table from a plan's items to changes, over the scripted world's adapters."""

    world: Any = None
    between: Any = None
    journal: Any = None

    def member(self, data: str, site: str) -> Any:
        assert data == "household"
        return Member(self.world, site, self.between)

    def compute(self, site: str) -> Any:
        return Clouds(self.world, site, self.between)

    def traffic(self, switch: str) -> Any:
        return Switch(self.world, switch, self.between)

    def credential(self, name: str) -> Any:
        assert name == RIGHT
        return Right(self.world, self.between)

    def taken(self, item: Item) -> str:
        return taken_from(self.journal, self.platform.name, item)

    def recycled(self, item: Item) -> Any:
        return self.compute(item.site).restart(self.counterpart(item))

    def change(self, item: Item, phase: str) -> Any:
        if phase == "shift" and item.verb is Verb.SHIFT_TRAFFIC:
            self._clients_come_last(item)
        if item.verb in {Verb.START_SERVICE, Verb.START_WORKER} and item.site == AZURE:
            assert self.world.right == "as it was", f"{item}, without what it needs: {self.world.done}"
        return super().change(item, phase)

    def _clients_come_last(self, item: Item) -> None:
        server = self.world.servers[item.site]
        assert server.takes_writes, f"{item}, where nobody can write: {self.world.done}"
