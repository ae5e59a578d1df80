"""A drill killed before or after every single call that it makes: gone on with it ends, given up it leaves nothing.

The real journal and step engine, and a scripted host of copies that outlives every process. At every place: what is
there is leased, it is promoted at most once, and at the end nothing is there and nothing is leased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.copies import KIND, copy_name, reference_of
from blocks.ports.drills import DrillVerdict
from blocks.ports.recovery import CopyLook
from blocks.ports.runs import RunState
from tasks.core.change import Order, perform
from tasks.drills.decide import plan_drill, verdict_of
from tasks.drills.items import DrillVerb, parse_drill_item
from tasks.drills.steps import change_of
from tasks.drills.sweeping import sweep_once
from tests.contract.steps.world import FastWatch, Killed, Mortal, mortals
from tests.unit.drills.test_decide import COPIES
from tests.unit.recovery.scenes import HEARTH, quiet

DOOR = "db2.dc-west.hearth.example:8443"


@dataclass
class Host:
    """What the database host holds; `promoted` counts by copy."""

    copies: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    promoted: dict[str, int] = field(default_factory=dict)
    answers: bool = True


@dataclass
class Deed:
    """One change of a copy, found again by its token, as the door remembers it."""

    host: Host
    name: str
    verb: DrillVerb
    repeatable = True
    patience = Patience(every=timedelta(0), at_most=timedelta(seconds=5))

    @property
    def text(self) -> str:
        return f"{self.verb.value} {self.name}"

    def check(self) -> None:
        wanted = {DrillVerb.PROMOTE: "running", DrillVerb.OPEN: "promoted", DrillVerb.HALT: "open"}.get(self.verb)
        if wanted and self.host.copies.get(self.name) != wanted:
            raise Refused(f"{self.name} is {self.host.copies.get(self.name)}, not {wanted}")

    def read_baseline(self):
        return {}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        if self.token(mark) not in self.host.done:
            return None
        return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=mark.client_token, text="the door knows it")

    def act(self, mark: Mark) -> Evidence | None:
        if not self.host.answers:
            raise Retryable("the database host does not answer")
        self.host.done.add(self.token(mark))
        if self.verb is DrillVerb.DISCARD:
            self.host.copies.pop(self.name, None)
        else:
            after = {
                DrillVerb.COPY: "running",
                DrillVerb.PROMOTE: "promoted",
                DrillVerb.OPEN: "open",
                DrillVerb.HALT: "halted",
            }
            self.host.copies[self.name] = after[self.verb]
        if self.verb is DrillVerb.PROMOTE:
            self.host.promoted[self.name] = self.host.promoted.get(self.name, 0) + 1
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        return Seen(reached=True, text=str(self.host.copies.get(self.name)))

    def token(self, mark: Mark) -> str:
        return f"{self.verb}{mark.key}"


@dataclass
class Copy:
    """The port, scripted. `around` is what a test puts about each change."""

    host: Host
    name: str
    around: Callable[[Deed], Deed] = lambda deed: deed

    @property
    def reference(self) -> str:
        return reference_of(DOOR, self.name)

    address = "db2.dc-west.hearth.example:5433"

    def look(self) -> CopyLook:
        raise NotImplementedError

    def make(self, until):
        return self.around(Deed(self.host, self.name, DrillVerb.COPY))

    def promote(self):
        return self.around(Deed(self.host, self.name, DrillVerb.PROMOTE))

    def open(self):
        return self.around(Deed(self.host, self.name, DrillVerb.OPEN))

    def halt(self):
        return self.around(Deed(self.host, self.name, DrillVerb.HALT))

    def discard(self):
        return self.around(Deed(self.host, self.name, DrillVerb.DISCARD))


@dataclass
class Parts:
    """As much of a platform's parts as the cleaning opens."""

    host: Host
    platform = HEARTH

    def member(self, data: str, site: str):
        assert (data, site) == ("household", "dc-west")
        return self

    def copy(self, name: str) -> Copy:
        return Copy(self.host, name)


def opened(journal) -> UUID:
    run = uuid4()
    given = {
        "action": "recovery-drill",
        "subject": "hearth",
        "parameters": {},
        "requested_by": "x",
        "customer": "hearth",
    }
    journal.open_run(run, platform="hearth", **given)
    return run


def drill(journal, run: UUID, host: Host, mortal: Mortal) -> None:
    """The whole drill in the order of its plan, as a process does it that may die at every call."""
    mine = mortal.wrap(journal)
    copy = Copy(host, copy_name(run, "household"), mortal.wrap)
    plan = plan_drill(HEARTH, quiet(), COPIES)
    token = mine.take_lease(run).token
    until = journal.now() + timedelta(hours=4)
    mine.lease_resource(run, kind=KIND, reference=copy.reference, until=until)
    for step in plan.steps:
        verb = parse_drill_item(step.item).verb
        if verb not in {DrillVerb.LOOK_AT, DrillVerb.VERIFY}:
            order = Order(run=run, platform="hearth", token=token, phase=step.phase, item=step.item, digest=plan.digest)
            perform(mine, order, change_of(copy, verb, until), FastWatch())
    mine.free_resource(run, kind=KIND, reference=copy.reference)
    mine.keep_drill(run, verdict=verdict_of([], []), text="well", durations={})
    mine.move_run(run, RunState.DONE, reason="well")


def sweep(journal, host: Host) -> list[str]:
    """One sweep; why each leftover stays, empty for what is gone."""
    report = sweep_once(journal, lambda _: Parts(host), lambda _: None)
    return [each.failure for each in report.leftovers]


def drilled_until_killed(journal, host: Host, mortal: Mortal) -> UUID:
    """A run that may have died; whatever it made by then is leased."""
    run = opened(journal)
    with mortal:
        drill(journal, run, host, mortal)
    leased = {each.reference for each in journal.leased_resources(run)}
    assert {reference_of(DOOR, name) for name in host.copies} <= leased, f"killed at {mortal.calls[-1]}"
    return run


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_and_gone_on_with(journal, after):
    for mortal in mortals(rows=30, after=after):
        host = Host()
        run = drilled_until_killed(journal, host, mortal)
        if mortal.died and not journal.run(run).state.is_over:
            drill(journal, run, host, Mortal())
        assert journal.run(run).state is RunState.DONE
        assert journal.drill(run).verdict is DrillVerdict.PASSED
        assert (host.copies, journal.leased_resources(run), journal.leaked_resources()) == ({}, [], [])
        assert list(host.promoted.values()) == [1], mortal.calls[-1]
        assert len(journal.steps(run)) == 5


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("end", [RunState.CANCELLED, RunState.FAILED, RunState.PARKED])
def test_killed_at_every_call_and_given_up(journal, after, end):
    for mortal in mortals(rows=30, after=after):
        host = Host()
        run = drilled_until_killed(journal, host, mortal)
        if not mortal.died or journal.run(run).state.is_over:
            continue
        assert sweep(journal, host) == [], "nothing is taken from a drill that may go on"
        journal.move_run(run, end, reason="given up")
        host.answers = False
        stays = sweep(journal, host)
        assert len(stays) == len(journal.leased_resources(run)), "what cannot be removed stays leased"
        host.answers = True
        assert set(sweep(journal, host)) <= {""}
        assert (host.copies, journal.leased_resources(run), journal.leaked_resources()) == ({}, [], [])


def test_overtaken_in_the_middle_it_changes_nothing_more_and_is_swept(journal):
    host, run = Host(), opened(journal)
    mortal = Mortal(12, after=True)
    with pytest.raises(Killed):
        drill(journal, run, host, mortal)
    real = uuid4()
    given = {"subject": "dc-west", "parameters": {}, "requested_by": "x", "customer": "hearth"}
    journal.open_run(real, platform="hearth", action="failover", **given)
    journal.take_lease(real)
    with pytest.raises(Refused):
        drill(journal, run, host, Mortal())
    assert sweep(journal, host) == [""]
    assert (host.copies, journal.leaked_resources()) == ({}, [])
    assert journal.lease("hearth").run == real


# -- what a sweep says ---------------------------------------------------------------------------


@pytest.fixture
def cut_off(journal):
    """A drill that died in the middle and was cancelled, and the host with its copy."""
    host, run = Host(), opened(journal)
    with pytest.raises(Killed):
        drill(journal, run, host, Mortal(12, after=True))
    assert host.copies
    journal.move_run(run, RunState.CANCELLED, reason="cancelled in Prefect")
    return run, host


def long_ago(journal_dsn, run):
    with psycopg.connect(journal_dsn) as connection:
        connection.execute("UPDATE run SET state_at = state_at - interval '1 hour' WHERE id = %s", (run,))


def test_a_drill_that_said_nothing_is_written_down_as_stopped(journal, cut_off):
    run, host = cut_off
    (gone,) = sweep_once(journal, lambda _: Parts(host), lambda _: None).leftovers
    assert (gone.run, gone.failure, gone.is_news) == (run, "", True)
    kept = journal.drill(run)
    assert (kept.verdict, kept.leftovers) == (DrillVerdict.STOPPED, ())
    assert kept.text == "the drill ended without a word (cancelled: cancelled in Prefect)"
    assert sweep(journal, host) == []


def test_what_stays_fails_the_drill_and_is_told_once(journal, cut_off):
    run, host = cut_off
    host.answers = False
    reports = [sweep_once(journal, lambda _: Parts(host), lambda _: None).leftovers for _ in range(2)]
    assert [[each.is_news for each in report] for report in reports] == [[True], [False]]
    kept = journal.drill(run)
    assert kept.verdict is DrillVerdict.FAILED
    (left,) = kept.leftovers
    assert left.startswith(DOOR)
    assert "does not answer" in left
    assert journal.run(run).state is RunState.CANCELLED, "nobody is woken in the first half hour"


def test_after_half_an_hour_a_person_is_woken_until_it_is_gone(journal, journal_dsn, cut_off):
    run, host = cut_off
    host.answers = False
    long_ago(journal_dsn, run)
    sweep(journal, host)
    assert journal.run(run).state is RunState.PARKED
    assert journal.run(run).reason.startswith("a leftover stays: ")
    rung = [each for each in journal.claim_messages(run, limit_count=50, lease=timedelta(0)) if each.channel == "pager"]
    assert len(rung) == 1
    host.answers = True
    assert sweep(journal, host) == [""]
    assert (journal.run(run).state, journal.run(run).reason) == (RunState.CANCELLED, "its leftovers are removed")
    assert (host.copies, journal.drill(run).leftovers) == ({}, ())


def test_one_platform_that_cannot_be_loaded_keeps_none_of_the_others(journal, cut_off):
    run, host = cut_off
    other = uuid4()
    given = {"action": "recovery-drill", "subject": "gone", "parameters": {}, "requested_by": "x", "customer": "c"}
    journal.open_run(other, platform="gone", **given)
    reference = reference_of(DOOR, copy_name(other, "household"))
    journal.lease_resource(other, kind=KIND, reference=reference, until=journal.now() - timedelta(hours=1))

    def parts(name: str) -> Parts:
        if name == "gone":
            raise Broken("Prefect has no platform 'gone'")
        return Parts(host)

    found = {each.run: each.failure for each in sweep_once(journal, parts, lambda _: None).leftovers}
    assert found[run] == ""
    assert "no platform" in found[other]
    assert [each.run for each in journal.leaked_resources()] == [other]
