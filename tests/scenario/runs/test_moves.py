"""hearth moves for real: in peace and back, by itself where nobody commits, and away from a site that lost its power.

A writer goes on all the while, and what it was told is safe is looked for, row by row, in the database that serves.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from blocks.ports.approvals import Standing
from blocks.ports.recovery import LossKind, MoveKind, MoveState
from blocks.ports.runs import ActionKind
from deployments.sandbox.breaking import break_service, mend_service
from deployments.sandbox.client_log import between, first_after, lost_ids, read_writes
from deployments.sandbox.household import DATABASES, present_ids, reader_dsn
from flows.settle_moves import settle_moves

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
HOME, AWAY = "azure-west", "dc-west"
PEOPLE = ("platform-engineer", "shift-lead", "service-manager")


def move(desk, kind, *people):
    """Approved, and waited for."""
    run = approve(desk, kind, *people)
    state = desk.state(run, patience_s=480)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"
    return run


def approve(desk, kind, *people):
    """Started by nobody known, so that one yes more is needed; typed, coded and approved."""
    run = desk.start(f"{kind}/{kind}", platform="hearth", reason="practice")
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


def test_a_home_that_serves_badly_has_its_clients_taken_back_and_gets_them_once_it_is_mended(desk):
    move(desk, "switchover", *PEOPLE[:2])
    break_service(desk.sandbox.state, "device-api", "expired-cert")
    try:
        back = approve(desk, "failback", *PEOPLE)
        state = desk.state(back, patience_s=480)
        assert state["type"] == "FAILED", state
        assert "clients do not return to azure-west beyond 0 % yet" in state["message"], desk.logs(back)
        assert judged(desk, back) == [("watch-clients:api:azure-west@5", "return")]
        assert [step.item for step in desk.steps(back)][-1] == f"shift-traffic:api:{AWAY}@100"
        assert served_by(desk, AWAY, datetime.now(UTC)), "clients are where they are served"
    finally:
        mend_service(desk.sandbox.state, "device-api")
    desk.retry(back)
    state = desk.state(back, "Completed", patience_s=480)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(back)}"
    assert [comes for _, comes in judged(desk, back)] == ["return", "go on", "go on"]
    items = [step.item for step in desk.steps(back)]
    assert items.count(f"shift-traffic:api:{HOME}@5") == 2
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


def test_the_power_of_a_site_is_cut_and_what_is_lost_is_bounded_then_counted(desk):
    served_by(desk, HOME, began := datetime.now(UTC))
    break_service(desk.sandbox.state, HOME, "kill")
    try:
        away = move(desk, "failover", *PEOPLE[:2])
        assert served_by(desk, AWAY, began)
        moved = desk.journal.move(away)
        assert (moved.kind, moved.state, moved.to_site) == (MoveKind.FAILOVER, MoveState.SERVING, AWAY)
        (bound,) = moved.losses
        assert bound.kind is LossKind.BOUND
        gone = lost(desk, told_safe(desk, began), AWAY)
        assert len(gone) <= bound.rows
        (approval,) = desk.journal.approvals(away)
        assert approval.standing is Standing.GRANTED
        assert "NOT confirmed" in " ".join(approval.plan.coverage.values())
    finally:
        mend_service(desk.sandbox.state, HOME)

    back = move(desk, "failback", *PEOPLE)
    assert desk.journal.active_site("hearth") == HOME
    (exact,) = desk.journal.move(away).losses
    assert exact.kind is LossKind.EXACT
    assert len(gone) <= exact.rows <= bound.rows
    first = next(step for step in desk.steps(back) if step.item.startswith("save-beyond:household"))
    assert "saved in" in first.outcome
    assert desk.journal.verify_actions("hearth") > 0
