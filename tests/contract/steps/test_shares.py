"""Clients return share by share over the real journal: killed anywhere, stopped, sent back, and gone on with.

The scripted world has one weighted switch. After each walk the same must hold: a share was watched while it was set,
bad clients were sent back before anybody was told, nobody came back before a person had been told, and nobody was sent
to a site that did not answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from uuid import uuid4

import pytest

from blocks.errors import Broken, Refused
from blocks.ports.approvals import PlanStep
from blocks.ports.changes import Evidence, EvidenceKind, Patience, Seen
from blocks.ports.runs import ActionKind, RunState
from tasks.core.change import perform
from tasks.recovery.earning import judgements
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.returning import Next, Ruling
from tasks.recovery.sharing import Watching, Welcoming, attempt_for, is_welcomed, share_before
from tasks.recovery.watching import judge_once
from tasks.runs.runbook import Granted, Runbook
from tests.contract.steps.conftest import open_run
from tests.contract.steps.world import FastWatch, Killed, Mortal, mortals

HOME, AWAY = "azure-west", "dc-west"
ITEMS = [f"{verb}:api:{HOME}@{share}" for share in (5, 25, 100) for verb in ("shift-traffic", "watch-clients")][:-1]
STEPS = tuple(PlanStep(phase="shift", item=item, text=item) for item in ITEMS)
PLAN = SimpleNamespace(
    steps=STEPS, platform="hearth", digest="d" * 64, roles={HOME: "active", AWAY: "standby"}, candidate=HOME
)


@dataclass
class World:
    """Where clients are, and what each look at a share says next; what was done, in order."""

    share: int = 0
    script: dict[int, list[Next]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    stuck: bool = False  # the switch refuses
    answers: bool = True  # the site that clients return to
    asked: list[int] = field(default_factory=list)  # what share was set when it was asked whether it answers

    def ask(self) -> None:
        self.asked.append(self.share)
        if not self.answers:
            raise Broken("nobody is sent to azure-west yet")

    def see(self, share: int, judged_count: int) -> Ruling:
        assert self.share == share, f"{share} % was watched while {self.share} % was set"
        self.done.append(f"watch {share}")
        left = self.script.get(share, [])[judged_count:]
        return Ruling(left[0] if left else Next.GO_ON, f"at {share} % as it was")


class Shift:
    """Evidence is the share itself, against the baseline."""

    repeatable = True
    patience = Patience(every=timedelta(seconds=1), at_most=timedelta(seconds=30))

    def __init__(self, world: World, item: str) -> None:
        parsed = parse_item(item)
        self.world, self.text = world, item
        self.share = parsed.share if parsed.site == HOME else 100 - parsed.share

    def check(self) -> None:
        if self.world.stuck:
            raise Refused("somebody changed the profile")

    def read_baseline(self):
        return {"share": str(self.world.share)}

    def find_evidence(self, mark):
        if self.world.share == self.share != int(mark.baseline["share"]):
            return Evidence(kind=EvidenceKind.GENERATION, reference=str(self.share), text="set")
        return None

    def act(self, mark):
        if self.world.share != self.share:
            self.world.share = self.share
            self.world.done.append(f"set {self.share}")

    def read_effect(self, mark):
        return Seen(reached=self.world.share == self.share, text=f"{self.world.share} %")


def walk(journal, run, world, mortal=None):
    """The shift phase of one try, as tasks/recovery/phases.py goes through it; the run is what the runbook makes it."""
    mortal = mortal or Mortal()
    if journal.run(run).state is not RunState.RUNNING:
        journal.move_run(run, RunState.RUNNING, reason="goes on", who="operator")
    lived = mortal.wrap(journal)
    granted = Granted(PLAN, journal.take_lease(run), None)
    book = Runbook(journal.run(run), lived)

    def change(order, *_):
        done = perform(lived, order, mortal.wrap(Shift(world, order.item)), FastWatch())
        return SimpleNamespace(result=lambda: done)

    try:
        for step in STEPS:
            item = parse_item(step.item)
            if item.verb is Verb.SHIFT_TRAFFIC:
                order = book.order(granted, step, attempt_for(book, granted, item))
                if is_welcomed(book, order, STEPS):
                    asking = SimpleNamespace(result=partial(mortal.around, "ask", world.ask))
                    Welcoming(order, "hearth", step.text, SimpleNamespace(submit=change), asking).result()
                else:
                    change(order)
                continue
            count = sum(judged.item == item for judged in judgements(journal.actions(run), "api"))
            look = partial(mortal.around, "see", partial(world.see, item.share, count))
            going = SimpleNamespace(
                result=partial(judge_once, lived, book.order(granted, step), AWAY, share_before(STEPS, item), look)
            )
            Watching(book, granted, item, going, SimpleNamespace(submit=change)).result()
    except (Broken, Refused) as error:
        why = str(error)
        mortal.around("tell", lambda: journal.move_run(run, RunState.FAILED, reason=why))
        world.done.append("told")
        raise


@pytest.fixture
def run(journal):
    return new_run(journal, "hearth")


def new_run(journal, platform):
    run = uuid4()
    open_run(journal, run, platform)
    return run


def test_each_share_is_watched_before_the_next(journal, run):
    world = World()
    walk(journal, run, world)
    assert world.done == ["set 5", "watch 5", "set 25", "watch 25", "set 100"]
    told = [action.text for action in journal.actions(run) if action.kind is ActionKind.SHARE_JUDGED]
    assert told == ["at 5 % as it was", "at 25 % as it was"]
    assert journal.verify_actions("hearth") > 0
    assert world.asked == [0, 5], "before each share that is watched, and not before the rest"


def test_nobody_is_sent_to_a_site_that_does_not_answer_and_a_retry_asks_again(journal, run):
    world = World(answers=False)
    for _ in range(2):
        with pytest.raises(Broken, match="nobody is sent to azure-west yet"):
            walk(journal, run, world)
    assert (world.share, world.done) == (0, ["told", "told"])
    assert not journal.steps(run)
    world.answers = True
    walk(journal, run, world)
    assert world.share == 100


def test_clients_of_a_site_that_died_are_taken_back_and_it_is_not_asked_before(journal, run):
    world = World(script={25: [Next.RETURN]})
    dies = Mortal()
    see = world.see

    def judged_and_killed(share, judged_count):
        ruling = see(share, judged_count)
        if share == 25 and not judged_count:
            world.answers, dies.die_at = False, len(dies.calls) + 1
        return ruling

    world.see = judged_and_killed
    with pytest.raises(Killed):
        walk(journal, run, world, dies)
    assert world.share == 25
    world.answers, asked = False, list(world.asked)
    world.see = lambda *_: pytest.fail("it was judged")
    with pytest.raises(Broken, match=r"beyond 5 % yet|nobody is sent"):
        walk(journal, run, world)
    assert world.share == 5
    assert world.asked == asked, "clients are taken back, whatever the door says"


def test_a_stop_leaves_the_share_and_a_retry_watches_only_that_one_anew(journal, run):
    world = World(script={25: [Next.STOP]})
    with pytest.raises(Broken, match=r"clients do not return to azure-west beyond 25 % yet: at 25 % as it was"):
        walk(journal, run, world)
    assert world.share == 25
    walk(journal, run, world)
    assert world.done == ["set 5", "watch 5", "set 25", "watch 25", "told", "watch 25", "set 100"]


def test_bad_clients_go_back_at_once_and_a_retry_watches_where_they_are_and_sends_them_again(journal, run):
    world = World(script={25: [Next.RETURN]})
    with pytest.raises(Broken, match="beyond 5 % yet"):
        walk(journal, run, world)
    assert world.share == 5
    walk(journal, run, world)
    assert world.done == [
        *("set 5", "watch 5", "set 25", "watch 25", "set 5", "told"),
        *("watch 5", "set 25", "watch 25", "set 100"),
    ]
    items = [step.item for step in journal.steps(run)]
    assert items.count(f"shift-traffic:api:{HOME}@25") == 2
    assert items.count(f"shift-traffic:api:{AWAY}@95") == 1
    assert all(step.is_done for step in journal.steps(run))


def test_the_first_share_goes_back_to_nobody_as_often_as_it_must(journal, run):
    world = World(script={5: [Next.RETURN, Next.RETURN]})
    for _ in range(2):
        with pytest.raises(Broken, match="beyond 0 % yet"):
            walk(journal, run, world)
        assert world.share == 0
    walk(journal, run, world)
    assert world.done == [
        *("set 5", "watch 5", "set 0", "told"),
        *("set 5", "watch 5", "set 0", "told"),
        *("set 5", "watch 5", "set 25", "watch 25", "set 100"),
    ]


def test_what_was_earned_is_earned_again_after_clients_were_sent_below_it(journal, run):
    world = World(script={5: [Next.GO_ON, Next.RETURN], 25: [Next.RETURN]})
    for share in (5, 0):
        with pytest.raises(Broken, match=f"beyond {share} % yet"):
            walk(journal, run, world)
        assert world.share == share
    walk(journal, run, world)
    assert world.share == 100


def test_where_the_switch_refuses_the_way_back_it_is_said_and_the_retry_goes_back_first(journal, run):
    world = World(script={25: [Next.RETURN]})
    see = world.see

    def stuck(share, judged_count):
        world.stuck = share == 25 and not judged_count
        return see(share, judged_count)

    world.see = stuck
    with pytest.raises(Broken, match=r"could not be taken back to 5 %: .*somebody changed the profile"):
        walk(journal, run, world)
    assert world.share == 25
    world.stuck = False
    with pytest.raises(Broken, match="beyond 5 % yet"):
        walk(journal, run, world)
    assert world.share == 5
    assert world.done.count("watch 25") == 1, "what was judged is carried through, not measured away"
    walk(journal, run, world)
    assert world.share == 100


SCRIPTS = {
    "stopped": ({25: [Next.STOP]}, True),
    "sent back, before": ({25: [Next.RETURN]}, False),
    "sent back, after": ({25: [Next.RETURN]}, True),
    "sent back from the first": ({5: [Next.RETURN]}, True),
}


@pytest.mark.parametrize(("script", "after"), SCRIPTS.values(), ids=SCRIPTS)
def test_killed_at_every_call_it_goes_on_from_what_was_judged(journal, script, after):
    for mortal in mortals(rows=25, after=after):
        world = World(script={share: list(rulings) for share, rulings in script.items()})
        run = new_run(journal, f"p{mortal.die_at}")
        goes_on = False
        for process in (mortal, Mortal(), Mortal()):
            told = world.done.count("told")
            try:
                walk(journal, run, world, process)
                goes_on = True
                break
            except Killed:
                if journal.run(run).state is RunState.FAILED:
                    world.done.append("told")  # died just after it was written down
            except Broken:
                assert world.done.count("told") == told + 1
        assert goes_on, f"killed {mortal.calls[-1]}: {world.done}"
        assert world.share == 100
        assert world.done.count("told") == len([n for rulings in script.values() for n in rulings]), world.done
        _nobody_returned_before_somebody_was_told(world)


def _nobody_returned_before_somebody_was_told(world):
    share, frozen = 0, False
    for deed in world.done:
        word, _, number = deed.partition(" ")
        if word == "set":
            assert int(number) < share or not frozen, f"{deed} in {world.done}"
            frozen = frozen or int(number) < share
            share = int(number)
        elif word == "told":
            frozen = False
