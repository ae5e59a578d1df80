"""A restore to a moment killed before every single call that it makes, and gone on with.

The real journal, step engine and plan, and two scripted servers that outlive every process. At every place: at most
one of them takes writes; nothing is replaced while somebody writes; nothing is rewound before it is saved; what was
there is kept, once; and the journal says at the end where clients are, and exactly what was left behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from blocks.ports.approvals import Plan
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import Loss, LossKind, MoveKind, MoveState
from blocks.ports.runs import RunState
from tasks.core.change import Order, perform
from tasks.recovery.items import Item, Verb, parse_item
from tests.contract.steps.world import FastWatch, Mortal, mortals
from tests.unit.recovery.scenes import AZURE, CELLAR, NOW
from tests.unit.recovery.test_restoring import restored

BOUND = Loss(data="household", kind=LossKind.BOUND, rows=90, seconds=600.0, text="at most 90 rows")
EXACT = Loss(data="household", kind=LossKind.EXACT, rows=7, seconds=590.0, text="7 rows", saved_in="db1:8443/x.jsonl")
RESTORED = {Verb.FENCE_DATABASE, Verb.RESTORE_DATABASE, Verb.ADOPT_RESTORED, Verb.OPEN_DATABASE, Verb.SAVE_BEYOND,
            Verb.FOLLOW_DATABASE}  # fmt: skip


@dataclass
class Pair:
    """Both servers and their hosts, which remember every order by its token."""

    old: str = "primary"
    new: str = "standby"
    folders: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    saved: bool = False
    done: set[str] = field(default_factory=set)
    acts: dict[Verb, int] = field(default_factory=dict)

    def act(self, item: Item) -> None:
        moment = str(item.moment)
        if item.verb is Verb.FENCE_DATABASE:
            assert item.site == AZURE
            self.old = "fenced"
        elif item.verb is Verb.RESTORE_DATABASE:
            self.folders.append(moment)
        elif item.verb is Verb.ADOPT_RESTORED:
            assert self.old == "fenced", "replaced while somebody writes"
            assert moment in self.folders, "nothing was restored to that moment"
            self.kept.append(self.new)
            self.new = "closed"
        elif item.verb is Verb.OPEN_DATABASE:
            assert self.new == "closed"
            self.new = "primary"
        elif item.verb is Verb.SAVE_BEYOND:
            assert (item.site, self.old) == (AZURE, "fenced")
            self.saved = True
        elif item.verb is Verb.FOLLOW_DATABASE:
            assert self.saved, "rewound before it was saved"
            self.old = "standby"
        self.acts[item.verb] = self.acts.get(item.verb, 0) + 1
        assert [self.old, self.new].count("primary") <= 1, "two take writes"


@dataclass
class Deed:
    """One change of the pair, found again by its token."""

    pair: Pair
    item: Item
    repeatable = True
    patience = Patience(every=timedelta(0), at_most=timedelta(seconds=5))

    @property
    def text(self) -> str:
        return str(self.item)

    def check(self) -> None:
        """Nothing speaks against it."""

    def read_baseline(self):
        return {}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        if mark.key not in self.pair.done:
            return None
        return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=mark.client_token, text="the host knows it")

    def act(self, mark: Mark) -> Evidence | None:
        if mark.key not in self.pair.done:
            self.pair.act(self.item)
            self.pair.done.add(mark.key)
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        return Seen(reached=True, text=f"{self.pair.old}, {self.pair.new}")


def opened(journal) -> UUID:
    run = uuid4()
    given = {
        "action": "point-in-time-restore",
        "subject": "hearth",
        "parameters": {"platform": "hearth", "moment": "2026-11-28T02:50:00Z"},
        "requested_by": "x",
        "customer": "hearth",
    }
    journal.open_run(run, platform="hearth", **given)
    return run


def carried_out(journal, run: UUID, plan: Plan, pair: Pair, mortal: Mortal) -> None:
    """As the flow goes, phase by phase, as a process does it that may die at every call."""
    mine = mortal.wrap(journal)
    token = mine.take_lease(run).token
    mine.begin_move(
        run, token, platform="hearth", kind=MoveKind.RESTORE, from_site=AZURE, to_site=CELLAR,
        outage_at=None, detected_at=None, decided_at=NOW,
    )  # fmt: skip

    def phase(name: str, then: Callable[[Item], None] = lambda item: None) -> None:
        for step in (each for each in plan.steps if each.phase == name):
            item = parse_item(step.item)
            if item.verb in RESTORED:
                order = Order(run=run, platform="hearth", token=token, phase=name, item=step.item, digest=plan.digest)
                perform(mine, order, mortal.wrap(Deed(pair, item)), FastWatch())
                then(item)

    phase("fence")
    mine.keep_loss(run, BOUND)
    phase("promote")
    phase("start")
    mine.move_serves(run, token, commit_within=timedelta(hours=1), rolls_back=plan.rolls_back)
    phase("settle", lambda item: mine.keep_loss(run, EXACT) if item.verb is Verb.SAVE_BEYOND else None)
    mine.move_run(run, RunState.DONE, reason="well")


def test_killed_before_every_call_and_gone_on_with(journal):
    """What is left after one call is what is left before the next: each place is met once."""
    plan = restored()
    for mortal in mortals(rows=50):
        pair, run = Pair(), opened(journal)
        with mortal:
            carried_out(journal, run, plan, pair, mortal)
        if mortal.died and not journal.run(run).state.is_over:
            carried_out(journal, run, plan, pair, Mortal())
        assert (pair.old, pair.new, pair.kept, pair.saved) == ("standby", "primary", ["standby"], True)
        assert set(pair.acts.values()) == {1}, f"killed {mortal.calls[-1]}: {pair.acts}"
        move = journal.move(run)
        assert (move.kind, move.state, move.rolls_back) == (MoveKind.RESTORE, MoveState.SERVING, False)
        assert journal.active_site("hearth") == CELLAR
        assert move.losses == (EXACT,)
        assert [parse_item(step.item).verb for step in journal.steps(run)] == list(pair.acts)
        journal.settle_move(run, MoveState.COMMITTED, who="x")
    assert journal.verify_actions("hearth") > 0


def test_a_restore_is_its_own_kind_of_move_and_keeps_its_meaning(journal):
    run = opened(journal)
    token = journal.take_lease(run).token
    given = {"platform": "hearth", "from_site": AZURE, "to_site": CELLAR, "outage_at": None, "detected_at": None}
    for _ in range(2):
        move = journal.begin_move(run, token, kind=MoveKind.RESTORE, decided_at=NOW, **given)
        assert move.kind is MoveKind.RESTORE
    assert [each.kind for each in journal.moves("hearth")] == [MoveKind.RESTORE]
    assert "point-in-time-restore of hearth" in journal.actions(run)[-1].text
