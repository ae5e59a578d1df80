"""The site that a failover left answers again: what of it is fenced now, and may its data follow?

Pure. A failover accepts by name what could not be fenced while its site was dark, and its approved plan says what is
done by itself as soon as that answers. The rules:

-   Nothing is done that the approved plan does not list, and nothing twice: what an earlier run finished stays done.
-   Whatever answers is fenced at once, also while other parts of the site are still dark.
-   What only the old server has is counted and saved before it follows. More of it than was approved stays where it
    is, fenced, until a person has decided; so does everything that the way home could not explain (failback.py).
-   A server that follows already is left alone: to fence it would only end that.
-   Data that promises zero loss is protected again once it follows, and never so that the survivor waits for a site
    that is gone: its host lets go by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise
from blocks.errors import Broken, Refused
from blocks.ports.approvals import Bound, Guard, Plan, PlanStep
from blocks.ports.recovery import DatabaseRole, Loss, LossKind, Move, MoveKind
from blocks.ports.runs import REJOIN, Run, RunState
from tasks.recovery.building import TEXTS, Way
from tasks.recovery.failback import Return, way_home
from tasks.recovery.fences import BY_HOST, BY_PROVIDER, BY_RIGHTS, unconfirmed
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.timing import expected_by, predict
from tasks.recovery.values import Durations, Facts

FENCE, FOLLOW = "fence", "settle"
"""The phases of a rejoin: everything is fenced and saved, and only then anything follows."""
MOST_RUNS = 5
"""What did not succeed so often needs a person."""
_STOPS = frozenset({Verb.STOP_WORKER, Verb.STOP_SERVICE})
_LATE = frozenset({*_STOPS, Verb.REVOKE_CREDENTIAL})
"""What is fenced late by its provider."""
_LIVE = frozenset({RunState.RUNNING, RunState.WAITING})
_A_PERSON_S = frozenset({RunState.PARKED, RunState.CANCELLED, RunState.REJECTED, RunState.EXPIRED})
_CONFIRMED_BY = {Verb.FENCE_DATABASE: BY_HOST, Verb.REVOKE_CREDENTIAL: BY_RIGHTS}
Done = Collection[tuple[str, str]]
"""(phase, item) of steps that earlier runs finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What people approved with a failover that serves, and what came of it so far."""

    move: Move
    plan: Plan
    done: Done = ()

    @property
    def left(self) -> tuple[PlanStep, ...]:
        """What is still to be done when the old site answers."""
        done = [parse_item(item) for _, item in self.done]
        follow = {(item.thing, item.site) for item in done if item.verb is Verb.FOLLOW_DATABASE}
        return tuple(
            step
            for step in self.plan.when_back
            if (step.phase, step.item) not in self.done and _place_of_data(step) not in follow
        )


def when_back(way: Way, coverage: Mapping[str, str]) -> tuple[PlanStep, ...]:
    """What a failover leaves for the moment when the old site answers again: `coverage` says what it could fence."""
    late = [item for item in map(parse_item, unconfirmed(coverage)) if item.verb in _LATE]
    lines = [(FENCE, item) for item in late]
    for verb, phase in ((Verb.FENCE_DATABASE, FENCE), (Verb.SAVE_BEYOND, FENCE), (Verb.FOLLOW_DATABASE, FOLLOW)):
        lines += [(phase, Item(verb, name, way.old)) for name in way.plan.data]
    promised = [name for name, data in way.plan.data.items() if data.promise is Promise.ZERO_LOSS]
    lines += [(FOLLOW, Item(Verb.PROTECT_WHILE_FOLLOWED, name, way.new)) for name in promised]
    return tuple(PlanStep(phase=phase, item=str(item), text=_text(item)) for phase, item in lines)


def plan_rejoin(platform: Platform, facts: Facts, agreed: Agreed, reason: str) -> Plan:
    """What can be done now of what was agreed; without a step where nothing that is left answers."""
    move = agreed.move
    if platform.recovery is None:
        raise Refused(f"{platform.name} has no recovery plan", where="the catalogue", code="no_plan")
    way = Way(MoveKind.FAILBACK, platform, platform.recovery, move.to_site, move.from_site)
    wanted = {name: _wanted(way, facts, name) for name in platform.recovery.data}
    steps = tuple(_timed(step, facts.durations) for step in agreed.left if _answers(way, facts, step, wanted))
    items = [parse_item(step.item) for step in steps]
    return Plan(
        action=REJOIN,
        platform=platform.name,
        subject=move.from_site,
        reason=reason,
        steps=steps,
        roles={move.to_site: "active", move.from_site: "standby"},
        candidate=move.to_site,
        coverage={str(item): _confirmed_by(item) for item in items if item.verb in {*_LATE, Verb.FENCE_DATABASE}},
        bounds=tuple(_bound(agreed, item) for item in items if item.verb is Verb.SAVE_BEYOND),
        guards=tuple(_guard(way, facts, item.thing) for item in items if item.verb is Verb.FOLLOW_DATABASE),
        expected_s=predict(platform, steps, facts.durations).execution.total_seconds(),
        cost="none",
    )


def agreed_rows(plan: Plan, data: str) -> float:
    """How many rows of it the approved plan of the failover gave up; none where it says nothing."""
    return next((bound.at_most for bound in plan.bounds if bound.name == _name(data)), 0.0)


def goes_beyond(plan: Plan, agreed: Agreed) -> str:
    """Why a rejoin cannot be had on the approval of its failover; empty where it can."""
    if failing := [guard.text for guard in plan.guards if not guard.holds]:
        return "; ".join(failing)
    exact = {loss.data: loss for loss in agreed.move.losses if loss.kind is LossKind.EXACT}
    saved = [item.thing for step in plan.steps if (item := parse_item(step.item)).verb is Verb.SAVE_BEYOND]
    over = [exact[data] for data in saved if data in exact and exact[data].rows > agreed_rows(agreed.plan, data)]
    return "; ".join(conflict(agreed, loss) for loss in over)


def conflict(agreed: Agreed, loss: Loss) -> str:
    """The report of a divergence that nobody approved: how much, in which tables, kept where."""
    tables = ", ".join(f"{table} {rows}" for table, rows in sorted(loss.by_table.items()))
    where = f", saved in {loss.saved_in}" if loss.saved_in else ""
    site, most = agreed.move.from_site, round(agreed_rows(agreed.plan, loss.data))
    return f"{loss.rows} rows that only {site} has of {loss.data} ({tables or 'no table'}){where}: {most} were approved"


def is_live(run: Run) -> bool:
    """It goes on by itself."""
    return run.state in _LIVE


def stands_still(earlier: Sequence[Run]) -> str:
    """Why no further run is begun by itself, by those that there were; empty where one may be."""
    if not earlier:
        return ""
    last = earlier[-1]
    if last.state in _A_PERSON_S or len(earlier) >= MOST_RUNS:
        return f"its rejoin is {last.state.value}: {last.reason or 'no reason was given'}"
    return ""


def missing_of(agreed: Agreed, earlier: Sequence[Run], facts: Facts) -> Iterator[str]:
    """Sentences for the daily reminder: what may still do something there, and why it does not follow."""
    open_ones = set(unconfirmed(agreed.plan.coverage))
    for step in agreed.left:
        item = parse_item(step.item)
        look = facts.look(item.thing, item.site) if item.verb not in _LATE else None
        if step.item in open_ones and (look is None or look.role is not DatabaseRole.STANDBY):
            yield f"{item.thing} in {item.site} was never fenced: nothing there has answered"
    if earlier and agreed.left and not is_live(earlier[-1]) and earlier[-1].state is not RunState.DONE:
        yield f"its rejoin is {earlier[-1].state.value}: {earlier[-1].reason or 'no reason was given'}"


def within_what_was_agreed(plan: Plan, losses: Iterable[Loss], agreed: Agreed) -> None:
    """Whoever follows loses no more than the plan of this run allows. Raises `Broken` with the conflict otherwise."""
    most = {bound.name: bound.at_most for bound in plan.bounds}
    saved = [item for step in plan.steps if (item := parse_item(step.item)).verb is Verb.SAVE_BEYOND]
    counted = {loss.data: loss for loss in losses if loss.kind is LossKind.EXACT}
    for item in saved:
        loss = counted.get(item.thing)
        if loss is None or loss.rows > most.get(_name(item.thing), 0.0):
            raise Broken(
                conflict(agreed, loss) if loss else f"what only {item.site} has of {item.thing} was not counted",
                where=plan.platform,
                next_step="they are kept and nothing was rewound; look at them, then start the failback: its card "
                "shows the number, and whoever approves it decides",
                code="conflict",
            )


# -- pieces ------------------------------------------------------------------------------------


def _place_of_data(step: PlanStep) -> tuple[str, str] | None:
    """(data, site) of what is done to a database; None for anything else."""
    item = parse_item(step.item)
    return (item.thing, item.site) if item.verb not in _LATE else None


def _wanted(way: Way, facts: Facts, name: str) -> frozenset[Verb]:
    """What the data needs, in the old site and then where it is served, as far as that is beyond doubt."""
    try:
        how = way_home(way, facts, name)
    except (Refused, Broken):
        return frozenset()
    home, away = facts.look(name, way.new), facts.look(name, way.old)
    if how is Return.SWITCH:
        open_to_loss = away is not None and away.takes_writes and away.followers and not away.synchronous_with
        return frozenset({Verb.PROTECT_WHILE_FOLLOWED}) if open_to_loss else frozenset()
    if how is not Return.REBUILD:
        return frozenset()
    follows = frozenset({Verb.FOLLOW_DATABASE, Verb.PROTECT_WHILE_FOLLOWED})
    if home is not None and home.role is DatabaseRole.STANDBY:
        return follows
    return follows | {Verb.FENCE_DATABASE, Verb.SAVE_BEYOND}


def _answers(way: Way, facts: Facts, step: PlanStep, wanted: Mapping[str, frozenset[Verb]]) -> bool:
    item = parse_item(step.item)
    if item.verb in _STOPS:
        parts = way.plan.second_workers if item.verb is Verb.STOP_WORKER else way.plan.services
        part = parts.get(item.thing)
        return part is not None and part.sites.get(item.site) in facts.compute
    if item.verb is Verb.REVOKE_CREDENTIAL:
        look = facts.credentials.get(item.thing)
        return look is not None and look.fits
    return item.verb in wanted.get(item.thing, frozenset())


def _timed(step: PlanStep, durations: Durations) -> PlanStep:
    took, by = expected_by(step.phase, step.item, durations, {})
    return PlanStep(phase=step.phase, item=step.item, text=step.text, expected_s=took.total_seconds(), expected_from=by)


def _confirmed_by(item: Item) -> str:
    return _CONFIRMED_BY.get(item.verb, BY_PROVIDER)


def _bound(agreed: Agreed, item: Item) -> Bound:
    """A count of a fenced server moves no more; before it, as much as was ever allowed."""
    exact = [loss for loss in agreed.move.losses if loss.data == item.thing and loss.kind is LossKind.EXACT]
    agreed_most = agreed_rows(agreed.plan, item.thing)
    rows = float(exact[0].rows) if exact else agreed_most
    return Bound(name=_name(item.thing), at_most=max(agreed_most, rows), measured=rows, unit="rows")


def _name(data: str) -> str:
    """The very bound that was approved with the failover (forced.py)."""
    return f"rows of {data} that may be lost"


def _guard(way: Way, facts: Facts, name: str) -> Guard:
    look = facts.look(name, way.old)
    holds = look is not None and look.takes_writes
    if holds:
        said = f"{name} in {way.new} has a history of its own and is made to follow {way.old} first"
    else:
        said = f"{name} in {way.old} takes no writes: {look.text if look else 'no look'}"
    return Guard(name=f"the way home of {name}", holds=holds, text=said)


def _text(item: Item) -> str:
    return TEXTS[item.verb].format(thing=item.thing, site=item.site, share=item.share)
