"""A whole move in one process: the flow's own order, the real plan, step engine and journal, over a scripted world.

What is called in which order is read out of the flow itself, so that a call which nobody here knows fails the tests.
The journal is one open transaction: a place can be returned to, and what follows from a death there is played to its
end as often as somebody likes, on a copy of the world.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import psycopg

from blocks.journal.adapter import PostgresJournal
from blocks.ports.approvals import Plan, PlanStep
from blocks.ports.recovery import MoveKind
from blocks.ports.runs import RunState
from tasks.core.change import perform
from tasks.recovery.decide import plan_move
from tasks.recovery.earning import judgements
from tasks.recovery.holding import claim_for
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.looking import ran_since_home
from tasks.recovery.phases import go_through
from tasks.recovery.recording import (
    write_beginning,
    write_bounds,
    write_count,
    write_nothing_lost,
    write_serving,
)
from tasks.recovery.returning import Next, Ruling
from tasks.recovery.sharing import Watching, attempt_for, share_before
from tasks.recovery.values import Facts, other_site
from tasks.recovery.watching import judge_once
from tasks.recovery.witness_steps import write_whom_commits_wait_for
from tasks.runs.runbook import Granted, Runbook
from tests.contract.steps.moving_parts import ScriptedParts
from tests.contract.steps.moving_world import APPS, WORKERS, World
from tests.contract.steps.world import FastWatch
from tests.unit.recovery.scenes import CELLAR, HEARTH, ROOM, compute, gone, held

_FLOWS = Path(__file__).resolve().parents[3] / "flows"
_WRITES = {
    "intend",
    "keep_evidence",
    "finish_step",
    "begin_move",
    "keep_loss",
    "judge_share",
    "move_serves",
    "claim_room",
}
Hook = Callable[[str], None]


class JournalInOneTransaction(PostgresJournal):
    """The real journal on one connection, in a transaction that stays open: a third of the round trips.

    One that fails inside would leave its half behind, so that nobody may go on with it then.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._connections: Any = SimpleNamespace(transaction=self._as_is, where="tests")
        self._failed = ""

    @contextmanager
    def _as_is(self) -> Generator[psycopg.Connection]:
        assert not self._failed, f"something failed in the journal before: {self._failed}"
        try:
            yield self._connection
        except BaseException as error:
            self._failed = str(error)
            raise

    @contextmanager
    def returning(self) -> Iterator[None]:
        """Whatever is written meanwhile is not there afterwards."""
        with self._connection.transaction(force_rollback=True):
            yield


@dataclass
class Watched:
    """Something whose writing calls are places where a process may die: right after each of them."""

    inner: Any
    writes: set[str]
    at: Hook

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in self.writes:
            return found

        def call(*args: Any, **given: Any) -> Any:
            done = found(*args, **given)
            self.at(f"after {name}")
            return done

        return call


_WAITED_FOR = ("", "")


@cache
def calls_of(action: str) -> tuple[tuple[str, str], ...]:
    """(what is called, with which phase) in the flow's order."""
    (flow,) = [
        each
        for each in ast.parse((_FLOWS / f"{action}.py").read_text()).body
        if isinstance(each, ast.FunctionDef) and each.name == action
    ]
    calls = [getattr(line, "value", None) for line in flow.body[1:]]
    found = [(_called(each.func), _phase(each)) for each in calls if isinstance(each, ast.Call)]
    assert len(found) == len(flow.body) - 2, "docstring, calls and a return: nothing else"
    return tuple(call for call in found if call != _WAITED_FOR)


def _called(function: ast.expr) -> str:
    """A name; of what runs aside, the step that is begun; nothing where it is waited for."""
    if isinstance(function, ast.Name):
        return function.id
    assert isinstance(function, ast.Attribute)
    assert isinstance(function.value, ast.Name)
    assert function.attr in {"submit", "result"}
    return function.value.id if function.attr == "submit" else ""


def _phase(call: ast.Call) -> str:
    return str(call.args[1].value) if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) else ""


@dataclass
class Walk:
    """One process that carries out an approved plan, from the top of its flow."""

    journal: PostgresJournal
    world: World
    run: UUID
    plan: Plan
    at: Hook = lambda _: None
    told: list[str] = field(default_factory=list)

    def go(self) -> None:
        """To its end, or until `at` raises."""
        self.world.verified.clear()
        if self.journal.run(self.run).state is not RunState.RUNNING:
            self.journal.move_run(self.run, RunState.RUNNING, reason="goes on", who="operator")
        self.lived: Any = Watched(self.journal, _WRITES, self._at)
        approval = SimpleNamespace(settled_at=self.journal.now())
        self.granted = Granted(self.plan, self.journal.take_lease(self.run), approval)
        self.book = Runbook(self.journal.run(self.run), self.lived)
        self.parts = ScriptedParts(HEARTH, world=self.world, between=self._at, journal=self.journal)
        for name, phase in calls_of(self.plan.action):
            getattr(self, name)(*([phase] if phase else []))
        self.journal.move_run(self.run, RunState.DONE, reason="well")

    # -- what a flow calls

    def read_accepted(self) -> None: ...
    def approved(self) -> None: ...
    def remember_rows(self) -> None: ...
    def report_move(self) -> None: ...

    def hold_room(self) -> None:
        claim_for(self.lived, self.parts, self.run, self.plan.candidate)

    def begin_move(self) -> None:
        write_beginning(self.lived, self.granted)

    def bound_losses(self) -> None:
        write_bounds(self.lived, self.parts, self.granted)

    def note_nothing_lost(self) -> None:
        write_nothing_lost(self.lived, self.granted)

    def let_it_serve(self) -> None:
        write_serving(self.lived, self.granted)

    def see_whom_commits_wait_for(self) -> None:
        write_whom_commits_wait_for(self.lived, self.parts, self.granted, self.told.append)

    def carry_out(self, phase: str) -> None:
        steps = [step for step in self.plan.steps if step.phase == phase]
        go_through(HEARTH, steps, self._begin, self._count)

    # -- a step

    def _begin(self, step: PlanStep) -> Any:
        item = parse_item(step.item)
        if item.verb is Verb.VERIFY_DATA:
            self.world.verified.add(item.site)
            return _Ended("verified")
        if item.verb is Verb.VERIFY_CLIENTS:
            server = self.world.servers[item.site]
            assert server.takes_writes, f"nobody can write in {item.site}"
            assert self.world.shares["api"][item.site] == 100, self.world.shares
            return _Ended("served")
        if item.verb is Verb.WATCH_CLIENTS:
            return self._watch(step, item)
        return _Ended(self._change(self.book.order(self.granted, step, attempt_for(self.book, self.granted, item))))

    def _change(self, order: Any) -> str:
        deed = Watched(self.parts.change(parse_item(order.item), order.phase), {"act"}, self._at)
        return str(perform(self.lived, order, deed, FastWatch()).outcome)

    def _watch(self, step: PlanStep, item: Item) -> Any:
        def see() -> Ruling:
            assert self.world.shares["api"][item.site] == item.share, "a share is watched while it is set"
            return Ruling(Next.GO_ON, "well")

        away, before = other_site(self.plan, item.site), share_before(self.plan.steps, item)
        judged = judge_once(self.lived, self.book.order(self.granted, step), away, before, see)
        assert judged in judgements(self.journal.actions(self.run), item.thing)
        return Watching(self.book, self.granted, item, _Ended(judged), None)

    def _count(self, saved: Item) -> None:
        taken = other_site(self.plan, saved.site)
        where = {"data": saved.thing, "site": saved.site, "taken": taken}
        write_count(self.lived, lambda: self.parts, HEARTH.name, **where)

    def _at(self, place: str) -> None:
        self.told.append(place)
        self.at(place)


@dataclass
class _Ended:
    """What `submit` gives, over already."""

    found: Any

    def result(self) -> Any:
        return self.found


def facts_of(world: World, journal: PostgresJournal) -> Facts:
    """What one sees of this world and journal."""
    moves = journal.moves(HEARTH.name)
    active = journal.active_site(HEARTH.name) or HEARTH.home
    parts = {APPS[site]: site for site in APPS} | {WORKERS[site]: site for site in WORKERS}
    return Facts(
        now=world.now,
        active=active,
        databases={("household", site): world.look(site) for site in world.servers},
        compute=compute(*(name for name, site in parts.items() if site in world.seen)),
        credentials=held(here=bool(world.right)),
        capacity={CELLAR: ROOM},
        shares={name: dict(shares) for name, shares in world.shares.items()},
        sightings=() if active in world.seen else gone("lyon", "frankfurt", site=active),
        moves=moves,
        ran=ran_since_home(journal, HEARTH, moves),
        losses=tuple(loss for move in moves[:1] for loss in move.losses if not loss.saved_in),
    )


def begin(journal: PostgresJournal, world: World, kind: MoveKind) -> tuple[UUID, Plan]:
    """A run of its own with its plan, as it would be approved now. Raises what the planning raises."""
    plan = plan_move(kind, HEARTH, facts_of(world, journal), reason="practice")
    run = uuid4()
    journal.open_run(
        run,
        platform=HEARTH.name,
        action=kind.value,
        subject=HEARTH.name,
        parameters={},
        requested_by="operator",
        customer=HEARTH.name,
    )
    return run, plan


def copied(world: World) -> World:
    """The same world, for what happens after a death."""
    return copy.deepcopy(world)
