"""hearth moves for real: in peace and back, by itself where nobody commits, and away from a site that lost its power,
which is fenced and follows by itself as soon as it is back.

A writer goes on all the while, and what it was told is safe is looked for, row by row, in the database that serves.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from blocks.catalogue.recovery import Returning
from blocks.ports.approvals import Standing
from blocks.ports.recovery import DatabaseRole, LossKind, MoveKind, MoveState
from blocks.ports.runs import ActionKind, RunState
from deployments.sandbox.breaking import break_service, mend_service
from deployments.sandbox.client_log import between, first_after, lost_ids, read_writes
from deployments.sandbox.household import DATABASES, UnavailableError, household_dsn, present_ids, reader_dsn
from flows.settle_moves import settle_moves
from tasks.recovery.fences import unconfirmed
from tasks.recovery.opening import parts_of
from tasks.recovery.rejoin_steps import agreed_for
from tasks.recovery.settling import look_at_members
from tasks.runs.catalogue import load_platform
from tasks.runs.steering import Steer

pytestmark = [pytest.mark.scenario, pytest.mark.long, pytest.mark.filterwarnings("ignore")]
HOME, AWAY = "azure-west", "dc-west"
PEOPLE = ("platform-engineer", "shift-lead", "service-manager")


def move(desk, kind, *people, **more):
    """Approved, and waited for."""
    run = approve(desk, kind, *people, **more)
    state = desk.state(run, patience_s=480)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"
    return run


def approve(desk, kind, *people, deployment="", **more):
    """Started by nobody known, so that one yes more is needed; typed, coded and approved."""
    run = desk.start(deployment or f"{kind}/{kind}", platform="hearth", reason="practice", **more)
    say_yes(desk, run, people)
    return run


def say_yes(desk, run, people):
    """One after the other, until the newest question is granted: asked anew, because the plan changed, they say it anew.

    On a slow machine a one-time code may be over when it is read: a fresh one is given until it counts.
    """
    while not _is_granted(desk, run):
        desk.asleep(run)
        asked = desk.journal.approvals(run)[-1]
        name = next((each for each in people if each not in {said.approver for said in asked.decisions}), "")
        assert name, f"{', '.join(people)} are not enough: {asked.decisions}"
        forms = desk.journal.form_count(asked.id)
        given = {"approver": name, "code": desk.code(name), "answer": "approve", "confirmation": "hearth"}
        assert desk.fill(run, **given) == "ACCEPT"
        desk.until(lambda asked=asked, n=forms: _is_read(desk, run, asked.id, n), "the form is read", patience_s=120)


def _is_granted(desk, run):
    known = desk.journal.approvals(run)
    return bool(known) and known[-1].standing is Standing.GRANTED


def _is_read(desk, run, asked, forms):
    """The form counts, or its question is not the newest any more."""
    return desk.journal.form_count(asked) > forms or desk.journal.approvals(run)[-1].id != asked


def judged(desk, run):
    """What each watched share brought, in order."""
    lines = [action for action in desk.journal.actions(run) if action.kind is ActionKind.SHARE_JUDGED]
    return [(line.data["item"], line.data["next"]) for line in lines]


def told_safe(desk, since):
    return between(read_writes(desk.sandbox.home / "clients"), since, datetime.now(UTC))


def lost(desk, writes, site):
    found = present_ids(reader_dsn(desk.sandbox.state, DATABASES[site]), [write.id for write in writes])
    return lost_ids(writes, found)


def served_by(desk, site, since):
    """The first write that a site acknowledged since."""
    return desk.until(
        lambda: first_after(read_writes(desk.sandbox.home / "clients"), since, site=site), f"{site} serves"
    )


def test_a_living_primary_is_not_failed_over_and_the_way_without_loss_is_offered(desk):
    run = desk.start("failover/failover", platform="hearth", reason="too early")
    state = desk.state(run)
    assert state["type"] == "FAILED"
    assert "start a switchover, which loses nothing" in state["message"]
    assert not desk.journal.approvals(run)
    assert desk.journal.move(run) is None


def test_what_cannot_be_accepted_fails_the_run_before_anything_is_looked_at_or_anybody_asked(desk):
    run = desk.start("failover/failover", platform="hearth", reason="practice", accept_time="ten minutes")
    state = desk.state(run)
    assert state["type"] == "FAILED"
    assert "'ten minutes' is no time that one could accept to lose" in state["message"]
    assert not desk.journal.approvals(run)


def test_a_switchover_and_the_way_home_lose_nothing(desk):
    served_by(desk, HOME, began := datetime.now(UTC))
    there = move(desk, "switchover", *PEOPLE[:2])
    assert desk.journal.active_site("hearth") == AWAY
    assert served_by(desk, AWAY, began)
    writes = told_safe(desk, began)
    assert len(writes) > 20
    assert lost(desk, writes, AWAY) == []
    (loss,) = desk.journal.move(there).losses
    assert (loss.kind, loss.rows) == (LossKind.EXACT, 0)

    back = move(desk, "failback", *PEOPLE)
    assert desk.journal.active_site("hearth") == HOME
    assert served_by(desk, HOME, desk.journal.move(back).serving_at)
    writes = told_safe(desk, began)
    assert {write.site for write in writes} == {HOME, AWAY}
    assert lost(desk, writes, HOME) == []
    shares = [step.item.rpartition("@")[2] for step in desk.steps(back) if step.item.startswith("shift-traffic:api")]
    assert sorted(shares, key=int) == ["5", "25", "100"]
    assert judged(desk, back) == [
        ("watch-clients:api:azure-west@5", "go on"),
        ("watch-clients:api:azure-west@25", "go on"),
    ]


@contextmanager
def broken(desk, service):
    """Its certificate is over; then it is as it was."""
    break_service(desk.sandbox.state, service, "expired-cert")
    try:
        yield
    finally:
        mend_service(desk.sandbox.state, service)


def failed(desk, run):
    """What a run says that failed."""
    state = desk.state(run, patience_s=480)
    assert state["type"] == "FAILED", f"{state}\n{desk.logs(run)}"
    return state["message"]


def test_a_home_that_serves_badly_gets_nobody_or_has_its_clients_taken_back_and_gets_them_once_it_is_mended(desk):
    move(desk, "switchover", *PEOPLE[:2])
    returning = {"returning": Returning.model_validate({"patience": "40s", "soak": "40s"})}
    with planned_otherwise(lambda _: returning):
        with broken(desk, "device-api"):
            back = approve(desk, "failback", *PEOPLE)
            assert "nobody is sent to azure-west yet: in 40s it did not answer clients of api" in failed(desk, back)
            assert judged(desk, back) == []
            assert not [step for step in desk.steps(back) if step.item.startswith("shift-traffic:api")]

        desk.retry(back)
        first = f"shift-traffic:api:{HOME}@5"
        desk.until(
            lambda: [s for s in desk.steps(back) if s.item == first and s.is_done], "the first share", patience_s=480
        )
        with broken(desk, "device-api"):
            assert "clients do not return to azure-west beyond 0 % yet" in failed(desk, back)
            assert judged(desk, back) == [("watch-clients:api:azure-west@5", "return")]
            assert [step.item for step in desk.steps(back)][-1] == f"shift-traffic:api:{AWAY}@100"
            assert served_by(desk, AWAY, datetime.now(UTC)), "clients are where they are served"
        desk.retry(back)
        state = desk.state(back, "Completed", patience_s=480)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(back)}"
    assert [comes for _, comes in judged(desk, back)] == ["return", "go on", "go on"]
    items = [step.item for step in desk.steps(back)]
    assert items.count(first) == 2
    assert desk.journal.active_site("hearth") == HOME


def test_what_nobody_commits_goes_back_by_itself_without_a_question_and_loses_nothing(desk):
    served_by(desk, HOME, began := datetime.now(UTC))
    there = move(desk, "switchover", *PEOPLE[:2])
    assert desk.journal.move(there).rolls_back
    settle_moves()
    assert desk.journal.way_back_of(there) is None, "its window is open"
    with psycopg.connect(desk.sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
        connection.execute("UPDATE move SET commit_due_at = clock_timestamp() WHERE run_id = %s", (there,))
    back = desk.until(lambda: settle_moves() and desk.journal.way_back_of(there), "its way back is begun", pause_s=2)
    state = desk.state(back, patience_s=480)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(back)}"
    (granted,) = desk.journal.approvals(back)
    (agreed,) = desk.journal.approvals(there)
    assert (granted.standing, granted.decisions) == (Standing.GRANTED, ())
    assert agreed.reason in granted.reason
    assert desk.journal.active_site("hearth") == HOME
    assert [desk.journal.move(run).state for run in (there, back)] == [MoveState.ROLLED_BACK, MoveState.COMMITTED]
    assert served_by(desk, HOME, desk.journal.move(back).serving_at)
    assert lost(desk, told_safe(desk, began), HOME) == []
    assert desk.journal.moves_to_settle() == []
    assert desk.journal.verify_actions("hearth") > 0


class Stubborn(threading.Thread):
    """A client that writes to the old primary's own address, whatever anybody tells it; it remembers what it was told."""

    def __init__(self, desk):
        super().__init__(daemon=True)
        self.state, self.acknowledged, self.ended = desk.sandbox.state, [], threading.Event()

    def run(self):
        while not self.ended.wait(0.2):
            with suppress(psycopg.Error, UnavailableError):
                dsn = household_dsn(self.state, DATABASES[HOME])
                with psycopg.connect(dsn, autocommit=True, connect_timeout=2) as there:
                    while not self.ended.wait(0.05):
                        row = uuid4()
                        there.execute("INSERT INTO rows (id, number) VALUES (%s, -1)", (row,))
                        self.acknowledged.append(row)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join(30)


def seen_to_by_itself(desk, away):
    """The runs of the schedule that fenced the site which that failover left, all done; nobody starts or answers one."""

    def done():
        settle_moves()
        runs = desk.journal.rejoins_of(away)
        over = runs and all(desk.run(run).state.is_over for run in runs)
        return runs if over and not agreed_for(desk.journal, desk.journal.move(away)).left else None

    def how_it_stands():
        return [(desk.run(run).state, desk.run(run).reason) for run in desk.journal.rejoins_of(away)]

    try:
        return desk.until(done, "the old site is fenced and follows", patience_s=480, pause_s=3)
    except AssertionError as error:
        raise AssertionError(f"{error}: {how_it_stands()}") from None


def test_a_site_that_lost_its_power_is_fenced_when_it_is_back_and_follows_before_anybody_brings_it_home(desk):
    served_by(desk, HOME, began := datetime.now(UTC))
    writer = parts_of("hearth").credential("archive-writer")
    assert writer.look().held
    break_service(desk.sandbox.state, HOME, "kill")
    try:
        away = move(desk, "failover", *PEOPLE[:2], accept_rows=250_000, accept_time="2h")
        assert served_by(desk, AWAY, began)
        moved = desk.journal.move(away)
        assert (moved.kind, moved.state, moved.to_site) == (MoveKind.FAILOVER, MoveState.SERVING, AWAY)
        (bound,) = moved.losses
        assert bound.kind is LossKind.BOUND
        gone = lost(desk, told_safe(desk, began), AWAY)
        assert len(gone) <= bound.rows
        (approval,) = desk.journal.approvals(away)
        assert approval.standing is Standing.GRANTED
        assert [limit.at_most for limit in approval.plan.bounds] == [250_000, 7200]
        said = "whoever asked accepts to lose up to 250000 rows and 2h of household"
        assert said in approval.plan.known_wrong
        accepted = set(unconfirmed(approval.plan.coverage)) & {step.item for step in approval.plan.when_back}
        assert accepted, "something could not be fenced"
        settle_moves()
        assert desk.journal.rejoins_of(away) == [], "while it is dark nothing begins"
    finally:
        stubborn = Stubborn(desk)
        stubborn.start()
        mend_service(desk.sandbox.state, HOME)

    with stubborn:
        runs = seen_to_by_itself(desk, away)
    for run in runs:
        asked = desk.journal.approvals(run)
        assert [(each.standing, each.decisions) for each in asked if each.standing is not Standing.VOID] in (
            [(Standing.GRANTED, ())],
            [],
        ), desk.logs(run)
    lines = [line for line in desk.journal.actions(away) if line.kind is ActionKind.FENCED_LATE]
    assert {line.data["item"] for line in lines} == accepted
    (exact,) = desk.journal.move(away).losses
    assert (exact.kind, bool(exact.saved_in)) == (LossKind.EXACT, True)
    assert max(len(gone), len(stubborn.acknowledged)) <= exact.rows <= bound.rows + len(stubborn.acknowledged)
    members = look_at_members(load_platform("hearth"))
    home, other = members["household", HOME], members["household", AWAY]
    assert (home.role, home.timeline, other.takes_writes) == (DatabaseRole.STANDBY, other.timeline, True)
    assert served_by(desk, AWAY, datetime.now(UTC)), "clients noticed nothing"
    assert not writer.look().held, "what was left may do nothing with what both sites share"

    back = move(desk, "failback", *PEOPLE)
    assert desk.journal.active_site("hearth") == HOME
    prepared = {step.item.partition(":")[0] for step in desk.steps(back) if step.phase == "prepare"}
    assert prepared.isdisjoint({"fence-database", "save-beyond", "follow-database"}), "that was done"
    assert writer.look().held, "given back"
    assert desk.journal.verify_actions("hearth") > 0


def test_wrong_rows_in_both_sites_are_left_behind_and_counted_and_clients_write_again(desk):
    home, away = (parts_of("hearth").member("household", site) for site in (HOME, AWAY))
    desk.until(lambda: away.read_kept().backups, "the host has made its base backup", patience_s=300)
    served_by(desk, HOME, began := datetime.now(UTC))
    moment = datetime.now(UTC)
    ((wrong,),) = as_the_application(
        desk, 'UPDATE devices SET state = \'{"heating": "WRONG"}\' RETURNING id', count=True
    )
    assert wrong >= 200
    desk.until(lambda: wrong_rows(desk, AWAY), "the mistake is in both sites")  # as one; devices report on meanwhile
    desk.until(lambda: away.look().heartbeat_at > moment, "and whatever came before it")

    for refused in ("2026-11-28T03:10:00", "2126-01-01T00:00:00Z", "2001-01-01T00:00:00Z"):
        run = desk.start("point-in-time-restore/restore", platform="hearth", reason="practice", moment=refused)
        assert desk.state(run)["type"] == "FAILED", refused
        assert not desk.journal.approvals(run)
    given = {"deployment": "point-in-time-restore/restore", "moment": moment.isoformat()}
    run = approve(desk, "point-in-time-restore", *PEOPLE, **given)
    state = desk.state(run, patience_s=480)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"

    moved = desk.journal.move(run)
    assert (moved.kind, moved.state, moved.to_site) == (MoveKind.RESTORE, MoveState.SERVING, AWAY)
    assert desk.journal.active_site("hearth") == AWAY
    assert served_by(desk, AWAY, moved.serving_at)
    assert (wrong_rows(desk, AWAY), home.look().role) == (0, DatabaseRole.STANDBY)
    desk.until(lambda: wrong_rows(desk, HOME) == 0, "the old side follows what was restored")
    (loss,) = moved.losses
    assert (loss.kind, loss.by_table["devices"] >= wrong) == (LossKind.EXACT, True)
    assert loss.saved_in
    writes = told_safe(desk, began)
    gone = lost(desk, writes, AWAY)
    before = [write.id for write in writes if write.at < moment]
    assert before
    assert not set(before) & set(gone), "what was written before the moment is there"
    assert 0 < len(gone) <= loss.by_table["rows"]
    (approval,) = desk.journal.approvals(run)
    (rows, _) = approval.plan.bounds
    assert loss.rows <= rows.at_most
    assert [each.approver for each in approval.decisions] == list(PEOPLE[: len(approval.decisions)])
    assert len(approval.decisions) >= 2

    move(desk, "failback", *PEOPLE)
    assert desk.journal.active_site("hearth") == HOME
    assert wrong_rows(desk, HOME) == 0
    assert set(lost(desk, told_safe(desk, began), HOME)) == set(gone), "nothing else is gone"
    assert desk.journal.verify_actions("hearth") > 0


def as_the_application(desk, statement, *, count=False):
    """What a wrong program would do, with the rights of the right one."""
    known = desk.sandbox.state.read_ready("household-primary")["app_dsn"]
    with psycopg.connect(known, autocommit=True) as connection:
        done = connection.execute(statement)
        return [(done.rowcount,)] if count else done.fetchall()


def wrong_rows(desk, site):
    with psycopg.connect(reader_dsn(desk.sandbox.state, DATABASES[site]), autocommit=True) as connection:
        ((found,),) = connection.execute("SELECT count(*) FROM devices WHERE state->>'heating' = 'WRONG'").fetchall()
    return found


# -- a plan's own steps --------------------------------------------------------------------------

OWN = {
    "told": {"kind": "ask", "when": "before", "phase": "shift", "text": "is the warehouse told?"},
    "seen": {
        "kind": "deployment", "when": "after", "phase": "verify-clients", "text": "look at everything",
        "deployment": "health-sweep/sweep", "parameters": {"platform": "{platform}"}, "order": 2,
    },
    "proven": {
        "kind": "call", "when": "after", "phase": "verify-clients", "text": "see that it answers",
        "url": "https://api.hearth.example/health", "within": "2min",
    },
}  # fmt: skip


def own_steps(**steps):
    """hearth's plan with steps of its own."""
    from blocks.catalogue.recovery import AddedStep

    return planned_otherwise(
        lambda _: {"steps": {name: AddedStep.model_validate({"name": name} | step) for name, step in steps.items()}}
    )


@contextmanager
def planned_otherwise(change):
    """hearth's recovery plan with what `change` makes of it, as `vigie apply` would have saved it; then as it was."""
    from blocks.catalogue.block import PlatformBlock

    known = load_platform("hearth")
    plan = known.platform.recovery
    changed = known.platform.model_copy(update={"recovery": plan.model_copy(update=change(plan))})
    PlatformBlock.of(changed, known.customer).save("hearth", overwrite=True, _sync=True)
    try:
        yield
    finally:
        PlatformBlock.of(known.platform, known.customer).save("hearth", overwrite=True, _sync=True)


def say(desk, run, who, choice):
    """In the form, with a fresh code until it counts."""
    while not any(each.approver == who for each in desk.journal.approvals(run)[-1].decisions):
        desk.asleep(run)
        asked = desk.journal.approvals(run)[-1].id
        forms = desk.journal.form_count(asked)
        assert desk.fill(run, approver=who, code=desk.code(who), answer=choice) == "ACCEPT"
        desk.until(lambda asked=asked, n=forms: _is_read(desk, run, asked, n), "the form is read", patience_s=120)


def is_asked(desk, run, number=1):
    asked = [each for each in desk.journal.approvals(run) if each.plan.confirms]
    return len(asked) == number and asked[-1].standing is Standing.WAITING


def test_a_plans_own_steps_are_carried_out_and_a_no_parks_until_somebody_goes_on(desk):
    with own_steps(**OWN):
        run = approve(desk, "switchover", *PEOPLE[:2])
        desk.until(lambda: is_asked(desk, run), "somebody is asked", patience_s=480)
        desk.asleep(run)
        assert desk.journal.lease("hearth").run == run, "nobody else may change it meanwhile"
        assert desk.journal.active_site("hearth") != AWAY
        say(desk, run, "shift-lead", "reject")
        assert desk.state(run, patience_s=480)["name"] == "Parked", desk.logs(run)
        assert desk.journal.lease("hearth") is None
        assert "shift-lead says no: is the warehouse told?" in desk.run(run).reason

        steer(desk, run, Steer.CONTINUE, "shift-lead")
        desk.until(lambda: is_asked(desk, run, 2), "somebody is asked anew", patience_s=480)
        say(desk, run, "platform-engineer", "approve")
        desk.until(lambda: desk.run(run).state is RunState.DONE, "it ends", patience_s=480)
        assert desk.journal.active_site("hearth") == AWAY
        done = {step.item.partition(":")[0]: step for step in desk.steps(run) if step.item.split(":")[1] in OWN}
        assert done["ask"].outcome == "platform-engineer said that it is done"
        assert "answered as expected" in done["call"].outcome
        swept = desk.sandbox.call(f"/flow_runs/{done['run-deployment'].evidence.reference}")
        assert (swept["state"]["name"], swept["idempotency_key"]) == ("Completed", done["run-deployment"].key)
        assert swept["parameters"] == {"platform": "hearth"}
        assert done["call"].done_at <= done["run-deployment"].mark.intended_at, "by their order"
    move(desk, "failback", *PEOPLE)


def steer(desk, run, what, who):
    from blocks.orchestrator.client import PrefectOrchestrator
    from tasks.runs import steering
    from tasks.runs.catalogue import load_policy

    found = desk.run(run)
    policy = load_policy(found.customer, found.platform, found.action)
    with PrefectOrchestrator() as orchestrator:
        return steering.steer(desk.journal, orchestrator, policy, what, run, who=who)
