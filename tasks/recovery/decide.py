"""May this platform move, and what exactly is done?

The invariants of a move, each with the file that keeps it:

1.  *A plan is made of looks, and looks change nothing.* The same facts give the same plan and digest; what is measured
    stands only in bounds and guards, so that a moving number never voids an approval.
2.  *The candidate is named and is not where clients are* (here).
3.  *A switchover loses nothing and a failover says the most it may lose* (losses.py). A switchover needs both
    databases well and following; a failover needs the old one dead or cut off, because a living one can be moved
    without loss.
4.  *Our own network is never taken for their disaster* (vantage.py): where a database does not answer, two places that
    can see something else must agree that its site is gone.
5.  *Whatever can be reached is fenced before anything is promoted, credentials too; what cannot is accepted by name*
    (fences.py). What
    was promoted takes no writes before its data was verified (building.py).
6.  *A site is chosen only if it can take the load* (capacity.py), and starts in the order of its dependencies
    (waves.py, order.py).
7.  *Going back to a moment leaves behind what was approved, and keeps it* (restoring.py).
8.  *The way home is derived from what really ran and is seen to be there*, never from what was planned (failback.py).
9.  *What could not be fenced is fenced as soon as it answers*, and the old side follows, as was approved with the
    failover (rejoining.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise, Recovery
from blocks.errors import Refused
from blocks.ports.approvals import Bound, Guard, Plan, PlanStep
from blocks.ports.recovery import MoveKind, MoveState
from tasks.recovery.added import Added, added_for
from tasks.recovery.building import (
    Line,
    Way,
    as_steps,
    failover_lines,
    restore_lines,
    said_moment,
    switchover_lines,
)
from tasks.recovery.capacity import capacity_guard
from tasks.recovery.failback import homeward
from tasks.recovery.fences import NOT_CONFIRMED, find_fences, keep_away
from tasks.recovery.forced import Lost, promoted_before, require_reason, what_may_be_lost
from tasks.recovery.items import Verb, parse_item
from tasks.recovery.peace import require_peace
from tasks.recovery.rejoining import when_back
from tasks.recovery.restoring import Most, Past, allow, way_back
from tasks.recovery.timing import predict
from tasks.recovery.values import Accepted, Facts
from tasks.recovery.waves import waves


def plan_move(
    kind: MoveKind,
    platform: Platform,
    facts: Facts,
    *,
    to: str = "",
    accepted: Accepted | None = None,
    reason: str = "",
) -> Plan:
    """The plan of a switchover, failover or failback. Raises `Refused` with what speaks against it and what else to do.

    `to` is needed only where more than one site could take over; a failback goes to the primary site.
    """
    plan = recovery_of(platform)
    if kind is MoveKind.RESTORE:
        raise Refused("a restore needs the moment to which it goes back", next_step="name it: --as-of MOMENT")
    if kind is MoveKind.FAILBACK:
        return _failback(platform, plan, facts, to, reason)
    way = _way(kind, platform, plan, facts, to)
    if kind is MoveKind.SWITCHOVER:
        return _switchover(way, facts, reason)
    return _failover(way, facts, accepted or Accepted(), reason)


def plan_restore(
    platform: Platform,
    facts: Facts,
    past: Mapping[str, Past],
    moment: datetime,
    *,
    to: str = "",
    most: Most | None = None,
    reason: str = "",
) -> Plan:
    """The plan of going back to a moment in the other site. Raises `Refused`. `most` is what was asked for first."""
    way = way_of_restore(platform, facts, to)
    back = way_back(way, facts, past, moment)
    fences = keep_away(way, facts, find_fences(way, facts))
    bounds = back.bounds(most or allow(back, past, moment, facts.now))
    made = _plan(
        way,
        facts,
        restore_lines(way, fences.items, moment),
        reason,
        guards=back.guards,
        roles={way.new: "active", way.old: "standby"},
        coverage=fences.coverage,
        lost=Lost(bounds, (), back.said),
    )
    # nothing takes it back by itself: what was served before is what was wrong
    return replace(made, subject=f"{made.subject}, {said_moment(moment)}", rolls_back=False)


def way_of_restore(platform: Platform, facts: Facts, to: str = "") -> Way:
    """From where clients are to the site whose data goes back."""
    return _way(MoveKind.RESTORE, platform, recovery_of(platform), facts, to)


def recovery_of(platform: Platform) -> Recovery:
    """The platform's recovery plan. Raises `Refused` where the catalogue has none."""
    if platform.recovery is None:
        raise Refused(
            f"{platform.name} has no recovery plan",
            where="the catalogue",
            next_step=f"write `recovery:` under platforms.{platform.name} (docs/catalogue.md), and run vigie apply",
            code="no_plan",
        )
    return platform.recovery


def _switchover(way: Way, facts: Facts, reason: str) -> Plan:
    guards = require_peace(way, facts)
    lines = switchover_lines(way, moving=way.plan.data)
    return _plan(way, facts, lines, reason, guards=guards, roles={way.new: "active", way.old: "standby"})


def _failover(way: Way, facts: Facts, accepted: Accepted, reason: str) -> Plan:
    seen = require_reason(way, facts)
    fences = find_fences(way, facts)
    lost = what_may_be_lost(way, facts, accepted)
    old = "fenced, not confirmed" if NOT_CONFIRMED in fences.coverage.values() else "fenced"
    return _plan(
        way,
        facts,
        failover_lines(way, fences.items, promoted=promoted_before(way, facts)),
        reason,
        guards=(Guard(name="the old site", holds=True, text=seen), *lost.guards),
        roles={way.new: "active", way.old: old},
        coverage=fences.coverage,
        lost=lost,
        back=when_back(way, fences.coverage),
    )


def _failback(platform: Platform, plan: Recovery, facts: Facts, to: str, reason: str) -> Plan:
    home = to or platform.home
    away = facts.active if facts.active != home else _half_way(facts, home)
    if not away:
        raise Refused(
            f"{platform.name} is active in {home}: there is nothing to bring home",
            next_step="to move it away start a switchover",
            code="at_home",
        )
    way = Way(MoveKind.FAILBACK, platform, plan, away, home)
    _require_known(way)
    found = homeward(way, facts)
    return _plan(
        way,
        facts,
        found.lines,
        reason,
        guards=found.guards,
        roles={home: "active", away: "standby"},
        coverage=found.coverage,
        lost=Lost(found.bounds, (), found.said),
    )


def _half_way(facts: Facts, home: str) -> str:
    """Where a move went that never served, so that its half must be brought home."""
    newest = facts.moves[0] if facts.moves else None
    if newest is None or newest.has_moved or newest.state is MoveState.ROLLED_BACK or newest.to_site == home:
        return ""
    return newest.to_site


def _way(kind: MoveKind, platform: Platform, plan: Recovery, facts: Facts, to: str) -> Way:
    others = sorted(platform.sites.keys() - {facts.active})
    if not to and len(others) != 1:
        raise Refused(
            f"{platform.name} could go to {', '.join(others) or 'no other site'}, and none was named",
            next_step="name the site",
            code="no_candidate",
        )
    way = Way(kind, platform, plan, facts.active, to or others[0])
    if way.new == way.old:
        raise Refused(
            f"{way.new} is where {platform.name} is active: it cannot take over from itself",
            next_step=f"choose one of {', '.join(others)}",
            code="candidate_is_active",
        )
    _require_known(way)
    return way


def _require_known(way: Way) -> None:
    for site in (way.old, way.new):
        if site not in way.platform.sites:
            raise Refused(
                f"{way.platform.name} has no site {site!r}",
                next_step=f"choose one of {', '.join(way.platform.sites)}",
                code="unknown_site",
            )
    waves(way.platform, way.plan, way.new)


def _plan(
    way: Way,
    facts: Facts,
    lines: Iterable[Line],
    reason: str,
    *,
    guards: Sequence[Guard],
    roles: dict[str, str],
    coverage: dict[str, str] | None = None,
    lost: Lost | None = None,
    back: tuple[PlanStep, ...] = (),
) -> Plan:
    steps = as_steps(way, lines, facts.durations, facts.rehearsed)
    said = lost.said if lost else ()
    bounds: tuple[Bound, ...] = lost.bounds if lost else ()
    return Plan(
        action=way.kind.value,
        platform=way.platform.name,
        subject=f"{way.old} → {way.new}",
        reason=reason,
        steps=steps,
        roles=roles,
        candidate=way.new,
        coverage=coverage or {},
        bounds=bounds,
        guards=(*guards, *capacity_guard(way, facts), *_switches(way, facts), *_added(way, facts)),
        known_wrong=(
            *said,
            *_cannot_promise(way),
            *_left_alone(way, facts, coverage or {}),
            *_degraded(way),
            *_unsettled(facts),
            *facts.incidents,
        ),
        expected_s=predict(way.platform, steps, facts.durations).execution.total_seconds(),
        cost=_cost(way),
        commit_within_s=way.plan.commit_window.total_seconds(),
        rolls_back=way.plan.rolls_back,
        when_back=back,
    )


def _switches(way: Way, facts: Facts) -> list[Guard]:
    """Each switch answers: else clients could not be led anywhere."""
    return [
        Guard(name=f"traffic {name}", holds=name in facts.shares, text=_shares(facts, name))
        for name in way.plan.traffic
    ]


def _added(way: Way, facts: Facts) -> list[Guard]:
    """Each step of the plan's own could be done, as far as it can be known: else the move would stop in its middle."""
    return [
        Guard(name=f"step {each.step.name}", holds=facts.added.get(each.step.name) == "", text=_could(each, facts))
        for each in added_for(way.platform, way.kind.value, way.old, way.new)
        if each.can_be_looked_at
    ]


def _could(added: Added, facts: Facts) -> str:
    wrong = facts.added.get(added.step.name)
    if wrong is None:
        return "nobody could look whether it can be done"
    return wrong or "can be done"


def _shares(facts: Facts, switch: str) -> str:
    if switch not in facts.shares:
        return "does not say where clients are sent now, so it could not be moved"
    return "sends " + ", ".join(f"{share} % to {site}" for site, share in sorted(facts.shares[switch].items()))


def _cannot_promise(way: Way) -> list[str]:
    if way.kind is not MoveKind.FAILOVER:
        return []
    return [
        f"{name} cannot promise zero loss: it follows some seconds behind"
        for name, data in way.plan.data.items()
        if data.promise is Promise.BOUNDED
    ]


def _left_alone(way: Way, facts: Facts, coverage: Mapping[str, str]) -> list[str]:
    """Credentials that would be fenced, if they were what the plan says."""
    items = [parse_item(name) for name in coverage if name.startswith(Verb.REVOKE_CREDENTIAL.value)]
    looks = [look for item in items if item.site == way.old and (look := facts.credentials.get(item.thing))]
    return [f"credential {look.name} is not what the plan says: {look.text}" for look in looks if not look.fits]


def _degraded(way: Way) -> list[str]:
    """What has no counterpart where the platform arrives; without sites it lives where its service does."""
    lives = {name: set(part.sites) or {way.platform.services[name].site} for name, part in way.plan.services.items()}
    return [
        f"{name} has nothing in {way.new}: {part.degraded}"
        for name, part in way.plan.services.items()
        if way.new not in lives[name]
    ]


def _unsettled(facts: Facts) -> list[str]:
    newest = facts.moves[0] if facts.moves else None
    if newest is None or newest.state is not MoveState.SERVING:
        return []
    return [f"the {newest.kind.value} to {newest.to_site} is not committed yet"]


def _cost(way: Way) -> str:
    grown = [
        f"{name} runs as {part.sizes[way.new].active} in {way.new}"
        for name, part in way.plan.services.items()
        if way.new in part.sizes
    ]
    return "; ".join(grown) or "none"
