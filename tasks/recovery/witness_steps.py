"""A move in peace is over: does each commit of what serves now wait for the other site? Kept for the day when it dies.

The rule: it is a look and no part of the move; one that cannot be taken is said in the log, and the next round of
readiness takes another.
"""

from __future__ import annotations

from collections.abc import Callable

from prefect.logging import get_run_logger

from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.recovery import CommitLook
from tasks.core.retries import JOURNAL
from tasks.core.step import fresh_step
from tasks.recovery.looking import Looks
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.waited import seen_to_wait
from tasks.recovery.witnessing import promised_to_wait
from tasks.runs.runbook import Granted


@fresh_step(retry=JOURNAL, run_name="see whom each commit waits for")
def see_whom_commits_wait_for(granted: Granted) -> tuple[CommitLook, ...]:
    """What the new primary says, of data that promises zero loss; no other is asked."""
    log = get_run_logger()
    with open_journal() as journal:
        parts = parts_of(granted.plan.platform)
        kept = write_whom_commits_wait_for(journal, parts, granted, lambda missed: log.warning("%s", missed))
    for look in kept:
        said = f"waits for {look.standby}" if look.waits else "may be acknowledged without the other site"
        log.info("each commit of %s in %s %s", look.data, look.site, said)
    return kept


def write_whom_commits_wait_for(
    journal: PostgresJournal, parts: Parts, granted: Granted, say: Callable[[str], None]
) -> tuple[CommitLook, ...]:
    """The same with a journal and the platform's parts at hand."""
    site, looks, began = granted.plan.candidate, Looks(), journal.now()
    taken = looks.take({name: parts.member(name, site).look for name in promised_to_wait(parts.platform)})
    for missed in looks.missed:
        say(missed)
    ended, by = journal.now(), granted.plan.action
    found = [seen_to_wait(name, site, look, began=began, ended=ended, by=by) for name, look in taken.items()]
    kept = tuple(look for look in found if look is not None)
    for look in kept:
        journal.keep_commit_look(parts.platform.name, look)
    return kept
