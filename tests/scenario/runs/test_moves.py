"""hearth moves for real: in peace and back, and away from a site whose power was cut and home again.

A writer goes on all the while, and what it was told is safe is looked for, row by row, in the database that serves.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from blocks.ports.approvals import Standing
from blocks.ports.recovery import LossKind, MoveKind, MoveState
from deployments.sandbox.breaking import break_service, mend_service
from deployments.sandbox.client_log import between, first_after, lost_ids, read_writes
from deployments.sandbox.household import DATABASES, present_ids, reader_dsn

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
HOME, AWAY = "azure-west", "dc-west"
PEOPLE = ("platform-engineer", "shift-lead", "service-manager")


def move(desk, kind, *people):
    """Started by nobody known, so that one yes more is needed; typed, coded, approved, and waited for."""
    run = desk.start(f"{kind}/{kind}", platform="hearth", reason="practice")
    for name in people:
        desk.asleep(run)
        given = {"approver": name, "code": desk.code(name), "answer": "approve", "confirmation": "hearth"}
        assert desk.fill(run, **given) == "ACCEPT"
    state = desk.state(run, patience_s=240)
    assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"
    return run


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
