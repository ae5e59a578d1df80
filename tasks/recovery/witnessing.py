"""Who saw whom each commit waits for, while the primary lived? Kept in the journal, for when it does not.

Looked at by readiness every half hour, and after a move in peace. The rule: what could not be seen is not kept, and
says neither that commits waited nor that they did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from prefect.logging import get_run_logger

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.recovery import CommitLook, DatabaseLook, RecoveryJournal
from tasks.core.retries import OUTSIDE
from tasks.core.step import fresh_step
from tasks.recovery.decide import recovery_of
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.values import Facts
from tasks.recovery.waited import NOW, lifting_items, seen_to_wait
from tasks.runs.runbook import Granted


def promised_to_wait(platform: Platform) -> tuple[str, ...]:
    """Data whose catalogue promises zero loss."""
    return tuple(name for name, data in recovery_of(platform).data.items() if data.promise is Promise.ZERO_LOSS)


def known_of_commits(
    journal: RecoveryJournal,
    platform: Platform,
    active: str,
    seen: Mapping[tuple[str, str], DatabaseLook],
    *,
    began: datetime,
    ended: datetime,
) -> tuple[dict[str, CommitLook], dict[str, datetime]]:
    """Of each data the newest look, of now or of the journal; and when vigie last did what could lift it."""
    looks: dict[str, CommitLook] = {}
    lifted: dict[str, datetime] = {}
    for name in promised_to_wait(platform):
        now = seen_to_wait(name, active, seen.get((name, active)), began=began, ended=ended)
        if newest := now or journal.commit_look(platform.name, name):
            looks[name] = newest
        if at := journal.last_acted(platform.name, lifting_items(name, active)):
            lifted[name] = at
    return looks, lifted


def keep_what_was_seen(journal: RecoveryJournal, platform: Platform, facts: Facts, by: str) -> tuple[CommitLook, ...]:
    """The looks of now among these facts, kept under the name of whoever took them."""
    kept = tuple(replace(look, seen_by=by) for look in facts.commits.values() if look.seen_by == NOW)
    for look in kept:
        journal.keep_commit_look(platform.name, look)
    return kept


@fresh_step(retry=OUTSIDE, run_name="see whom each commit waits for")
def see_whom_commits_wait_for(granted: Granted) -> tuple[CommitLook, ...]:
    """After a move in peace: what its new primary says. Data that promises no zero loss is not asked."""
    with open_journal() as journal:
        kept = write_whom_commits_wait_for(journal, parts_of(granted.plan.platform), granted)
    for look in kept:
        said = f"waits for {look.standby}" if look.waits else "is acknowledged without a standby, or may be"
        get_run_logger().info("each commit of %s in %s %s", look.data, look.site, said)
    return kept


def write_whom_commits_wait_for(journal: PostgresJournal, parts: Parts, granted: Granted) -> tuple[CommitLook, ...]:
    """The same with a journal and the platform's parts at hand."""
    site, kept = granted.plan.candidate, list[CommitLook]()
    for name in promised_to_wait(parts.platform):
        began = journal.now()
        look = parts.member(name, site).look()
        seen = seen_to_wait(name, site, look, began=began, ended=journal.now(), by=granted.plan.action)
        if seen is not None:
            journal.keep_commit_look(parts.platform.name, seen)
            kept.append(seen)
    return tuple(kept)
