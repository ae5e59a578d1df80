"""A failover of hearth as the journal holds it, for the tests and to look at."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from blocks.ports.approvals import Choice, Decision, Door, Plan, PlanStep, Standing
from blocks.ports.changes import Evidence, EvidenceKind, Mark
from blocks.ports.drills import Drill, DrillVerdict, OldSideCount
from blocks.ports.recovery import Loss, LossKind, Move, MoveKind, MoveState
from blocks.ports.runs import Action, ActionKind, Run, RunState, Step
from tasks.reports.moves.values import Recorded
from tests.unit.approvals.asked import approval

RUN = UUID(int=9)
OUTAGE = datetime(2026, 11, 28, 2, 3, 12, tzinfo=UTC)
DETECTED = OUTAGE + timedelta(seconds=74)
ASKED = DETECTED + timedelta(seconds=35)
DECIDED = ASKED + timedelta(seconds=118)
SERVING = DECIDED + timedelta(seconds=11.9)
STEPS = (
    ("fence", "stop-worker:digest:azure-west", "stop hearth-digest in azure-west", 0.3, 2.9),
    ("fence", "fence-database:household:azure-west", "fence database household in azure-west", 0.3, 1.4),
    ("fence", "stop-service:device-api:azure-west", "stop app hearth-device-api", 0.3, 3.1),
    ("promote", "promote-database:household:dc-west", "promote database household in dc-west", 3.2, 4.0),
    ("promote", "stand-alone:household:dc-west", "let household in dc-west stand alone", 4.0, 4.3),
    ("verify-data", "verify:household:dc-west", "check the data of household", 4.3, 6.0),
    ("start", "start-service:device-api:dc-west", "start server hearth-app-1", 4.4, 7.2),
    ("start", "start-worker:digest:dc-west", "start server hearth-worker-1", 4.4, 6.6),
    ("shift", "shift-traffic:database-name:dc-west@100", "send db.hearth.example to dc-west", 7.2, 7.9),
    ("shift", "shift-traffic:api:dc-west@100", "send hearth-api to dc-west", 7.2, 9.1),
    ("verify-clients", "verify:device-api:dc-west", "check device-api as a client", 9.1, 11.8),
    ("settle", "protect-database:household:dc-west", "rebuild the standby in azure-west", 13.0, 31.0),
)
BOUND = Loss(data="household", kind=LossKind.BOUND, rows=2000, seconds=4.0, text="at most 2,000 rows")
EXACT = Loss(
    data="household", kind=LossKind.EXACT, rows=412, seconds=3.2, text="412 rows", saved_in="evidence/beyond.jsonl.gz"
)


def later(seconds: float) -> datetime:
    return DECIDED + timedelta(seconds=seconds)


def a_step(phase: str, item: str, text: str, begin: float, end: float | None, **changes: Any) -> Step:
    key = hashlib.sha256(item.encode()).hexdigest()
    step = Step(
        key=key, run=RUN, phase=phase, item=item, text=text, token=1,
        mark=Mark(key=key, run=RUN, intended_at=later(begin), baseline={}),
        evidence=Evidence(kind=EvidenceKind.GENERATION, reference="timeline 4", text=f"{item} took effect"),
        outcome="done" if end is not None else "", done_at=None if end is None else later(end),
    )  # fmt: skip
    return replace(step, **changes)


def steps() -> tuple[Step, ...]:
    return tuple(a_step(*each) for each in STEPS)


def a_move(**changes: Any) -> Move:
    move = Move(
        run=RUN, platform="hearth", kind=MoveKind.FAILOVER, from_site="azure-west", to_site="dc-west",
        state=MoveState.SERVING, began_at=DECIDED, outage_at=OUTAGE, detected_at=DETECTED, decided_at=DECIDED,
        serving_at=SERVING, commit_due_at=SERVING + timedelta(hours=1), losses=(BOUND,),
    )  # fmt: skip
    return replace(move, **changes)


def a_drill(**changes: Any) -> Drill:
    drill = Drill(run=RUN, platform="hearth", at=later(40), verdict=DrillVerdict.PASSED, text="all held")
    return replace(drill, **changes)


def a_run() -> Run:
    return Run(
        id=RUN, platform="hearth", action="failover", subject="dc-west", parameters={}, requested_by="duty-operator",
        customer="hearth", opened_at=ASKED - timedelta(seconds=6), state=RunState.DONE, state_at=later(40),
    )  # fmt: skip


def moved(state: str, seconds: float) -> Action:
    return Action(run=RUN, number=1, at=later(seconds), kind=ActionKind.RUN_MOVED, text="", data={"state": state})


def question(**changes: Any):
    plan = Plan(
        action="failover", platform="hearth", subject="dc-west", reason="azure-west answers nobody",
        steps=tuple(PlanStep(phase=phase, item=item, text=text) for phase, item, text, *_ in STEPS),
    )  # fmt: skip
    said = Decision(approver="shift-lead", choice=Choice.APPROVE, door=Door.SLACK, at=DECIDED, reason="go")
    given: dict[str, Any] = {
        "plan": plan, "asked_at": ASKED, "settled_at": DECIDED, "standing": Standing.GRANTED, "decisions": (said,),
    }  # fmt: skip
    return approval(**(given | changes))


def old_side() -> tuple[OldSideCount, ...]:
    counts = (38, 38, 38, 37, 31, 22, 12, 7, 3, 1, 1, 0, 0)
    return tuple(OldSideCount(at=later(7 + 3 * n), client_count=count) for n, count in enumerate(counts))


def recorded(**changes: Any) -> Recorded:
    given: dict[str, Any] = {
        "run": a_run(), "steps": steps(), "approvals": (question(),), "move": a_move(), "old_side": old_side(),
        "rto": timedelta(minutes=15), "rpo": timedelta(minutes=1), "at": later(60),
    }  # fmt: skip
    return Recorded(**(given | changes))
