"""Every few minutes: is a site that was left back, does a move wait for a commit, does a platform still run elsewhere?

The rules: a site that is back is seen to before anything else (rejoin_steps.py); what goes back by itself was approved
with the move, is lossless now, and is one run that the journal knows before it may begin; what does not is told once a
day, and a message that was wanted is sent once, whatever died in
between; one platform that cannot be seen keeps nobody from looking after the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.errors import Refused, VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.ports.orchestration import Orchestrator
from blocks.ports.recovery import DatabaseLook, Move, MoveKind
from blocks.ports.runs import RunState
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.recovery.elsewhere import active_after, commit_day, missing_for_return, reminder_day
from tasks.recovery.looking import Looks, look_at
from tasks.recovery.opening import Parts
from tasks.recovery.promised import Deed, begin_promised, begin_what_was_promised
from tasks.recovery.rejoin_steps import agreed_for, rejoin_one
from tasks.recovery.rejoining import missing_of
from tasks.recovery.values import Facts
from tasks.recovery.window import Due, rule_window
from tasks.runs.catalogue import Known, load_platform
from tasks.runs.showing import show_run

COMMIT, ELSEWHERE = "commit-window", "running-elsewhere"
LookAtMembers = Callable[[Known], Mapping[tuple[str, str], DatabaseLook]]
LookAtAll = Callable[[PostgresJournal, Known], Facts]


@dataclass(frozen=True, slots=True)
class MovesReport:
    """What was done, a sentence each; `failures` are platforms that could not be looked after."""

    done: tuple[str, ...]
    failures: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For the log."""
        return "; ".join((*self.done, *self.failures)) or "nothing to do"


@record_step(retry=JOURNAL, run_name="look after moves")
def care_for_moves() -> MovesReport:
    """See to each site that was left, rule each move whose window is over, remind of all that runs elsewhere."""
    warn = get_run_logger().warning
    done, failures = list[str](), list[str]()
    with open_journal() as journal, PrefectOrchestrator() as orchestrator:
        settle = partial(settle_one, journal, orchestrator, look=look_at_members)
        look = partial(_facts, say=lambda missed: warn("%s", missed))
        remind, rejoin = partial(remind_one, journal, look=look), partial(rejoin_one, journal, orchestrator, look=look)
        newest = journal.newest_moves()
        wanted = [*((rejoin, move) for move in newest), *((settle, move) for move in journal.moves_to_settle())]
        for deed, move in [*wanted, *((remind, move) for move in newest)]:
            try:
                found = deed(move, load_platform(move.platform))
                if found is not None:
                    show_run(found.run, move.platform)
                    done.append(found.text)
            except VigieError as error:
                warn("%s is not looked after: %s", move.platform, error)
                failures.append(f"{move.platform} is not looked after: {error}")
    report = MovesReport(tuple(done), tuple(failures))
    get_run_logger().info("%s", report)
    return report


# -- the window ------------------------------------------------------------------------------------


def settle_one(
    journal: PostgresJournal, orchestrator: Orchestrator, move: Move, known: Known, *, look: LookAtMembers
) -> Deed | None:
    """What was done about a move whose window is over; None when there was nothing to do."""
    taken_by = journal.way_back_of(move.run)
    if taken_by is not None:
        return _see_it_begin(journal, orchestrator, move, taken_by, known)
    plan = Parts(known.platform).recovery
    databases = look(known) if move.rolls_back else {}
    ruling = rule_window(move, journal.now(), databases, data=tuple(plan.data), within=plan.rpo)
    if ruling.due is Due.ROLL_BACK:
        try:
            journal.standing_yes(move.run)
        except Refused as refused:
            return _remind_to_commit(journal, move, known, refused.what)
        return start_way_back(journal, orchestrator, move, known, ruling.text)
    return _remind_to_commit(journal, move, known, ruling.text) if ruling.due is Due.REMIND else None


def look_at_members(known: Known) -> Mapping[tuple[str, str], DatabaseLook]:
    """(data, site) -> the look at that server; what could not be seen is absent, and so would be lost."""
    parts, looks = Parts(known.platform), Looks()
    members = {f"{name}@{site}": (name, site) for name, data in parts.recovery.data.items() for site in data.members}
    seen = looks.take({key: parts.member(*where).look for key, where in members.items()})
    return {members[key]: found for key, found in seen.items()}


def start_way_back(journal: PostgresJournal, orchestrator: Orchestrator, move: Move, known: Known, why: str) -> Deed:
    """The one run that takes it back. The journal knows it, and whose yes it has, before it may begin."""
    home = move.from_site == known.platform.home
    flow = MoveKind.FAILBACK if home else MoveKind.SWITCHOVER  # home is reached by a failback, any other site so
    parameters = {"platform": move.platform, "reason": why} | ({} if home else {"candidate": move.from_site})
    promise = partial(journal.promise_return, move.run)
    run = begin_promised(journal, orchestrator, known, flow=flow.value, parameters=parameters, promise=promise)
    return Deed(f"{move.platform}: {why}; run {run} takes it back", run)


def _see_it_begin(
    journal: PostgresJournal, orchestrator: Orchestrator, move: Move, run: UUID, known: Known
) -> Deed | None:
    """A run that was promised and not released, because we died in between, is released; one that ended is told."""
    taking = journal.run(run)
    if taking.state not in {RunState.RUNNING, RunState.WAITING}:
        why = f"its way back is {taking.state.value}{f': {taking.reason}' if taking.reason else ''}"
        return _remind_to_commit(journal, move, known, why)
    if not begin_what_was_promised(journal, orchestrator, run):
        return None
    return Deed(f"{move.platform}: run {run} takes it back, and is begun now", run)


def _remind_to_commit(journal: PostgresJournal, move: Move, known: Known, why: str) -> Deed | None:
    day = commit_day(journal.now(), move.commit_due_at or journal.now(), known.customer.time_zone)
    facts = {"site": move.to_site, "since": _since(move).isoformat(), "kind": move.kind.value, "why": why}
    return _remind(journal, move, day, COMMIT, why, facts)


# -- running elsewhere -----------------------------------------------------------------------------


def remind_one(journal: PostgresJournal, move: Move, known: Known, *, look: LookAtAll) -> Deed | None:
    """The reminder of today about a platform that is not at home; None when there is none to give."""
    site, since, plan = active_after(move), _since(move), known.platform.recovery
    if plan is None or site == known.platform.home:
        return None
    day = reminder_day(journal.now(), since, known.customer.time_zone)
    if day is None or journal.was_reminded(move.platform, ELSEWHERE, day):
        return None
    agreed, facts = agreed_for(journal, move), look(journal, known)
    back = missing_of(agreed, [journal.run(run) for run in journal.rejoins_of(move.run)], facts) if agreed else ()
    missing = [*missing_for_return(known.platform, facts), *back]
    text = f"{move.platform} has run in {site} since {since:%d %B %H:%M} UTC"
    cost = plan.running_costs.get(site, "")
    told = {"site": site, "since": since.isoformat(), "cost": cost, "missing": list(dict.fromkeys(missing))}
    return _remind(journal, move, day, ELSEWHERE, text, told)


def _facts(journal: PostgresJournal, known: Known, say: Callable[[str], None]) -> Facts:
    return look_at(Parts(known.platform), journal, MoveKind.FAILBACK, say)


def _remind(  # noqa: PLR0917  of what, for which day, in which words
    journal: PostgresJournal, move: Move, day: date | None, name: str, text: str, facts: Mapping[str, object]
) -> Deed | None:
    if day is None or not journal.remind(move.run, name=name, day=day, text=text, facts=facts):
        return None
    return Deed(f"{move.platform}: people are reminded: {text}", move.run)


def _since(move: Move) -> datetime:
    return move.serving_at or move.began_at
