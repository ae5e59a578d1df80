"""Several platforms on one approval, for real: hearth goes on its part of the yes, and who cannot go is named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from blocks.ports.approvals import Standing
from blocks.ports.recovery import MoveKind, MoveState
from blocks.ports.runs import ActionKind, RunState
from deployments.sandbox.breaking import break_service, mend_service
from tests.scenario.runs.test_moves import AWAY, HOME, PEOPLE, lost, move, say_yes, served_by, told_safe

pytestmark = [pytest.mark.scenario, pytest.mark.long, pytest.mark.filterwarnings("ignore")]


def test_one_yes_moves_who_can_go_and_names_who_cannot(desk, slack):
    served_by(desk, HOME, began := datetime.now(UTC))
    break_service(desk.sandbox.state, HOME, "kill")
    try:
        asking = desk.start(
            "joint-failover/together", platform="hearth", others="storefront, nowhere", reason="practice"
        )
        say_yes(desk, asking, ("platform-engineer", "shift-lead"))
        state = desk.state(asking, patience_s=240)
        assert state["name"] == "Completed", f"{state}\n{desk.logs(asking)}"
        (agreed,) = desk.journal.approvals(asking)
        assert [part.platform for part in agreed.plan.parts] == ["hearth"]
        assert set(agreed.policy.approvers) == {"duty-operator", "shift-lead", "platform-engineer"}
        for name in ("storefront does not go: storefront has no recovery plan", "nowhere does not go: Prefect has no"):
            assert name in " ".join(agreed.plan.known_wrong)
            assert name in desk.run(asking).reason

        own = desk.journal.part_runs(agreed.id)["hearth"]
        state = desk.state(own, patience_s=480)
        assert state["name"] == "Completed", f"{state}\n{desk.logs(own)}"
        (granted,) = desk.journal.approvals(own)
        assert (granted.standing, granted.digest) == (Standing.GRANTED, agreed.plan.parts[0].digest)
        assert "approved with others" in granted.reason
        moved = desk.journal.move(own)
        assert (moved.kind, moved.state, moved.to_site) == (MoveKind.FAILOVER, MoveState.SERVING, AWAY)
        assert moved.decided_at == agreed.settled_at
        claims = [kind for kind in desk.kinds(own) if kind in {ActionKind.ROOM_CLAIMED, ActionKind.ROOM_FREED}]
        assert claims == [ActionKind.ROOM_CLAIMED, ActionKind.ROOM_FREED]
        assert served_by(desk, AWAY, began)
        assert len(lost(desk, told_safe(desk, began), AWAY)) <= moved.losses[0].rows
        assert desk.run(own).state is RunState.DONE
        slack.shows(asking, "approval:1", "storefront")
        slack.shows(own, "approval:1", "approuvé avec d'autres")
    finally:
        mend_service(desk.sandbox.state, HOME)
    move(desk, "failback", *PEOPLE)
    assert desk.journal.active_site("hearth") == HOME
    assert desk.journal.verify_actions("hearth") > 0
