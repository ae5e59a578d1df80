"""The site that a failover left answers again: who begins to fence it, and what came of it?

`rejoin_one` is what the schedule does: nobody waits for a site that is dark, and nobody is asked when it is back. The
rules: what is done was approved with the failover; whoever moves the platform comes first; how long something was not
fenced is written down as soon as it is; nothing follows before what only it has was counted, saved and allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.errors import Refused
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.approvals import Plan, granted_plan
from blocks.ports.orchestration import Orchestrator
from blocks.ports.recovery import LossKind, Move, MoveKind
from blocks.ports.runs import REJOIN, Run, Step
from tasks.core.retries import JOURNAL, OUTSIDE
from tasks.core.step import fresh_step, record_step
from tasks.recovery.fences import unconfirmed
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.looking import look_at
from tasks.recovery.opening import parts_of
from tasks.recovery.promised import Deed, begin_promised, begin_what_was_promised
from tasks.recovery.rejoining import (
    Agreed,
    goes_beyond,
    is_live,
    plan_rejoin,
    stands_still,
    within_what_was_agreed,
)
from tasks.recovery.values import Facts
from tasks.runs.catalogue import Known
from tasks.runs.runbook import Granted

_MOVES = frozenset({*(kind.value for kind in MoveKind), REJOIN})
_FENCES = frozenset({Verb.STOP_WORKER, Verb.STOP_SERVICE, Verb.REVOKE_CREDENTIAL, Verb.FENCE_DATABASE})
LookAtAll = Callable[[PostgresJournal, Known], Facts]


# -- the schedule ------------------------------------------------------------------------------


def rejoin_one(
    journal: PostgresJournal, orchestrator: Orchestrator, move: Move, known: Known, *, look: LookAtAll
) -> Deed | None:
    """What was done about the site that this move left; None while it is dark and when nothing is left to do."""
    agreed = agreed_for(journal, move)
    if agreed is None or not agreed.left or journal.moves(move.platform, 1)[0].run != move.run:
        return None
    earlier = [journal.run(run) for run in journal.rejoins_of(move.run)]
    if live := next((run for run in earlier if is_live(run)), None):
        return _see_it_begin(journal, orchestrator, move, live)
    if stands_still(earlier) or _somebody_moves_it(journal, move.platform):
        return None
    reason = f"{move.from_site} answers again"
    plan = plan_rejoin(known.platform, look(journal, known), agreed, reason)
    if not plan.steps or goes_beyond(plan, agreed):
        return None
    run = begin_promised(
        journal,
        orchestrator,
        known,
        flow=REJOIN,
        parameters={"platform": move.platform, "reason": reason},
        promise=partial(journal.promise_rejoin, move.run),
    )
    return Deed(f"{move.platform}: {reason}; run {run} fences it and lets it follow", run)


def agreed_for(journal: PostgresJournal, move: Move) -> Agreed | None:
    """What was approved with this move for the return of the site that it left; None where nothing was."""
    granted = granted_plan(journal.approvals(move.run))
    if not move.has_moved or granted is None or not granted.plan.when_back:
        return None
    done = frozenset((step.phase, step.item) for step in _steps(journal, move) if step.is_done)
    return Agreed(move=move, plan=granted.plan, done=done)


def _see_it_begin(journal: PostgresJournal, orchestrator: Orchestrator, move: Move, run: Run) -> Deed | None:
    if not begin_what_was_promised(journal, orchestrator, run.id):
        return None
    return Deed(f"{move.platform}: run {run.id} fences {move.from_site}, and is begun now", run.id)


def _somebody_moves_it(journal: PostgresJournal, platform: str) -> bool:
    if journal.lease(platform) is not None:
        return True
    return any(is_live(run) and run.action in _MOVES for run in journal.runs(platform=platform))


def _steps(journal: PostgresJournal, move: Move) -> list[Step]:
    """Of every rejoin since the move began, whoever asked for it."""
    runs = [run for run in journal.runs(platform=move.platform) if run.action == REJOIN]
    return [step for run in runs if run.opened_at >= move.began_at for step in journal.steps(run.id)]


# -- the run -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RejoinOutcome:
    """What became of the site that was left, for whoever reads the run."""

    said: tuple[str, ...]

    def __str__(self) -> str:
        """For log, message and journal."""
        return "; ".join(self.said)


@fresh_step(retry=OUTSIDE, run_name="plan the rejoin of {platform}")
def plan_for_rejoin(platform: str, reason: str) -> Plan:
    """What of the old site answers now and is still to be done. Raises `Refused` where that is nothing."""
    warn, parts = get_run_logger().warning, parts_of(platform)
    with open_journal() as journal:
        agreed = _agreed_now(journal, platform)
        facts = look_at(parts, journal, MoveKind.FAILBACK, lambda missed: warn("%s", missed))
    plan = plan_rejoin(parts.platform, facts, agreed, reason)
    if not plan.steps:
        raise Refused(
            f"nothing that is left to do in {agreed.move.from_site} answers",
            where=platform,
            next_step="wait for the site; vigie looks every five minutes",
            code="nothing_to_do",
        )
    return plan


@record_step(retry=JOURNAL, run_name="since when is it fenced")
def note_fenced_late(granted: Granted) -> UUID:
    """How long each thing that nobody had confirmed was not fenced, behind the move that accepted it; its run."""
    run, token = granted.lease.run, granted.lease.token
    with open_journal() as journal:
        agreed = _agreed_now(journal, granted.plan.platform)
        accepted = set(unconfirmed(agreed.plan.coverage))
        begin = went_on_at(journal.steps(agreed.move.run), agreed.move)
        for step in _steps(journal, agreed.move):
            if step.item in accepted and step.done_at is not None:
                journal.keep_fenced_late(agreed.move.run, run, token, step.item, begin, step.done_at)
    return agreed.move.run


def went_on_at(steps: Sequence[Step], move: Move) -> datetime:
    """When the move went on without what it could not fence: its first promotion; else when it was decided."""
    promoted = [step.mark.intended_at for step in steps if step.phase == "promote"]
    return min(promoted, default=move.decided_at or move.began_at)


@fresh_step(retry=JOURNAL, run_name="may it follow")
def allow_rewind(granted: Granted) -> None:
    """Raises `Broken` with the conflict where more was found than anybody approved to give up."""
    with open_journal() as journal:
        agreed = _agreed_now(journal, granted.plan.platform)
    within_what_was_agreed(granted.plan, agreed.move.losses, agreed)


@fresh_step(retry=JOURNAL, run_name="what came of it")
def what_came_of_it(granted: Granted) -> RejoinOutcome:
    """A sentence for each thing that was fenced or follows, what was counted, and what is still dark."""
    with open_journal() as journal:
        agreed = _agreed_now(journal, granted.plan.platform)
    items = [parse_item(step.item) for step in granted.plan.steps]
    follows = [item for item in items if item.verb is Verb.FOLLOW_DATABASE]
    fenced = [item for item in items if item.verb in _FENCES]
    counted = {loss.data: loss for loss in agreed.move.losses if loss.kind is LossKind.EXACT}
    protected = [item for item in items if item.verb is Verb.PROTECT_WHILE_FOLLOWED]
    seen = {(item.thing, item.site) for item in items}
    left = [parse_item(step.item) for step in agreed.left]
    dark = [item for item in left if item.site == agreed.move.from_site and (item.thing, item.site) not in seen]
    said = (
        *(f"{item.thing} in {item.site} is fenced" for item in fenced),
        *(f"{item.thing} in {item.site} follows {granted.plan.candidate}" for item in follows),
        *(f"each commit of {item.thing} in {item.site} waits for its standby while that follows" for item in protected),
        *(counted[item.thing].text for item in follows if item.thing in counted),
        *(f"{item.thing} in {item.site} does not answer yet" for item in dark),
    )
    return RejoinOutcome(tuple(dict.fromkeys(said)))


def _agreed_now(journal: PostgresJournal, platform: str) -> Agreed:
    newest = next(iter(journal.moves(platform, 1)), None)
    agreed = agreed_for(journal, newest) if newest is not None else None
    if agreed is None:
        raise Refused(
            f"no failover that serves left a site of {platform} for which anything was approved",
            where=platform,
            next_step="start the failback, which looks at what is there: vigie plan failback " + platform,
            code="nothing_to_do",
        )
    return agreed
