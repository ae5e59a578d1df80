"""When did a move begin, what did it lose, and since when does it serve? For the journal, under the move's lease.

The rules: the clock of a move starts with the outage and not with us; a loss is a bound until somebody counted it;
a platform serves from another site only once its clients were seen to be served.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from prefect.logging import get_run_logger

from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.recovery import CommitLook, DatabaseLook, DatabaseRole, Loss, LossKind, Move, MoveKind
from tasks.core.retries import JOURNAL, OUTSIDE
from tasks.core.step import fresh_step, record_step
from tasks.core.together import side_by_side
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.losses import bound_loss
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.outage import outage_of, server_silent_since
from tasks.recovery.outcome import MoveOutcome
from tasks.recovery.values import other_site
from tasks.recovery.waited import waited_until_the_end
from tasks.recovery.witnessing import known_of_commits
from tasks.runs.runbook import Granted

_FROM_OUTAGES = frozenset({MoveKind.FAILOVER.value, MoveKind.RESTORE.value})
"""Moves that something bad led to: their clock starts with it."""


@record_step(retry=JOURNAL, run_name="note that the move begins")
def begin_move(granted: Granted) -> Move:
    """The move's row: from where to where, since when clients suffer, who knew it when."""
    with open_journal() as journal:
        return write_beginning(journal, granted)


def write_beginning(journal: PostgresJournal, granted: Granted) -> Move:
    """The same with a journal at hand."""
    plan = granted.plan
    outage = outage_of(journal, journal.open_incidents(plan.platform))
    outage = outage if plan.action in _FROM_OUTAGES else None
    return journal.begin_move(
        granted.lease.run,
        granted.lease.token,
        platform=plan.platform,
        kind=MoveKind(plan.action),
        from_site=_from_site(granted),
        to_site=plan.candidate,
        outage_at=outage.served_at if outage else None,
        detected_at=outage.noticed_at if outage else None,
        decided_at=granted.approval.settled_at,
    )


@fresh_step(retry=OUTSIDE, run_name="bound what may be lost")
def bound_losses(granted: Granted) -> tuple[Loss, ...]:
    """What the old primary may have acknowledged and the candidate does not have, at most. Kept before promotion."""
    with open_journal() as journal:
        found = write_bounds(journal, parts_of(granted.plan.platform), granted)
    for loss in found:
        get_run_logger().info("%s", loss.text)
    return found


def write_bounds(journal: PostgresJournal, parts: Parts, granted: Granted) -> tuple[Loss, ...]:
    """The same with a journal and the platform's parts at hand."""
    found: list[Loss] = []
    for name, data in parts.recovery.data.items():
        sites, began = (_from_site(granted), granted.plan.candidate), journal.now()
        left, taken = side_by_side([parts.member(name, site).look for site in sites])
        waited = _waited(journal, parts, granted, name, primary=left, standby=taken, began=began)
        loss = bound_loss(data, standby=taken, primary=left, last_known=None, until=journal.now(), waited=waited)
        journal.keep_loss(granted.lease.run, loss)
        found.append(loss)
    return tuple(found)


def _waited(
    journal: PostgresJournal,
    parts: Parts,
    granted: Granted,
    name: str,
    *,
    primary: DatabaseLook,
    standby: DatabaseLook,
    began: datetime,
) -> CommitLook | None:
    """As the plan judged it, by what is known now; its last write was before the move began."""
    site, move = _from_site(granted), journal.move(granted.lease.run)
    if move is None:
        return None
    seen = {(name, site): primary}
    looks, lifted = known_of_commits(journal, parts.platform, site, seen, began=began, ended=journal.now())
    dark = primary.role is DatabaseRole.UNREACHABLE
    silent = server_silent_since(journal, parts.platform, name, site) if dark else None
    return waited_until_the_end(
        looks.get(name),
        site=site,
        primary=primary,
        standby=standby,
        lifted_at=lifted.get(name),
        until=silent or move.began_at,
    )


@fresh_step(retry=OUTSIDE, run_name="count what only {data} in {site} had")
def count_loss(platform: str, data: str, site: str, taken: str) -> Loss | None:
    """What the old primary in `site` acknowledged and the promoted one in `taken` does not have: exact, counted once.

    It belongs to the move that left the site. None where no move did; counted before, it is not counted again.
    """
    with open_journal() as journal:
        known = write_count(journal, lambda: parts_of(platform), platform, data=data, site=site, taken=taken)
    if known is not None:
        get_run_logger().info("%s", known.text)
    return known


def write_count(
    journal: PostgresJournal, open_parts: Callable[[], Parts], platform: str, *, data: str, site: str, taken: str
) -> Loss | None:
    """The same with a journal at hand; the parts are opened only where there is something to count."""
    left = next((move for move in journal.moves(platform) if move.from_site == site and move.has_moved), None)
    if left is None:
        return None
    known = next((loss for loss in left.losses if loss.data == data and loss.kind is LossKind.EXACT), None)
    if known is None:
        parts = open_parts()
        known = parts.member(data, site).count_beyond(parts.member(data, taken).look())
        journal.keep_loss(left.run, known)
    return known


@record_step(retry=JOURNAL, run_name="nothing was lost")
def note_nothing_lost(granted: Granted) -> tuple[Loss, ...]:
    """For a move in peace: each drain ended only when the other site had every byte, so the loss is exactly zero."""
    with open_journal() as journal:
        return write_nothing_lost(journal, granted)


def write_nothing_lost(journal: PostgresJournal, granted: Granted) -> tuple[Loss, ...]:
    """The same with a journal at hand."""
    drained = [item for step in granted.plan.steps if (item := parse_item(step.item)).verb is Verb.DRAIN_DATABASE]
    found = tuple(
        Loss(
            data=item.thing,
            kind=LossKind.EXACT,
            rows=0,
            seconds=0.0,
            text=f"{item.thing} lost nothing: it was drained in {item.site} until the other site had every byte",
        )
        for item in drained
    )
    for loss in found:
        journal.keep_loss(granted.lease.run, loss)
    return found


@record_step(retry=JOURNAL, run_name="the platform serves from its other site")
def let_it_serve(granted: Granted, proofs: tuple[str, ...]) -> MoveOutcome:
    """From now on the other site is the active one; the commit window begins, as it was approved."""
    with open_journal() as journal:
        return MoveOutcome(write_serving(journal, granted), proofs)


def write_serving(journal: PostgresJournal, granted: Granted) -> Move:
    """The same with a journal at hand."""
    plan = granted.plan
    return journal.move_serves(
        granted.lease.run,
        granted.lease.token,
        commit_within=timedelta(seconds=plan.commit_within_s) if plan.commit_within_s else None,
        rolls_back=plan.rolls_back,
    )


def _from_site(granted: Granted) -> str:
    """The site that is left."""
    return other_site(granted.plan, granted.plan.candidate)
