"""Pictures of runs for the tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from blocks.ports.changes import Mark
from blocks.ports.runs import Action, ActionKind, Run, RunState, Step
from blocks.ports.showing import RunPicture
from tests.unit.approvals.asked import AT, approval

RUN = UUID(int=2)


def a_run(**changes: Any) -> Run:
    run = Run(
        id=RUN, platform="hearth", action="service-restart", subject="device-api", parameters={},
        requested_by="service-manager", customer="hearth", opened_at=AT, state=RunState.WAITING, state_at=AT,
    )  # fmt: skip
    return replace(run, **changes)


def a_step(item: str, *, minutes: int = 1, done: bool = True, **changes: Any) -> Step:
    mark = Mark(key="k" * 64, run=RUN, intended_at=AT + timedelta(minutes=minutes), baseline={})
    step = Step(
        key="k" * 64, run=RUN, phase="restart", item=item, text=f"restart instance {item}", token=1, mark=mark,
        outcome="restarted" if done else "", done_at=AT + timedelta(minutes=minutes, seconds=20) if done else None,
    )  # fmt: skip
    return replace(step, **changes)


def a_question(text: str) -> Action:
    data = {"approval": str(approval().id)}
    return Action(run=RUN, number=7, at=AT, kind=ActionKind.QUESTION, text=text, who="duty-operator", data=data)


def a_picture(*approvals: Any, language: str = "en", **changes: Any) -> RunPicture:
    given: dict[str, Any] = {
        "run": a_run(),
        "approvals": approvals or (approval(),),
        "language": language,
        "time_zone": "Europe/Paris",
        "run_url": "https://prefect.example/runs/flow-run/2",
        "now": AT + timedelta(minutes=2),
    }
    return RunPicture(**(given | changes))
