"""One look at every open runbook: decide, say, do.

The rules: what is done for a run is announced before it is done; one run that cannot be helped keeps nobody from
helping the others; a decision is made on what is true now, so whoever comes second finds nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.errors import VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.ports.approvals import Approval, Standing
from blocks.ports.orchestration import FlowRunView, Orchestrator
from blocks.ports.runs import Run, RunState
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.runs.decide import Care, Verdict, assess_run
from tasks.runs.showing import show_run, show_waiting
from tasks.runs.values import Cared, CareReport

_OPEN = (RunState.RUNNING, RunState.WAITING, RunState.FAILED)
_LATELY = timedelta(minutes=30)
_ANOTHER_LOOK_S = 5.0
_LOOKS = 8
_SHOWN_WITHIN_S = 10.0


@record_step(retry=JOURNAL, run_name="look after open runbooks")
def care_for_runs() -> CareReport:
    """Look until nothing is about to become due; at most a minute."""
    logger = get_run_logger()
    cared: list[Cared] = []
    unlocked: dict[UUID, datetime] = {}
    with open_journal() as journal, PrefectOrchestrator() as orchestrator:
        for _ in range(_LOOKS):
            found, soon = look_once(journal, orchestrator, unlocked, lambda said: logger.warning("%s", said))
            cared += found
            if not soon:
                break
            time.sleep(_ANOTHER_LOOK_S)
        if journal.waiting_messages():
            show_waiting()  # with no gateway, nobody else would
        left = len(_open_runs(journal)) - len({each.run for each in cared})
    report = CareReport(cared, max(0, left))
    logger.info("%s", report.sentence)
    return report


def look_once(
    journal: PostgresJournal, orchestrator: Orchestrator, unlocked: dict[UUID, datetime], say: Callable[[str], None]
) -> tuple[list[Cared], bool]:
    """What was done now, and whether another look in a moment will find more.

    `unlocked` is kept between looks: since when no process was seen to hold the lock of each run.
    """
    cared: list[Cared] = []
    soon = False
    for run in _open_runs(journal):
        verdict = _verdict(journal, orchestrator, run, unlocked)
        if verdict.care is Care.LEAVE:
            soon = soon or "waited out" in verdict.reason
            continue
        say(f"{run.title} ({run.id}): {verdict.care.value}, {verdict.reason}")
        cared.append(_do(journal, orchestrator, run, verdict, say))
    return cared, soon


def _open_runs(journal: PostgresJournal) -> list[Run]:
    """Those that are not over, and those that ended a moment ago: Prefect may not know it."""
    now = journal.now()
    ended = [each for each in journal.runs() if each.state not in _OPEN and now - each.state_at < _LATELY]
    return [*journal.runs(states=_OPEN), *ended]


def _verdict(journal: PostgresJournal, orchestrator: Orchestrator, run: Run, unlocked: dict[UUID, datetime]) -> Verdict:
    """The lock is looked at before Prefect is asked: a process that begins meanwhile is seen by one of the two."""
    if journal.is_executing(run.id):
        unlocked.pop(run.id, None)
    else:
        unlocked.setdefault(run.id, journal.now())
    seen: FlowRunView | None = orchestrator.view(run.id)
    questions = journal.approvals(run.id)
    newest: Approval | None = questions[-1] if questions else None
    return assess_run(journal.run(run.id), seen, newest, journal.now(), unlocked_since=unlocked.get(run.id))


def _do(
    journal: PostgresJournal, orchestrator: Orchestrator, run: Run, verdict: Verdict, say: Callable[[str], None]
) -> Cared:
    try:
        _DEEDS[verdict.care](journal, orchestrator, run, verdict.reason)
    except VigieError as error:
        say(f"{run.id} could not be helped: {error}")
        return Cared(run.id, verdict.care, verdict.reason, str(error))
    return Cared(run.id, verdict.care, verdict.reason)


def _resume(journal: PostgresJournal, orchestrator: Orchestrator, run: Run, reason: str) -> None:
    """Count first: what dies between counting and doing was an attempt. Then announce, then do."""
    count = journal.count_resume(run.id)
    show_run(run.id, run.platform)
    _await_shown(journal, run.id)
    orchestrator.retry(run.id, f"resumed automatically, attempt {count}: {reason}")


def _await_shown(journal: PostgresJournal, run: UUID) -> None:
    """Where somebody else (the gateway) took the announcement first, until it is out, or its door is down."""
    give_up = time.monotonic() + _SHOWN_WITHIN_S
    while journal.is_being_shown(run, "progress") and time.monotonic() < give_up:
        time.sleep(0.1)


def _tell_prefect(journal: PostgresJournal, orchestrator: Orchestrator, run: Run, reason: str) -> None:
    journal.count_resume(run.id)
    orchestrator.retry(run.id, reason)


def _wake(_journal: PostgresJournal, orchestrator: Orchestrator, run: Run, _reason: str) -> None:
    orchestrator.resume(run.id)


def _expire(journal: PostgresJournal, orchestrator: Orchestrator, run: Run, reason: str) -> None:
    newest = journal.approvals(run.id)[-1]
    journal.settle(newest.id, Standing.EXPIRED, reason=reason)
    show_run(run.id, run.platform)
    orchestrator.resume(run.id)


def _escalate(journal: PostgresJournal, _orchestrator: Orchestrator, run: Run, _reason: str) -> None:
    journal.note_escalation(journal.approvals(run.id)[-1].id)
    show_run(run.id, run.platform)


def _park(journal: PostgresJournal, _orchestrator: Orchestrator, run: Run, reason: str) -> None:
    journal.move_run(run.id, RunState.PARKED, reason=reason, page=True)
    show_run(run.id, run.platform)


def _cancel(journal: PostgresJournal, _orchestrator: Orchestrator, run: Run, reason: str) -> None:
    journal.move_run(run.id, RunState.CANCELLED, reason=reason)
    show_run(run.id, run.platform)


_DEEDS: dict[Care, Callable[[PostgresJournal, Orchestrator, Run, str], None]] = {
    Care.RESUME: _resume,
    Care.TELL_PREFECT: _tell_prefect,
    Care.WAKE: _wake,
    Care.EXPIRE: _expire,
    Care.ESCALATE: _escalate,
    Care.PARK: _park,
    Care.CANCEL: _cancel,
}
