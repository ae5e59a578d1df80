"""Windows that end and platforms elsewhere, on the real journal: each deed once, whatever died in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from blocks.catalogue.model import Customer
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.approvals import Bound
from blocks.ports.orchestration import FlowRunView, RunPhase, Startable
from blocks.ports.recovery import MoveKind, MoveState
from blocks.ports.runs import SCHEDULE, ActionKind, RunState
from tasks.approvals.asking import agreed_before, approved
from tasks.recovery.settling import remind_one, settle_one
from tasks.runs.catalogue import Known
from tasks.runs.runbook import Runbook, Settled, _current
from tasks.runs.steering import Steer, steer
from tests.contract.journal.test_moves import HOUR, begin, kinds, open_run
from tests.contract.journal.test_returns import AWAY, HOME, POLICY, home, moved, plan, the_schedule_s
from tests.unit.recovery.scenes import CELLAR, HEARTH, PRIMARY, STANDBY, database, elsewhere

CUSTOMER = Customer(name="hearth", language="fr", time_zone="Europe/Paris", channel="hearth-ops")
KNOWN = Known(HEARTH, CUSTOMER)


@dataclass
class Prefect:
    """An orchestrator that starts, releases and remembers; it may die between two of them."""

    flows: tuple[str, ...] = ("failback", "switchover", "failover")
    phases: dict[UUID, RunPhase] = field(default_factory=dict)
    given: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    started: dict[UUID, str] = field(default_factory=dict)
    released: list[UUID] = field(default_factory=list)
    crashed: list[UUID] = field(default_factory=list)
    dies_before_release: bool = False

    def startables(self, tag: str = "") -> list[Startable]:
        made = [(UUID(int=number), name) for number, name in enumerate(self.flows)]
        return [
            Startable(id=of, name=f"{name}/{name}", flow=name, description="", tags=(tag,), schema={})
            for of, name in made
        ]

    def start(self, deployment, parameters, *, tags=()):
        run = uuid4()
        self.phases[run], self.given[run] = RunPhase.SCHEDULED, parameters
        self.started[run] = self.flows[deployment.int]
        return run

    def release(self, run):
        if self.dies_before_release:
            raise Retryable("Prefect does not answer")
        self.released.append(run)

    def declare_crashed(self, run, why):
        self.crashed.append(run)

    def view(self, run):
        phase = self.phases.get(run)
        return phase and FlowRunView(
            id=run, name="", phase=phase, state_name="", message="", since=None, deployment=None, url=""
        )


def lossless(_known):
    return {
        ("household", HOME): database(STANDBY, behind_s=1, timeline=4),
        ("household", AWAY): database(PRIMARY, timeline=4),
    }


def settle(journal, prefect, run, look=lossless):
    return settle_one(journal, prefect, journal.move(run), KNOWN, look=look)


def reminders(journal, run):
    return [action for action in journal.actions(run) if action.kind is ActionKind.REMINDED]


@pytest.fixture
def prefect():
    return Prefect()


# -- back by itself -----------------------------------------------------------------------------


def test_what_nobody_committed_is_taken_back_by_one_run_that_the_journal_knows_first(journal, prefect):
    move = moved(journal)
    deed = settle(journal, prefect, move)
    ((run, flow),) = prefect.started.items()
    assert (flow, prefect.released, deed.run) == ("failback", [run], run)
    known = journal.run(run)
    assert (known.requested_by, known.action, known.subject) == (SCHEDULE, "failback", "hearth")
    assert (
        dict(known.parameters)
        == dict(prefect.given[run])
        == {"platform": "hearth", "reason": known.parameters["reason"]}
    )
    assert "nobody committed the failover in time" in known.parameters["reason"]
    assert journal.way_back_of(move) == run
    assert {each.purpose for each in journal.claim_messages(run, limit_count=9, lease=HOUR)} == {"progress"}
    prefect.phases[run] = RunPhase.RUNNING
    assert settle(journal, prefect, move) is None, "the next look starts nothing more"
    assert len(prefect.started) == 1


def test_a_way_back_to_another_site_than_home_is_a_switchover(journal, prefect):
    move = moved(
        journal, agreed=plan(action="failback", candidate=HOME, subject=f"{AWAY} → {HOME}"), kind=MoveKind.FAILBACK,
        from_site=AWAY, to_site=HOME,
    )  # fmt: skip
    seen = {
        ("household", AWAY): database(STANDBY, behind_s=1, timeline=5),
        ("household", HOME): database(PRIMARY, timeline=5),
    }
    settle(journal, prefect, move, look=lambda _: seen)
    ((run, flow),) = prefect.started.items()
    assert flow == "switchover"
    assert prefect.given[run]["candidate"] == AWAY


def test_promised_and_not_released_it_is_released_by_the_next_look(journal, prefect):
    move = moved(journal)
    prefect.dies_before_release = True
    with pytest.raises(Retryable):
        settle(journal, prefect, move)
    prefect.dies_before_release = False
    settle(journal, prefect, move)
    assert len(prefect.started) == 1
    assert prefect.released == list(prefect.started)


def test_of_two_looks_at_once_one_starts_it_and_the_other_s_run_asks_nobody(journal, prefect):
    move = moved(journal)
    other, start = Prefect(), prefect.start

    def overtaken(deployment, parameters, *, tags=()):
        run = start(deployment, parameters)
        settle(journal, other, move)
        return run

    prefect.start = overtaken
    with pytest.raises(Refused, match="was started for it already"):
        settle(journal, prefect, move)
    (late,), (first,) = prefect.started, other.started
    assert journal.way_back_of(move) == first
    assert (prefect.crashed, prefect.released, other.released) == ([late], [], [first])
    assert journal.run(late).state is RunState.VOID


def test_what_would_lose_something_stays_and_people_are_told_once_a_day(journal, prefect):
    move = moved(journal)
    for _ in range(3):
        settle(journal, prefect, move, look=lambda _: {})
    assert prefect.started == {}
    (told,) = reminders(journal, move)
    assert told.data["why"] == (
        "going back to azure-west by itself would not be lossless: household in azure-west does not follow"
    )
    assert (told.data["kind"], told.data["site"]) == ("failover", AWAY)
    wanted = [m.purpose for m in journal.claim_messages(move, limit_count=9, lease=HOUR) if "reminder" in m.purpose]
    assert wanted == [f"reminder:{told.number}"]


def test_a_yes_that_never_was_starts_nothing_and_is_told(journal, prefect):
    move = moved(journal, agreed=plan(rolls_back=False))
    settle(journal, prefect, move)
    assert (prefect.started, prefect.crashed) == ({}, [])
    assert "nobody approved that it goes back by itself" in reminders(journal, move)[0].data["why"]


def test_a_plan_that_stays_only_reminds_and_looks_at_nothing(journal, prefect):
    move = moved(journal, rolls_back=False, agreed=plan(rolls_back=False))

    def look(_known):
        raise AssertionError("nothing needs to be seen")

    settle(journal, prefect, move, look=look)
    assert reminders(journal, move)[0].data["why"] == "the failover to dc-west waits for somebody to commit it"


def test_without_a_deployment_nothing_is_promised(journal):
    move = moved(journal)
    with pytest.raises(Broken, match="no deployment of failback"):
        settle(journal, Prefect(flows=("failover",)), move)
    assert journal.way_back_of(move) is None


def test_a_way_back_that_ended_is_told_and_not_tried_again(journal, prefect):
    move = moved(journal)
    settle(journal, prefect, move)
    (run,) = prefect.started
    journal.move_run(run, RunState.VOID, reason="something could be lost on the way")
    settle(journal, prefect, move)
    assert len(prefect.started) == 1
    assert reminders(journal, move)[0].data["why"] == "its way back is void: something could be lost on the way"


# -- in the run itself --------------------------------------------------------------------------


@pytest.fixture
def taking(journal, prefect):
    """(the move, the runbook of the run that takes it back)."""
    move = moved(journal)
    settle(journal, prefect, move)
    (run,) = prefect.started
    return move, Runbook(journal.run(run), journal)


def test_the_run_has_its_yes_and_the_lease_and_asks_nobody(journal, taking):
    move, book = taking
    offered = home(commit_within_s=14400.0, rolls_back=True)  # as the catalogue says for any move
    granted = agreed_before(book, move, lambda: offered)
    assert (granted.plan, granted.approval.plan) == (home(), home())
    assert journal.lease("hearth").run == book.run.id
    assert journal.waiting() == []


def test_what_is_not_lossless_any_more_ends_it_void_with_nothing_done(journal, taking):
    move, book = taking
    worse = home(bounds=(Bound(name="rows that only household in azure-west has", at_most=5, measured=5),))
    with pytest.raises(Settled, match="something could be lost") as settled:
        agreed_before(book, move, lambda: worse)
    assert settled.value.state is RunState.VOID
    assert journal.approvals(book.run.id) == []
    assert journal.move(book.run.id) is None


def test_a_person_who_commits_first_wins(journal, taking):
    move, book = taking
    policy = POLICY
    said = steer(journal, Prefect(), policy, Steer.COMMIT, move, who="platform-engineer")
    assert said == "the failover of hearth to dc-west is committed: it stays there"
    assert (journal.move(move).state, journal.move(move).settled_by) == (MoveState.COMMITTED, "platform-engineer")
    with pytest.raises(Settled, match="it is committed"):
        agreed_before(book, move, home)
    assert journal.verify_actions("hearth") > 0


def test_a_run_of_the_schedule_without_a_yes_of_a_move_asks_nobody(journal):
    run = the_schedule_s(journal)
    token = _current.set(Runbook(journal.run(run), journal))
    try:
        with pytest.raises(Settled, match="no move gave it its yes"):
            approved(home)
    finally:
        _current.reset(token)
    assert journal.approvals(run) == []
    assert journal.lease("hearth") is None


def test_only_who_may_decide_commits_and_only_what_serves(journal):
    move = moved(journal, within=HOUR)
    with pytest.raises(Refused, match="stranger may not steer failover on hearth"):
        steer(journal, Prefect(), POLICY, Steer.COMMIT, move, who="stranger")
    steer(journal, Prefect(), POLICY, Steer.COMMIT, move, who="platform-engineer")
    steer(journal, Prefect(), POLICY, Steer.COMMIT, move, who="platform-engineer")
    assert kinds(journal, move).count(ActionKind.MOVE_SETTLED) == 1
    run, token = open_run(journal)
    with pytest.raises(Refused, match="nothing to commit"):
        steer(journal, Prefect(), POLICY, Steer.COMMIT, run, who="platform-engineer")
    begin(journal, run, token)
    with pytest.raises(Refused, match=f"nothing to commit. Next: vigie runs show {str(run)[:8]}"):
        steer(journal, Prefect(), POLICY, Steer.COMMIT, run, who="platform-engineer")


def test_a_step_that_is_not_one_of_those_begun_is_answered_with_what_can_be_named(journal):
    run, token = open_run(journal)
    with pytest.raises(Refused, match=r"'stop' names 0 open steps.*open are: none") as no:
        steer(journal, Prefect(), POLICY, Steer.BY_HAND, run, who="platform-engineer", detail="stop")
    assert no.value.next_step.startswith(f"vigie runs show {str(run)[:8]}; only a step that was begun")
    journal.intend(run, token, key="a" * 64, phase="fence", item="stop-app", text="stop it", baseline={})
    with pytest.raises(Refused, match=r"open are: stop-app \(aaaaaaaa\)") as no:
        steer(journal, Prefect(), POLICY, Steer.BY_HAND, run, who="platform-engineer", detail="stop")
    assert no.value.next_step == "name one of them, by its item or the beginning of its key"


# -- running elsewhere --------------------------------------------------------------------------


def a_day_ago(journal_dsn, move):
    with psycopg.connect(journal_dsn) as connection:
        connection.execute("UPDATE move SET serving_at = serving_at - %s WHERE run_id = %s", (timedelta(days=1), move))


def where_it_is(hour, journal):
    """hearth's customer in a zone where it is that hour now, so that a test is true at any time of day."""
    east = next(each for each in range(-11, 13) if (journal.now().hour + each) % 24 == hour)
    zone = f"Etc/GMT{-east:+d}" if east else "UTC"  # these are named the other way round
    return replace(KNOWN, customer=CUSTOMER.model_copy(update={"time_zone": zone}))


def test_while_it_runs_elsewhere_people_are_told_once_a_day_what_is_missing_and_what_it_costs(journal, journal_dsn):
    move = moved(journal)
    known, looked = where_it_is(10, journal), []

    def look(*_):
        looked.append(1)
        return elsewhere()

    assert remind_one(journal, journal.move(move), known, look=look) is None, "whoever moved it knows"
    a_day_ago(journal_dsn, move)
    assert remind_one(journal, journal.move(move), known, look=look).run == move
    for _ in range(3):
        assert remind_one(journal, journal.move(move), known, look=look) is None
    assert len(looked) == 1, "what was said today is not looked at again"
    (told,) = reminders(journal, move)
    assert (told.data["site"], told.data["cost"]) == (CELLAR, "")
    assert told.data["missing"] == ["household in azure-west does not follow"]
    assert told.data["since"] == journal.move(move).serving_at.isoformat()
    priced = HEARTH.recovery.model_copy(update={"running_costs": {CELLAR: "310 € par jour"}})
    dearer = replace(known, platform=HEARTH.model_copy(update={"recovery": priced}))
    with psycopg.connect(journal_dsn) as connection:
        connection.execute("UPDATE reminder SET day = day - 1")
    remind_one(journal, journal.move(move), dearer, look=look)
    assert reminders(journal, move)[-1].data["cost"] == "310 € par jour"


def test_at_home_and_at_night_nobody_is_reminded(journal, journal_dsn):
    move = moved(journal)
    a_day_ago(journal_dsn, move)
    assert remind_one(journal, journal.move(move), where_it_is(3, journal), look=lambda *_: elsewhere()) is None
    run, token = open_run(journal)
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site=AWAY, to_site=HOME)
    journal.move_serves(run, token, commit_within=None, rolls_back=False)
    a_day_ago(journal_dsn, run)
    assert remind_one(journal, journal.move(run), where_it_is(10, journal), look=lambda *_: elsewhere()) is None
