"""Approvals and answers for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from blocks.ports.approvals import Approval, Bound, Choice, Decision, Door, Guard, Plan, PlanStep, Policy, Said

AT = datetime(2026, 12, 24, 3, 0, tzinfo=UTC)
PEOPLE = ("duty-operator", "shift-lead", "platform-engineer", "service-manager")
POLICY = Policy(
    approvers=PEOPLE[:3], quorum=1, escalate_after_s=600, escalate_to=("service-manager",), glass=("shift-lead",)
)


def plan(**more: Any) -> Plan:
    given: dict[str, Any] = {
        "action": "service-restart",
        "platform": "hearth",
        "subject": "device-api",
        "steps": (
            PlanStep(phase="restart", item="i-1", text="restart instance i-1"),
            PlanStep(phase="restart", item="i-2", text="restart instance i-2"),
        ),
        "bounds": (Bound(name="clients without an answer", at_most=50, measured=12, unit="requests"),),
        "guards": (Guard(name="one at a time", holds=True, text="2 of 2 in service"),),
    }
    return Plan(**(given | more))


def approval(policy: Policy = POLICY, **more: Any) -> Approval:
    given: dict[str, Any] = {
        "id": UUID(int=1),
        "run": UUID(int=2),
        "platform": "hearth",
        "number": 1,
        "plan": plan(),
        "digest": plan().digest,
        "policy": policy,
        "requester": "service-manager",
        "asked_at": AT,
        "expires_at": AT + timedelta(minutes=30),
    }
    return Approval(**(given | more))


def said(approver: str = "duty-operator", choice: Choice = Choice.APPROVE, **more: Any) -> Said:
    return Said(**({"approver": approver, "choice": choice, "door": Door.SLACK} | more))


def decision(approver: str, choice: Choice = Choice.APPROVE, door: Door = Door.SLACK) -> Decision:
    return Decision(approver=approver, choice=choice, door=door, at=AT + timedelta(minutes=1))
