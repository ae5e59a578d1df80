"""A late fence killed before or after every single call that it makes: gone on with, it ends; overtaken, it stops.

The real journal and step engine, and a scripted old site that outlives every process and whose database takes writes
until it is fenced. At every place: nothing is rewound before it was saved, nothing is saved while it still grows, no
commit waits for what does not follow, what is fenced stays so, and since when is written down once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from blocks.errors import Refused
from blocks.ports.approvals import Plan
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import MoveKind
from blocks.ports.runs import REJOIN, ActionKind, RunState
from tasks.core.change import Order, perform
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.rejoin_steps import agreed_for, went_on_at
from tasks.recovery.rejoining import FENCE, FOLLOW, plan_rejoin
from tests.contract.journal.test_moves import open_run
from tests.contract.journal.test_returns import moved, the_schedule_s
from tests.contract.steps.world import FastWatch, Mortal, mortals
from tests.unit.recovery import scenes

ANSWERED = scenes.compute("device-api", "device-api-recovery", "household-digest-recovery")
PROMISED = scenes.promised()
FAILOVER = plan_move(MoveKind.FAILOVER, PROMISED, scenes.dark(compute=ANSWERED, credentials={}))
FENCES = {Verb.STOP_WORKER, Verb.STOP_SERVICE, Verb.REVOKE_CREDENTIAL, Verb.FENCE_DATABASE}


@dataclass
class OldSite:
    """It came back as it went: everything runs, and clients write to its database. `rows` are only there."""

    running: set[str] = field(default_factory=lambda: {"digest", "household", "archive-writer"})
    rows: int = 3
    saved: int | None = None
    follows: bool = False
    waited_for: bool = False  # by each commit where the platform runs
    done: set[str] = field(default_factory=set)
    acts: list[str] = field(default_factory=list)

    def clients_write(self) -> None:
        self.rows += "household" in self.running

    def act(self, verb: Verb, thing: str) -> None:
        self.acts.append(verb.value)
        if verb in FENCES:
            self.running.discard(thing)
        elif verb is Verb.SAVE_BEYOND:
            assert "household" not in self.running, "what still grows is not saved"
            self.saved = self.rows
        elif verb is Verb.PROTECT_WHILE_FOLLOWED:
            assert self.follows, "no commit waits for who does not follow"
            self.waited_for = True
        else:
            assert self.saved == self.rows, "nothing is rewound before it was saved"
            self.rows, self.follows = 0, True


@dataclass
class Deed:
    """One change there, found again by its token, as a door or a provider remembers it."""

    site: OldSite
    verb: Verb
    thing: str
    repeatable = True
    patience = Patience(every=timedelta(0), at_most=timedelta(seconds=5))

    @property
    def text(self) -> str:
        return f"{self.verb.value} {self.thing}"

    def check(self) -> None:
        if self.verb is Verb.SAVE_BEYOND and "household" in self.site.running:
            raise Refused("fence it first")

    def read_baseline(self):
        return {}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        if mark.key not in self.site.done:
            return None
        return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=mark.client_token, text="the door knows it")

    def act(self, mark: Mark) -> Evidence | None:
        self.site.act(self.verb, self.thing)
        self.site.done.add(mark.key)
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        up = self.thing in self.site.running
        return Seen(reached=not up, text=f"{self.thing} {'runs' if up else 'does nothing'}")


def begun(journal) -> tuple[UUID, UUID]:
    """(a failover that serves, a run that was promised for the site that it left)."""
    move = moved(journal, agreed=FAILOVER)
    run = the_schedule_s(journal, action=REJOIN)
    journal.promise_rejoin(move, run)
    return move, run


def plan_of(journal, move: UUID, run: UUID) -> Plan:
    """As the run makes it; once a step began, the plan that was granted goes on."""
    if journal.steps(run):
        return journal.approvals(run)[-1].plan
    return plan_rejoin(PROMISED, scenes.elsewhere(), agreed_for(journal, journal.move(move)), "it answers")


def rejoin(journal, move: UUID, run: UUID, site: OldSite, mortal: Mortal) -> None:
    """The whole of it in the order of its flow, as a process does it that may die at every call."""
    mine = mortal.wrap(journal)
    token = mine.take_lease(run).token
    plan = plan_of(journal, move, run)
    mine.grant_rejoin(move, run, plan)
    for phase in (FENCE, FOLLOW):
        for step in (each for each in plan.steps if each.phase == phase):
            site.clients_write()
            item = parse_item(step.item)
            order = Order(run=run, platform="hearth", token=token, phase=phase, item=step.item, digest=plan.digest)
            perform(mine, order, mortal.wrap(Deed(site, item.verb, item.thing)), FastWatch())
        if phase == FENCE:
            begin = went_on_at(journal.steps(move), journal.move(move))
            for step in journal.steps(run):
                if parse_item(step.item).verb in FENCES:
                    mine.keep_fenced_late(move, run, token, step.item, begin, step.done_at)
    mine.move_run(run, RunState.DONE, reason="it follows")


def fenced_late(journal, move: UUID) -> list[str]:
    return sorted(str(each.data["item"]) for each in journal.actions(move) if each.kind is ActionKind.FENCED_LATE)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_and_gone_on_with(journal, after):
    for mortal in mortals(rows=40, after=after):
        site, (move, run) = OldSite(), begun(journal)
        with mortal:
            rejoin(journal, move, run, site, mortal)
        if mortal.died and not journal.run(run).state.is_over:
            rejoin(journal, move, run, site, Mortal())
        assert (site.running, site.rows, site.follows, site.waited_for) == (set(), 0, True, True), mortal.calls[-1]
        assert site.saved >= 3
        assert {site.acts.count(verb.value) for verb in Verb if verb.value in site.acts} == {1}
        assert len(journal.steps(run)) == len(FAILOVER.when_back)
        assert all(step.is_done and step.evidence for step in journal.steps(run))
        assert fenced_late(journal, move) == sorted(
            step.item for step in FAILOVER.when_back if parse_item(step.item).verb in FENCES
        )
        assert agreed_for(journal, journal.move(move)).left == ()
    assert journal.verify_actions("hearth") > 0


def test_killed_at_every_fourth_call_and_overtaken_by_a_failback_it_changes_nothing_more(journal):
    for mortal in mortals(rows=40, after=True, every=4):
        site, (move, run) = OldSite(), begun(journal)
        with mortal:
            rejoin(journal, move, run, site, mortal)
        if not mortal.died or journal.run(run).state.is_over:
            continue
        home, _ = open_run(journal, action="failback")
        acts = list(site.acts)
        with pytest.raises(Refused):
            rejoin(journal, move, run, site, Mortal())
        assert site.acts == acts
        journal.move_run(home, RunState.FAILED, reason="another time")
        left = [(step.phase, step.item) for step in agreed_for(journal, journal.move(move)).left]
        done = [(step.phase, step.item) for step in journal.steps(run) if step.is_done]
        assert sorted(left + done) == sorted((step.phase, step.item) for step in FAILOVER.when_back)
