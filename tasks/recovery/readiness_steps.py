"""The steps of a look at a recovery plan: each looks at one kind of evidence, or records what all of it came to.

The rules: every part is read once, those of one kind side by side; what cannot be seen is left out, said in the log
and judged as unknown, and one broken part never hides another. A retry looks anew: old evidence says nothing about
tonight. The world is not changed here, so nobody is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.errors import Refused, Retryable
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.drills import DrillVerdict
from blocks.ports.recovery import MoveKind
from tasks.core.retries import JOURNAL, OUTSIDE
from tasks.core.step import Sealed, fresh_step, record_step
from tasks.health.steps import channels_for
from tasks.incidents.steps import tell_of
from tasks.incidents.tell import DeliveryReport
from tasks.recovery.certificates import Certificates, look_at_certificates
from tasks.recovery.control_plane import places_of
from tasks.recovery.decide import plan_move, recovery_of
from tasks.recovery.keys import try_all, try_held
from tasks.recovery.looking import Looks, look_at
from tasks.recovery.opening import Parts
from tasks.recovery.readiness import Evidence, findings
from tasks.recovery.ready import Judged, Scope, Sides
from tasks.recovery.supposing import suppose_gone, suppose_ready
from tasks.recovery.timing import PredictedRto, predict_rto
from tasks.recovery.unready import plan_unready, why_still
from tasks.recovery.values import Facts
from tasks.recovery.witnessing import keep_what_was_seen
from tasks.runs.catalogue import load_platform

T = TypeVar("T")
_LOCK_PATIENCE_S = 60.0


@contextmanager
def right_to_judge(platform: str) -> Generator[bool]:
    """Hold the only right to judge this platform's plan; False when another run holds it.

    Gone with the process that holds it. Waits a minute for a journal that does not answer, then raises `Retryable`.
    """
    with ExitStack() as held:
        yield _enter(held, platform)


def _enter(held: ExitStack, platform: str) -> bool:
    give_up = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            journal = held.enter_context(open_journal())
            return held.enter_context(journal.readiness_lock(platform))
        except Retryable as error:
            if time.monotonic() > give_up:
                raise
            get_run_logger().warning("the journal does not answer, waiting for it: %s", error)
            time.sleep(2)


# -- looking -----------------------------------------------------------------------------------


@fresh_step(retry=JOURNAL, run_name="load {platform} from catalogue and journal")
def load_scope(platform: str) -> Sealed[Scope]:
    """The plan, where the platform is active, and when it was last rehearsed. Raises `Refused` without a plan."""
    known = load_platform(platform)
    recovery_of(known.platform)
    with open_journal() as journal:
        return Sealed(
            Scope(
                run=UUID(str(flow_run.get_id())),
                platform=known.platform,
                customer=known.customer,
                active=journal.active_site(platform) or known.platform.home,
                last_drill_at=_last_drill(journal, platform),
                last_restore_at=_last_restore(journal, platform),
                decisions=_decisions(journal, platform),
                control_plane=places_of(known.platform),
            )
        )


@fresh_step(retry=OUTSIDE, run_name="look at both sites of {platform}")
def look_at_sides(platform: str, scope: Sealed[Scope]) -> Sealed[Sides]:
    """Databases, machines, room and switches as before a failover; and how long one would take."""
    del platform
    parts, looks = Parts(scope.value.platform), Looks()
    with open_journal() as journal:
        facts = look_at(parts, journal, MoveKind.FAILOVER, looks.missed.append)
    predicted = _predicted(scope.value, facts, looks.missed)
    return _said(Sides(facts=facts, predicted=predicted), looks)


@fresh_step(retry=OUTSIDE, run_name="compare both sides of {platform}")
def compare_sides(platform: str, scope: Sealed[Scope]) -> Sealed[dict[tuple[str, str], dict[str, str | None]]]:
    """(data, trait) -> site -> value, None where a side did not say."""
    del platform
    parts, looks = Parts(scope.value.platform), Looks()
    members = {
        f"the traits of {name} in {site}": (name, site)
        for name, data in parts.recovery.data.items()
        for site in data.members
    }
    seen = looks.take({key: _traits(parts, *where) for key, where in members.items()})
    return _said(dict(_by_trait(members, seen)), looks)


@fresh_step(retry=OUTSIDE, run_name="ask how long clients of {platform} stay")
def look_at_switches(platform: str, scope: Sealed[Scope]) -> Sealed[dict[str, timedelta]]:
    """Switch -> time to live."""
    del platform
    parts, looks = Parts(scope.value.platform), Looks()
    found = looks.take({f"traffic {name}": _follow(parts, name) for name in parts.recovery.traffic})
    return _said({name.removeprefix("traffic "): within for name, within in found.items()}, looks)


@fresh_step(retry=OUTSIDE, run_name="see certificates of the other side of {platform}")
def see_certificates(platform: str, scope: Sealed[Scope]) -> Sealed[Certificates]:
    """What clients would be shown there."""
    del platform
    return Sealed(asyncio.run(look_at_certificates(scope.value.platform, scope.value.active)))


@fresh_step(retry=OUTSIDE, run_name="try every credential of {platform}")
def try_credentials(platform: str, scope: Sealed[Scope]) -> Sealed[dict[str, str]]:
    """Block -> empty when it opens, else what is wrong; absent where nobody could try."""
    del platform
    looks = Looks()
    tried = looks.take(try_all(Parts(scope.value.platform)))
    return _said({block: wrong for block, wrong in tried.items() if wrong is not None}, looks)


@fresh_step(retry=OUTSIDE, run_name="ask whether credentials of {platform} could be taken away")
def try_held_credentials(platform: str, scope: Sealed[Scope]) -> Sealed[dict[str, str]]:
    """Credential of the plan -> empty when its operator could, else why not; absent where nobody could ask."""
    del platform
    looks = Looks()
    tried = looks.take({f"credential {name}": look for name, look in try_held(Parts(scope.value.platform)).items()})
    return _said({name.removeprefix("credential "): wrong for name, wrong in tried.items()}, looks)


# -- judging and telling -----------------------------------------------------------------------


@record_step(retry=JOURNAL, run_name="judge and record")
def judge(scope: Sealed[Scope], evidence: Evidence, sides: Sealed[Sides]) -> Sealed[Judged]:
    """Decide what is found wanting, against the incidents of this moment, and record both at once."""
    value, name = scope.value, scope.value.platform.name
    found = findings(value.platform, evidence)
    still = why_still(value.platform, sides.value.facts)
    with open_journal() as journal:
        at = journal.now()
        changes = plan_unready(
            found,
            journal.open_incidents(name),
            recently_closed=journal.recently_closed(name, value.platform.reopen_within),
            at=at,
            still=still,
        )
        touched = journal.record_readiness(
            value.run,
            name,
            changes=changes,
            channels=channels_for(value.customer),
            reopen_within=value.platform.reopen_within,
        )
        keep_what_was_seen(journal, value.platform, sides.value.facts, by="readiness")
        standing = [each for each in journal.open_incidents(name) if each.is_readiness]
    judged = Judged(at=at, findings=found, still=still, changed=tuple(touched), open=tuple(standing))
    get_run_logger().info("%s", judged.sentence)
    for change in changes:
        get_run_logger().warning("%s %s (%s): %s", change.kind, change.root, change.severity, change.sentence)
    return Sealed(judged)


@record_step(retry=JOURNAL, run_name="tell people")
def tell_readiness(scope: Sealed[Scope]) -> DeliveryReport:
    """Send everything that is due for this platform."""
    return asyncio.run(tell_of(scope.value.platform, scope.value.customer))


# -- pieces ------------------------------------------------------------------------------------


def _said(found: T, looks: Looks) -> Sealed[T]:
    for missed in looks.missed:
        get_run_logger().warning("%s", missed)
    return Sealed(found)


def _predicted(scope: Scope, facts: Facts, missed: list[str]) -> PredictedRto | None:
    """How long a failover would take from here, if it could begin."""
    able = suppose_ready(scope.platform, suppose_gone(scope.platform, facts))
    try:
        made = plan_move(MoveKind.FAILOVER, scope.platform, able, reason="readiness")
    except Refused as error:
        missed.append(f"no failover can be planned: {error}")
        return None
    return predict_rto(scope.platform, timedelta(seconds=made.expected_s), scope.decisions)


def _traits(parts: Parts, data: str, site: str) -> Callable[[], Mapping[str, str]]:
    return lambda: parts.member(data, site).read_traits()


def _by_trait(
    members: Mapping[str, tuple[str, str]], seen: Mapping[str, Mapping[str, str]]
) -> Generator[tuple[tuple[str, str], dict[str, str | None]]]:
    """What one side says and the other does not is a trait too."""
    for data in dict.fromkeys(data for data, _ in members.values()):
        sides = {site: seen.get(key) for key, (name, site) in members.items() if name == data}
        for trait in sorted({trait for said in sides.values() for trait in said or ()}):
            yield (data, trait), {site: None if said is None else said.get(trait, "") for site, said in sides.items()}


def _follow(parts: Parts, switch: str) -> Callable[[], timedelta]:
    return lambda: parts.traffic(switch).clients_follow_within()


def _last_drill(journal: PostgresJournal, platform: str) -> datetime | None:
    """One that failed, or was stopped, rehearsed nothing that can be counted on."""
    return next((each.at for each in journal.drills(platform) if each.verdict is DrillVerdict.PASSED), None)


def _last_restore(journal: PostgresJournal, platform: str) -> datetime | None:
    return next((each.at for each in journal.restore_tests(platform) if each.passed), None)


def _decisions(journal: PostgresJournal, platform: str) -> tuple[timedelta, ...]:
    """How long people took to say yes to the last failovers, newest first."""
    return tuple(
        move.decided_at - move.detected_at
        for move in journal.moves(platform)
        if move.kind is MoveKind.FAILOVER and move.decided_at is not None and move.detected_at is not None
    )
