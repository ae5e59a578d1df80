"""What happens to a run whose process is gone, that was answered, that nobody answers?

The invariants, before any code:

1.  *What is over, parked, failed or asleep without an answer is left alone.* A person continues it. (One that
    died between the journal's record of its end and Prefect's is executed once more, and only says so.)
2.  *Late reports are waited out.* A worker may say "crashed" of a run that another already executes, and a run
    may look gone while its process only starts: nobody acts before the grace has passed.
3.  *A process that lives is never doubled.* While one holds the run's lock, the run is executing, whatever
    Prefect says. A lock that is gone is no proof: a journal that was away has forgotten it, and the process takes it
    again. So it must have been gone for the grace, unless Prefect has seen the process end.
4.  *Attempts are counted and capped*, further apart each time; at the cap the run is parked and a person is paged.
5.  *An answer that was recorded wakes its run*, whoever died in between; what nobody answers escalates once,
    and expires.
6.  *Cancelled in Prefect is cancelled here*, and gives the platform back.

No I/O, no clock: evidence and time are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from blocks.ports.approvals import Approval, Standing
from blocks.ports.orchestration import FlowRunView, RunPhase
from blocks.ports.runs import Run, RunState
from tasks.approvals.decide import is_due_to_escalate, is_expired

GRACE = timedelta(seconds=15)
MOST_RESUMES = 5
_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=5)
_UNSTARTED = timedelta(minutes=2)  # Pending: a worker took it, and no process came of it


class Care(StrEnum):
    """What is done for a run."""

    LEAVE = "leave"
    RESUME = "resume"  # its process is gone: announce, count, execute again
    WAKE = "wake"  # it sleeps and has its answer
    EXPIRE = "expire"  # nobody answered in time: say so, and wake it to end
    ESCALATE = "escalate"
    PARK = "park"  # too many attempts: park it and page a person
    CANCEL = "cancel"  # Prefect says cancelled, the journal does not know yet
    TELL_PREFECT = "tell_prefect"  # it is over, and its process died before it could say so


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why, in a sentence."""

    care: Care
    reason: str


def assess_run(
    run: Run, seen: FlowRunView | None, question: Approval | None, now: datetime, *, unlocked_since: datetime | None
) -> Verdict:
    """The decision about one run.

    `question` is its newest approval; `seen` is None when Prefect does not know it; `unlocked_since` is when it was
    first seen that no process holds the run's lock, None while one does.
    """
    if unlocked_since is None:
        return Verdict(Care.LEAVE, "a process executes it")
    if run.state.is_over or run.state is RunState.PARKED:
        return _over(run, seen, now, unlocked_since)
    if seen is None or (seen.phase is RunPhase.CANCELLED and run.state is not RunState.CANCELLED):
        return Verdict(Care.CANCEL, _cancelled(seen))
    if run.state in {RunState.FAILED, RunState.CANCELLED} and seen.phase.is_final:
        return Verdict(Care.LEAVE, f"{run.state.value}: a person may retry it")
    if seen.phase is RunPhase.SUSPENDED:
        return _asleep(question, now)
    return _gone(run, seen, now, unlocked_since)


def _cancelled(seen: FlowRunView | None) -> str:
    return "Prefect does not know this run any more" if seen is None else seen.message or "cancelled in Prefect"


def _over(run: Run, seen: FlowRunView | None, now: datetime, unlocked_since: datetime) -> Verdict:
    """It ended, and died before Prefect heard of it: executed once more it only says so."""
    said = run.state.value
    died = seen is not None and (
        seen.phase.has_process or (run.state is RunState.DONE and seen.phase is RunPhase.CRASHED)
    )
    if seen is None or not died or now < _news(run, seen, unlocked_since) + GRACE or run.resume_count >= MOST_RESUMES:
        return Verdict(Care.LEAVE, f"{said}: a person goes on from here")
    return Verdict(Care.TELL_PREFECT, f"it is {said}, and Prefect does not know it")


def _asleep(question: Approval | None, now: datetime) -> Verdict:
    if question is None:
        return Verdict(Care.LEAVE, "suspended by a person")
    if question.standing is not Standing.WAITING:
        return Verdict(Care.WAKE, f"the approval is {question.standing.value}")
    if is_expired(question, now):
        return Verdict(Care.EXPIRE, f"nobody decided before {question.expires_at:%H:%M} UTC")
    if is_due_to_escalate(question, now):
        return Verdict(Care.ESCALATE, f"nobody decided since {question.asked_at:%H:%M} UTC")
    return Verdict(Care.LEAVE, "waits for an answer")


def _gone(run: Run, seen: FlowRunView, now: datetime, unlocked_since: datetime) -> Verdict:
    """No process executes it: did it end, is it about to start, or did its process die?"""
    lost = {RunPhase.CRASHED: "it crashed", RunPhase.RUNNING: "its process is gone", RunPhase.PENDING: "it never began"}
    if seen.phase not in lost:
        return Verdict(Care.LEAVE, f"Prefect says {seen.phase.value}")
    grace = _UNSTARTED if seen.phase is RunPhase.PENDING else GRACE
    if now < _news(run, seen, unlocked_since) + grace:
        return Verdict(Care.LEAVE, f"{lost[seen.phase]}; late reports are waited out")
    if run.resume_count >= MOST_RESUMES:
        return Verdict(Care.PARK, f"{lost[seen.phase]} again after {run.resume_count} automatic resumes")
    if run.resumed_at is not None and now < run.resumed_at + wait_after(run.resume_count):
        return Verdict(Care.LEAVE, f"{lost[seen.phase]}; resumed a moment ago")
    return Verdict(Care.RESUME, f"{lost[seen.phase]}{f': {seen.message}' if seen.message else ''}")


def _news(run: Run, seen: FlowRunView, unlocked_since: datetime) -> datetime:
    """The last that was heard of its process."""
    unlocked = [unlocked_since] if seen.phase is RunPhase.RUNNING else []
    return max(seen.since, run.state_at, *unlocked)


def wait_after(resume_count: int) -> timedelta:
    """How long after its last resume a run is given before the next one."""
    return min(_FIRST_WAIT * 2 ** max(0, resume_count - 1), _LONGEST_WAIT)
