"""What are the steps of a move, phase by phase?

Pure. Each step is there whether or not it looks needed right now: one that finds its goal reached changes nothing,
and a plan that depended on passing looks would have another digest at every look.

The rules: whatever writes on the leaving side is fenced before anything is promoted; what was promoted takes no
writes before its data was verified; a second worker starts only where it was stopped on the other side in an earlier
phase, and in peace after clients are served; clients come last. A right that was taken from a site is given back
before anything starts there, and in peace only once its second workers rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise, Recovery
from blocks.ports.approvals import PlanStep
from blocks.ports.recovery import MoveKind
from tasks.recovery.added import ADDED, added_for, added_of
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.order import groups_of
from tasks.recovery.returning import rule_of, said_of
from tasks.recovery.timing import expected_by
from tasks.recovery.values import PHASES, Durations

TEXTS = {
    Verb.FENCE_DATABASE: "fence {thing} in {site}",
    Verb.DRAIN_DATABASE: "drain {thing} in {site}",
    Verb.RELEASE_DATABASE: "release {thing} in {site}",
    Verb.PROMOTE_DATABASE: "promote {thing} in {site}",
    Verb.RESTORE_DATABASE: "restore {thing} in {site} as of {moment}, beside its data",
    Verb.ADOPT_RESTORED: "let {thing} in {site} be as of {moment}, closed; what was there is kept",
    Verb.OPEN_DATABASE: "open {thing} in {site} to writes",
    Verb.STAND_ALONE: "let {thing} in {site} stand alone",
    Verb.FOLLOW_DATABASE: "let {thing} in {site} follow",
    Verb.PROTECT_DATABASE: "let each commit of {thing} in {site} wait for its standby",
    Verb.PROTECT_WHILE_FOLLOWED: "let each commit of {thing} in {site} wait for its standby while that follows",
    Verb.SAVE_BEYOND: "count and save what only {thing} in {site} has",
    Verb.VERIFY_DATA: "verify {thing} in {site}",
    Verb.STOP_WORKER: "stop worker {thing} in {site}",
    Verb.START_WORKER: "start worker {thing} in {site}",
    Verb.STOP_SERVICE: "stop {thing} in {site}",
    Verb.START_SERVICE: "start {thing} in {site}",
    Verb.RECYCLE_SERVICE: "recycle {thing} in {site}",
    Verb.STOP_MACHINE: "switch off {thing} in {site}",
    Verb.START_MACHINE: "switch on {thing} in {site}",
    Verb.REVOKE_CREDENTIAL: "take credential {thing} of {site} away",
    Verb.GRANT_CREDENTIAL: "give credential {thing} of {site} back",
    Verb.CLOSE_TRAFFIC: "send nobody of {thing} to {site} any more",
    Verb.SHIFT_TRAFFIC: "send {share} % of {thing} to {site}",
    Verb.VERIFY_CLIENTS: "prove {thing} in {site}",
}
_ALL = 100
Line = tuple[str, Item]
"""A phase and what is done in it."""


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where."""

    kind: MoveKind
    platform: Platform
    plan: Recovery
    old: str
    new: str


def failover_lines(way: Way, fences: Sequence[Item], *, promoted: Sequence[str] = ()) -> Iterator[Line]:
    """`fences` is what can be reached; all of it is fenced, and then the new site lives alone.

    `promoted` is data that an earlier move promoted there already, before it ended half-way.
    """
    yield from (("fence", fence) for fence in fences)
    yield from promotion(way, [name for name in way.plan.data if name not in promoted])
    yield from (("promote", Item(Verb.STAND_ALONE, name, way.new)) for name in promoted)
    yield from _open(way, way.plan.data)
    yield from _start(way)
    yield from _shift(way, (_ALL,))
    yield from _proofs(way)


def restore_lines(way: Way, fences: Sequence[Item], moment: datetime) -> Iterable[Line]:
    """A failover whose promotion is a restore; at last the old site's own rows are kept, and it follows."""
    yield from (("fence", fence) for fence in fences)
    for name in way.plan.data:
        yield "promote", Item(Verb.RESTORE_DATABASE, name, way.new, moment=moment)
        yield "promote", Item(Verb.ADOPT_RESTORED, name, way.new, moment=moment)
        yield "promote", Item(Verb.STAND_ALONE, name, way.new)
    yield from _verified(way)
    yield from _open(way, way.plan.data)
    yield from _start(way)
    yield from _shift(way, (_ALL,))
    yield from _proofs(way)
    yield from (("settle", Item(Verb.SAVE_BEYOND, name, way.old)) for name in way.plan.data)
    yield from _followed(way)


def switchover_lines(
    way: Way, *, moving: Iterable[str], arrived: Iterable[str] = (), shares: Sequence[int] = (_ALL,)
) -> Iterator[Line]:
    """In peace: the new site is made ready first, so that writers wait for little more than the promotion.

    `moving` is the data that is promoted in the new site; `arrived` was promoted there already, and is opened if it
    is not; other data is there.
    """
    names = list(moving)
    yield from _prepare(way)
    yield from (("fence", Item(Verb.STOP_WORKER, name, way.old)) for name in way.plan.second_workers)
    yield from (("fence", Item(Verb.DRAIN_DATABASE, name, way.old)) for name in names)
    yield from promotion(way, names)
    yield from _open(way, [*names, *arrived])
    yield from _shift(way, shares)
    yield from _proofs(way)
    yield from _settle(way)


def as_steps(
    way: Way, lines: Iterable[Line], durations: Durations, rehearsed: Durations | None = None
) -> tuple[PlanStep, ...]:
    """In the order in which they run, with the plan's own steps before and after each phase."""
    ordered, timed = [*lines, *added_lines(way)], (durations, rehearsed or {})
    phases = [[_step(way, each, item, timed) for phase, item in ordered if phase == each] for each in PHASES]
    return tuple(step for steps in phases for group in groups_of(way.platform, steps) for step in group)


def promotion(way: Way, moving: Iterable[str]) -> Iterator[Line]:
    """Promote what moves, and verify all data of the new site."""
    for name in moving:
        yield "promote", Item(Verb.PROMOTE_DATABASE, name, way.new)
        yield "promote", Item(Verb.STAND_ALONE, name, way.new)
    yield from _verified(way)


def _verified(way: Way) -> Iterator[Line]:
    yield from (("verify-data", Item(Verb.VERIFY_DATA, name, way.new)) for name in way.plan.data)


def held_in(plan: Recovery, site: str) -> list[str]:
    """The credentials that something in this site holds."""
    return [name for name, each in plan.credentials.items() if each.holder == site]


def _prepare(way: Way) -> Iterator[Line]:
    yield from _given_back(way)
    for name, part in way.plan.services.items():
        if way.new in part.sites:
            if way.new in part.sizes:
                yield "prepare", Item(Verb.RESIZE_SERVICE, name, way.new)
            yield "prepare", Item(Verb.START_SERVICE, name, way.new)


def _given_back(way: Way) -> Iterator[Line]:
    """In peace, long before clients: a right takes minutes to be in force. Whoever would work with it rests first."""
    names = held_in(way.plan, way.new)
    yield from (("prepare", Item(Verb.STOP_WORKER, name, way.new)) for name in way.plan.second_workers if names)
    yield from (("prepare", Item(Verb.GRANT_CREDENTIAL, name, way.new)) for name in names)


def _open(way: Way, names: Iterable[str]) -> Iterator[Line]:
    """From here on clients write in the new site: verified, and before anything starts that would want to."""
    yield from (("start", Item(Verb.OPEN_DATABASE, name, way.new)) for name in names)


def _start(way: Way) -> Iterator[Line]:
    yield from (("start", Item(Verb.GRANT_CREDENTIAL, name, way.new)) for name in held_in(way.plan, way.new))
    for name, part in way.plan.services.items():
        if way.new in part.sites:
            if way.new in part.sizes:
                yield "start", Item(Verb.RESIZE_SERVICE, name, way.new)
            yield "start", Item(Verb.START_SERVICE, name, way.new)
    yield from (("start", Item(Verb.START_WORKER, name, way.new)) for name in way.plan.second_workers)


def _shift(way: Way, shares: Sequence[int]) -> Iterator[Line]:
    """A name leads everybody at once; only weighted switches know shares, and each of those earns the next."""
    for name, switch in way.plan.traffic.items():
        for share in shares if switch.kind == "azure.traffic_manager" else (_ALL,):
            yield "shift", Item(Verb.SHIFT_TRAFFIC, name, way.new, share)
            if share < _ALL:
                yield "shift", Item(Verb.WATCH_CLIENTS, name, way.new, share)
    yield from _recycled(way, way.new)
    if len(shares) > 1:  # clients of the leaving site's services stay a while; once they left, its pools are made anew
        yield from _recycled(way, way.old)


def _recycled(way: Way, site: str) -> Iterator[Line]:
    for name in way.plan.recycle:
        if site in way.plan.services[name].sites:
            yield "shift", Item(Verb.RECYCLE_SERVICE, name, site)


def _proofs(way: Way) -> Iterator[Line]:
    yield from (("verify-clients", Item(Verb.VERIFY_CLIENTS, proof, way.new)) for proof in way.plan.proofs)


def _settle(way: Way) -> Iterator[Line]:
    """What nobody waits for."""
    yield from (("settle", Item(Verb.START_WORKER, name, way.new)) for name in way.plan.second_workers)
    yield from _followed(way)


def _followed(way: Way) -> Iterator[Line]:
    """The old side follows and rests."""
    for name, data in way.plan.data.items():
        yield "settle", Item(Verb.FOLLOW_DATABASE, name, way.old)
        if data.promise is Promise.ZERO_LOSS:
            yield "settle", Item(Verb.PROTECT_DATABASE, name, way.new)
    for name, part in way.plan.services.items():
        if way.old in part.sizes:
            yield "settle", Item(Verb.RESIZE_SERVICE, name, way.old)


def added_lines(way: Way) -> Iterator[Line]:
    """The plan's own steps that are taken in this move."""
    for added in added_for(way.platform, way.kind.value, way.old, way.new):
        yield added.step.phase, added.item


def said_moment(moment: datetime | None) -> str:
    """For people, to the second or as exact as it was given."""
    if moment is None:
        return ""
    return f"{moment.astimezone(UTC).isoformat(sep=' ').removesuffix('+00:00')} UTC"


def _step(way: Way, phase: str, item: Item, timed: tuple[Durations, Durations]) -> PlanStep:
    took, by = expected_by(phase, str(item), *timed)
    return PlanStep(
        phase=phase,
        item=str(item),
        text=_say(way, phase, item),
        expected_s=took.total_seconds(),
        expected_from=by,
    )


def _say(way: Way, phase: str, item: Item) -> str:
    if item.verb in ADDED:
        return added_of(way.platform, item, way.kind.value, way.old).text
    if item.verb is Verb.WATCH_CLIENTS:
        return said_of(item, rule_of(way.plan))
    if item.verb is Verb.RESIZE_SERVICE:
        sizes = way.plan.services[item.thing].sizes[item.site]
        return f"resize {item.thing} in {item.site} to {sizes.rest if phase == 'settle' else sizes.active}"
    return TEXTS[item.verb].format(thing=item.thing, site=item.site, share=item.share, moment=said_moment(item.moment))


def items_of(steps: Sequence[PlanStep], phase: str = "") -> list[Item]:
    """The steps' items, of one phase or of all."""
    return [parse_item(step.item) for step in steps if not phase or step.phase == phase]
