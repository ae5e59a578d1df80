"""One look at everything that drills left behind: remove it, say so, and wake a person where it cannot be removed.

The rules: one leftover that stays keeps none of the others; what became of it is told in the drill's own report; a
drill that was killed before it could say anything is written down as stopped.
"""

from __future__ import annotations

from collections.abc import Callable

from prefect.logging import get_run_logger

from blocks.errors import VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.drills import DrillVerdict, LeasedResource
from blocks.ports.runs import Run, RunState
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.drills.cleaning import remove
from tasks.drills.leftovers import may_be_swept, must_ring
from tasks.drills.values import LeakReport, Leftover
from tasks.recovery.opening import Parts, parts_of
from tasks.reports.moves.steps import report_move

STAYS = "a leftover stays"
OpenParts = Callable[[str], Parts]


@record_step(retry=JOURNAL, run_name="remove what drills left behind")
def sweep_leaks() -> LeakReport:
    """Every leaked resource, once; those whose drill has not let go are left alone."""
    logger = get_run_logger()
    with open_journal() as journal:
        report = sweep_once(journal, parts_of, lambda said: logger.info("%s", said))
    logger.info("%s", report.sentence)
    return report


def sweep_once(journal: PostgresJournal, open_parts: OpenParts, say: Callable[[str], None]) -> LeakReport:
    """The same, with what it works on as arguments. Raises what the journal raises, and nothing else."""
    found: list[Leftover] = []
    for resource in journal.leaked_resources():
        run = journal.run(resource.run)
        if may_be_swept(resource, run, journal.now()):
            found.append(_swept(journal, open_parts, resource, run, say))
    return LeakReport(tuple(found))


def tell_leaks(report: LeakReport) -> LeakReport:
    """The report of each drill that something changed for, anew."""
    for run in dict.fromkeys(each.run for each in report.leftovers if each.is_news):
        try:
            report_move(run)
        except VigieError as error:  # one that cannot be told keeps none of the others
            get_run_logger().error("what became of run %s cannot be told: %s", run, error)
    return report


def _swept(
    journal: PostgresJournal, open_parts: OpenParts, resource: LeasedResource, run: Run, say: Callable[[str], None]
) -> Leftover:
    try:
        why = remove(journal, open_parts(resource.platform), resource, say)
    except VigieError as error:  # its platform cannot be loaded, its block is gone
        why = str(error)
    is_news = _write_down(journal, resource, run, why)
    if why and must_ring(resource, run, journal.now()):
        _ring(journal, run, resource, why)
    elif not why and run.state is RunState.PARKED and run.reason.startswith(STAYS):
        journal.move_run(run.id, RunState.CANCELLED, reason="its leftovers are removed")
    return Leftover(run.id, resource.platform, resource.reference, why, is_news)


def _write_down(journal: PostgresJournal, resource: LeasedResource, run: Run, why: str) -> bool:
    """What the drill showed stays what it was, but that a leftover fails it. Does its record change?"""
    known = journal.drill(run.id)
    others = [each for each in (known.leftovers if known else ()) if not each.startswith(resource.reference)]
    left = [*others, f"{resource.reference}: {why}"] if why else others
    verdict = DrillVerdict.FAILED if left else known.verdict if known else DrillVerdict.STOPPED
    said = f"the drill ended without a word ({run.state.value}{f': {run.reason}' if run.reason else ''})"
    kept = journal.keep_drill(
        run.id,
        verdict=verdict,
        text=known.text if known else said,
        leftovers=left,
        durations=known.durations if known else {},
    )
    return kept != known


def _ring(journal: PostgresJournal, run: Run, resource: LeasedResource, why: str) -> None:
    """A run that is over cannot be parked; its report says what stays."""
    if run.state is not RunState.PARKED and not run.state.is_over:
        reason = f"{STAYS}: {resource.reference} could not be removed: {why}"
        journal.move_run(run.id, RunState.PARKED, reason=reason, page=True)
