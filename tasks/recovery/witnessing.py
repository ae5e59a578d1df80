"""Who saw whom each commit waits for, while the primary lived? Kept in the journal, for when it does not.

Looked at by readiness every half hour, and after a move in peace. The rule: what could not be seen is not kept, and
says neither that commits waited nor that they did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise
from blocks.ports.recovery import CommitLook, DatabaseLook, RecoveryJournal
from tasks.recovery.decide import recovery_of
from tasks.recovery.values import Facts
from tasks.recovery.waited import NOW, lifting_items, seen_to_wait


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
