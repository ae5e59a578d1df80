"""What came of this move, for everybody who was not there?

The last step of a move or drill: its report is built from the journal alone, kept in the evidence store, shown on the
run's page and told in Slack. What only shows the result cannot make a move that went well fail: what could not be
written is said in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.logging import get_run_logger

from blocks.catalogue.model import Customer, Platform, Recovery
from blocks.errors import Broken, VigieError
from blocks.evidence.store import keep_page, open_evidence_store
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.ports.drills import OldSideCount
from blocks.slack.moves import SUMMARY
from blocks.slack.moves_told import title_of
from blocks.slack.voice import Voice
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.reports.moves.build import build_report
from tasks.reports.moves.calendar import Rehearsed, is_of_today, render_calendar
from tasks.reports.moves.page import render_html, render_markdown
from tasks.reports.moves.picture import draw_move
from tasks.reports.moves.values import MoveReport, Recorded
from tasks.runs.catalogue import Known, load_platform


@record_step(retry=JOURNAL, run_name="report")
def report_move(run: UUID, old_side: Sequence[OldSideCount] = ()) -> str:
    """Build, keep, show and want the message; the sentence that says what came of it.

    `old_side` are counts of clients on the side that was left, where somebody measured them; they are kept first.
    """
    with open_journal() as journal:
        if old_side:
            journal.keep_old_side(run, old_side)
        known = load_platform(journal.run(run).platform)
        report = build_report(read_recorded(journal, run, promised(known.platform)))
        kept_in = asyncio.run(_show(report, run, known.customer))
        sentence = title_of(Voice("en", known.customer.time_zone), report.summary)
        facts = {"summary": SUMMARY.dump_python(report.summary, mode="json"), "kept_in": kept_in}
        journal.keep_report(run, text=sentence, facts=facts)
    get_run_logger().info("%s", sentence)
    return sentence


def read_recorded(journal: PostgresJournal, run: UUID, plan: Recovery) -> Recorded:
    """What the journal holds of it."""
    return Recorded(
        run=journal.run(run),
        actions=journal.actions(run),
        steps=journal.steps(run),
        approvals=journal.approvals(run),
        move=journal.move(run),
        drill=journal.drill(run),
        old_side=journal.old_side(run),
        rto=plan.rto,
        rpo=plan.rpo,
        at=journal.now(),
    )


@record_step(retry=JOURNAL, run_name="drill calendars")
def report_drills(customer: str = "") -> int:
    """The calendar of drills and restores of one customer or of each, as a table; how many platforms are in one."""
    with open_journal() as journal:
        at, found = journal.now(), rehearsals(journal)
    wanted = {who: rows for who, rows in found.items() if customer in {"", who.name}}
    for who, rows in wanted.items():
        _show_calendar(who, rows, at)
    return sum(map(len, wanted.values()))


@record_step(retry=JOURNAL, run_name="drill calendars of the day")
def renew_calendars() -> tuple[str, ...]:
    """Each customer's calendar once a day, whether anybody drills or not; whose was shown anew."""
    with open_journal() as journal, PrefectOrchestrator() as prefect:
        at, found = journal.now(), rehearsals(journal)
        shown = {who: prefect.shown_at(calendar_of(who)) for who in found}
    due = {who: rows for who, rows in found.items() if not is_of_today(shown[who], at, who.time_zone)}
    for who, rows in due.items():
        _show_calendar(who, rows, at)
    return tuple(who.name for who in due)


def calendar_of(customer: Customer) -> str:
    """The key of the customer's calendar among Prefect's artifacts."""
    return f"drills-{customer.name}"


def _show_calendar(who: Customer, rows: Sequence[Rehearsed], at: datetime) -> None:
    words = _words(who)
    table = render_calendar(rows, at=at, **words)
    title = Voice(**words).say("drill.title", customer=who.name)
    asyncio.run(_unless_refused(acreate_table_artifact(table, key=calendar_of(who), description=title)))


def rehearsals(journal: PostgresJournal) -> dict[Customer, list[Rehearsed]]:
    """Each customer's platforms with a recovery plan, of those that the journal and Prefect both know."""
    found: dict[Customer, list[Rehearsed]] = {}
    for name in journal.platforms():
        known = _known(name)
        if known is not None and known.platform.recovery is not None:
            found.setdefault(known.customer, []).append(_rehearsed(journal, known.platform))
    return found


def _known(name: str) -> Known | None:
    """None for a platform that the journal remembers and the catalogue has no more."""
    try:
        return load_platform(name)
    except Broken:
        return None


def _rehearsed(journal: PostgresJournal, platform: Platform) -> Rehearsed:
    plan = promised(platform)
    return Rehearsed(
        platform=platform.name,
        drills=journal.drills(platform.name),
        restores=journal.restore_tests(platform.name),
        drill_every=plan.drill_every,
        restore_every=plan.restore_every,
    )


def promised(platform: Platform) -> Recovery:
    """The platform's recovery plan. Raises `Broken` when it has none any more."""
    if platform.recovery is None:
        raise Broken(
            f"{platform.name} has no recovery plan, so nothing says what was promised",
            next_step="put the plan back into the catalogue, then `vigie apply`, and retry: the run is as it was",
        )
    return platform.recovery


async def _show(report: MoveReport, run: UUID, customer: Customer) -> str:
    """Keep the page and show it on the run; where it is kept, empty when it could not be."""
    words, platform = _words(customer), report.summary.platform
    picture = await asyncio.to_thread(draw_move, report, **words)
    kept_in = await _keep(report, run, render_html(report, picture=picture, **words))
    markdown = render_markdown(report, picture=picture, kept_in=kept_in, **words)
    title = title_of(Voice(**words), report.summary)
    await _unless_refused(acreate_markdown_artifact(markdown, key=f"move-{platform}", description=title))
    return kept_in


async def _keep(report: MoveReport, run: UUID, page: str) -> str:
    summary = report.summary
    try:
        store = await open_evidence_store()
        return await keep_page(store, platform=summary.platform, run=run, at=summary.began_at, page=page.encode())
    except VigieError as error:
        get_run_logger().error("the report could not be kept: %s", error)
        return ""


async def _unless_refused(showing: Coroutine[Any, Any, object]) -> None:
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        await showing
    except (PrefectHTTPStatusError, httpx.HTTPError) as error:
        get_run_logger().error("Prefect did not take a part of the report: %s", type(error).__name__)


def _words(customer: Customer) -> dict[str, str]:
    return {"language": customer.language, "time_zone": customer.time_zone}
