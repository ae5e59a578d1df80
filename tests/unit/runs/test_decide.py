"""What happens to a run whose process is gone, that was answered, that nobody answers: a line a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.approvals import Standing
from blocks.ports.orchestration import FlowRunView, RunPhase
from blocks.ports.runs import Run, RunState
from tasks.runs.decide import GRACE, MOST_RESUMES, Care, assess_run, wait_after
from tests.unit.approvals.asked import AT, approval

NOW = AT + timedelta(minutes=5)
LONG_AGO = NOW - timedelta(minutes=4)
JUST_NOW = NOW - GRACE + timedelta(seconds=1)
DUE = NOW - GRACE


def run(state: RunState = RunState.RUNNING, **more) -> Run:
    given_ = {
        "id": UUID(int=2),
        "platform": "hearth",
        "action": "service-restart",
        "subject": "device-api",
        "parameters": {},
        "requested_by": "operator",
        "customer": "hearth",
        "opened_at": LONG_AGO,
        "state": state,
        "state_at": LONG_AGO,
    }
    return Run(**(given_ | more))


def seen(phase: RunPhase, since: datetime = LONG_AGO, message: str = "") -> FlowRunView:
    return FlowRunView(
        id=UUID(int=2), name="n", phase=phase, state_name=phase, message=message, since=since, deployment=None, url=""
    )


WAITING = run(RunState.WAITING)
QUESTION = approval(expires_at=NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("known", "prefect", "question", "executing", "care"),
    [
        # its process is gone
        (run(), seen(RunPhase.CRASHED), None, False, Care.RESUME),
        (run(), seen(RunPhase.RUNNING), None, False, Care.RESUME),
        (WAITING, seen(RunPhase.CRASHED), QUESTION, False, Care.RESUME),
        (run(), seen(RunPhase.CRASHED, DUE), None, False, Care.RESUME),
        (run(), seen(RunPhase.CRASHED, JUST_NOW), None, False, Care.LEAVE),
        (run(), seen(RunPhase.RUNNING, JUST_NOW), None, False, Care.LEAVE),
        (run(state_at=JUST_NOW), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(), seen(RunPhase.PENDING), None, False, Care.RESUME),
        (run(), seen(RunPhase.PENDING, NOW - timedelta(seconds=119)), None, False, Care.LEAVE),
        # a process lives, whatever Prefect says
        (run(), seen(RunPhase.CRASHED), None, True, Care.LEAVE),
        (run(), seen(RunPhase.RUNNING), None, True, Care.LEAVE),
        (run(), seen(RunPhase.CANCELLED), None, True, Care.LEAVE),
        (run(), None, None, True, Care.LEAVE),
        # about to begin
        (run(), seen(RunPhase.SCHEDULED), None, False, Care.LEAVE),
        # counted, further apart, capped
        (run(resume_count=1, resumed_at=NOW - timedelta(seconds=14)), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(resume_count=1, resumed_at=NOW - timedelta(seconds=15)), seen(RunPhase.CRASHED), None, False, Care.RESUME),
        (run(resume_count=3, resumed_at=NOW - timedelta(seconds=59)), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(resume_count=MOST_RESUMES - 1, resumed_at=LONG_AGO), seen(RunPhase.CRASHED), None, False, Care.RESUME),
        (run(resume_count=MOST_RESUMES, resumed_at=LONG_AGO), seen(RunPhase.CRASHED), None, False, Care.PARK),
        # asleep
        (WAITING, seen(RunPhase.SUSPENDED), QUESTION, False, Care.LEAVE),
        (WAITING, seen(RunPhase.SUSPENDED), replace(QUESTION, standing=Standing.GRANTED), False, Care.WAKE),
        (WAITING, seen(RunPhase.SUSPENDED), replace(QUESTION, standing=Standing.REJECTED), False, Care.WAKE),
        (run(), seen(RunPhase.SUSPENDED), replace(QUESTION, standing=Standing.GRANTED), False, Care.WAKE),
        (WAITING, seen(RunPhase.SUSPENDED), replace(QUESTION, expires_at=NOW), False, Care.EXPIRE),
        (
            WAITING,
            seen(RunPhase.SUSPENDED),
            replace(QUESTION, asked_at=NOW - timedelta(minutes=10)),
            False,
            Care.ESCALATE,
        ),
        (run(), seen(RunPhase.SUSPENDED), None, False, Care.LEAVE),
        # a person goes on from here
        (run(RunState.FAILED), seen(RunPhase.FAILED), None, False, Care.LEAVE),
        (run(RunState.FAILED), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(RunState.PARKED), seen(RunPhase.CANCELLED), None, False, Care.LEAVE),
        (run(RunState.REJECTED), seen(RunPhase.CANCELLED), None, False, Care.LEAVE),
        (run(RunState.DONE), seen(RunPhase.COMPLETED), None, False, Care.LEAVE),
        (run(RunState.CANCELLED), seen(RunPhase.CANCELLED), None, False, Care.LEAVE),
        # cancelled in Prefect is cancelled here
        (run(), seen(RunPhase.CANCELLED), None, False, Care.CANCEL),
        (WAITING, seen(RunPhase.CANCELLED), QUESTION, False, Care.CANCEL),
        (run(), None, None, False, Care.CANCEL),
        # it failed here and Prefect runs it again: the process of the retry is gone
        (run(RunState.FAILED), seen(RunPhase.RUNNING), None, False, Care.RESUME),
        # it ended, and died before Prefect heard of it
        (run(RunState.DONE), seen(RunPhase.RUNNING), None, False, Care.TELL_PREFECT),
        (run(RunState.DONE), seen(RunPhase.CRASHED), None, False, Care.TELL_PREFECT),
        (run(RunState.REJECTED), seen(RunPhase.RUNNING), None, False, Care.TELL_PREFECT),
        (run(RunState.REJECTED), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(RunState.PARKED), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(RunState.DONE), seen(RunPhase.CRASHED, JUST_NOW), None, False, Care.LEAVE),
        (run(RunState.DONE, resume_count=MOST_RESUMES), seen(RunPhase.CRASHED), None, False, Care.LEAVE),
        (run(RunState.DONE), None, None, False, Care.LEAVE),
    ],
)
def test_every_case(known, prefect, question, executing, care):
    verdict = assess_run(known, prefect, question, NOW, unlocked_since=None if executing else LONG_AGO)
    assert verdict.care is care, verdict.reason
    assert verdict.reason


MOMENTS = st.integers(-3600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
RUNS = st.builds(
    run,
    st.sampled_from(RunState),
    resume_count=st.integers(0, 9),
    resumed_at=st.none() | MOMENTS,
)
VIEWS = st.none() | st.builds(
    seen,
    st.sampled_from(RunPhase),
    MOMENTS,
)
QUESTIONS = st.none() | st.builds(lambda s: replace(QUESTION, standing=s), st.sampled_from(Standing))


@given(RUNS, VIEWS, QUESTIONS, st.none() | MOMENTS)
def test_a_living_process_is_never_doubled_and_the_cap_holds(known, prefect, question, unlocked):
    care = assess_run(known, prefect, question, NOW, unlocked_since=unlocked).care
    if unlocked is None:
        assert care is Care.LEAVE
    if care is Care.RESUME and prefect.phase is RunPhase.RUNNING:
        assert unlocked <= DUE
    if care in {Care.RESUME, Care.TELL_PREFECT}:
        assert known.resume_count < MOST_RESUMES
        assert known.state is not RunState.PARKED or prefect.phase.has_process
    if known.state.is_over:
        assert care in {Care.LEAVE, Care.TELL_PREFECT}
    if care is Care.WAKE:
        assert prefect.phase is RunPhase.SUSPENDED
        assert question.standing is not Standing.WAITING


@pytest.mark.parametrize(
    ("phase", "unlocked", "care"),
    [
        (RunPhase.RUNNING, NOW, Care.LEAVE),  # a journal that was away has forgotten the lock
        (RunPhase.RUNNING, JUST_NOW, Care.LEAVE),
        (RunPhase.RUNNING, DUE, Care.RESUME),
        (RunPhase.CRASHED, NOW, Care.RESUME),  # Prefect has seen it end
        (RunPhase.PENDING, NOW, Care.RESUME),  # no process came of it
    ],
)
def test_a_lock_that_is_gone_is_believed_after_the_grace(phase, unlocked, care):
    verdict = assess_run(run(), seen(phase), None, NOW, unlocked_since=unlocked)
    assert verdict.care is care, verdict.reason
    assert care is not Care.LEAVE or "waited out" in verdict.reason


def test_waits_grow_and_end_at_five_minutes():
    waits = [wait_after(count).total_seconds() for count in range(1, 8)]
    assert waits == [15, 30, 60, 120, 240, 300, 300]
