"""What does a drill of this platform do, when does it pass, and what does it teach about the real move?

The invariants, before any code:

1.  *A drill rehearses the failover that tonight would bring*: to the other site, with the same data, the same suites
    and the same steps; what cannot be rehearsed on a copy is looked at, one step after the other, and not changed.
2.  *Nothing real is changed.* Whatever a drill changes is a copy that it made; its plan has no item of a move.
3.  *It passes only when every step ended well, each step of the move could have been done, no row was written on the
    copy, and nothing is left over.*
4.  *Its durations count for the steps they stand for*, and only where no real move has shown better.

No I/O, no clock: what was seen is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from blocks.catalogue.model import Platform
from blocks.errors import Refused
from blocks.ports.approvals import Guard, Plan, PlanStep
from blocks.ports.drills import Drill, DrillVerdict
from blocks.ports.recovery import CopyLook, DatabaseRole, MoveKind
from blocks.ports.runs import Step
from tasks.drills.items import DrillItem, DrillVerb, parse_drill_item, to_look_at
from tasks.recovery.added import ADDED, added_of
from tasks.recovery.building import TEXTS, Way, added_lines, failover_lines
from tasks.recovery.capacity import shortfall
from tasks.recovery.decide import recovery_of
from tasks.recovery.fences import find_fences
from tasks.recovery.items import Item, Verb
from tasks.recovery.timing import expected_from
from tasks.recovery.values import Durations, Facts

ACTION = "recovery-drill"
DRILL_ONLY = "an isolated copy is changed and removed; clients, traffic and the servers that serve are not touched"
GAME_DAY = "answer exactly as you would if the site were gone: the same people, the same word, the same code"
_REHEARSED = frozenset(
    {Verb.PROMOTE_DATABASE, Verb.STAND_ALONE, Verb.VERIFY_DATA, Verb.OPEN_DATABASE, Verb.VERIFY_CLIENTS}
)
"""Done on the copy, or not there before clients come: not looked at."""
_USUAL_S = {
    DrillVerb.LOOK_AT: 3.0,
    DrillVerb.COPY: 120.0,
    DrillVerb.RESTORE: 300.0,
    DrillVerb.PROMOTE: 5.0,
    DrillVerb.VERIFY: 15.0,
    DrillVerb.OPEN: 1.0,
    DrillVerb.HALT: 10.0,
    DrillVerb.DISCARD: 10.0,
}
_TEXTS = {
    DrillVerb.COPY: "copy {thing} in {site} for the drill",
    DrillVerb.RESTORE: "restore the newest backup of {thing} in {site} for the drill",
    DrillVerb.PROMOTE: "promote the copy of {thing} in {site}",
    DrillVerb.VERIFY: "verify the copy of {thing} in {site}",
    DrillVerb.OPEN: "open the copy of {thing} in {site} to writes",
    DrillVerb.HALT: "halt the copy of {thing} in {site}",
    DrillVerb.DISCARD: "remove the copy of {thing} in {site}",
}
Copies = Mapping[tuple[str, str], CopyLook]
"""(data, site) -> what its host there says of copies; absent where it did not answer."""


def plan_drill(
    platform: Platform,
    facts: Facts,
    copies: Copies,
    *,
    to: str = "",
    game_day: bool = False,
    from_backup: bool = False,
    reason: str = "",
) -> Plan:
    """The plan of a drill. Raises `Refused` for a platform that could not be moved, or where no site was named.

    `from_backup`: the copy is restored from a backup, which shows that it can be.
    """
    plan, site = recovery_of(platform), _other_site(platform, facts, to)
    way = Way(MoveKind.FAILOVER, platform, plan, facts.active, site)
    making = DrillVerb.RESTORE if from_backup else DrillVerb.COPY
    steps = tuple(_step(way, phase, item, facts.durations) for phase, item in _lines(way, facts, making))
    told = [Guard(name="drill", holds=True, text=DRILL_ONLY)]
    told += [Guard(name="game day", holds=True, text=GAME_DAY)] if game_day else []
    return Plan(
        action=ACTION,
        platform=platform.name,
        subject=site,
        reason=reason,
        steps=steps,
        guards=(
            *told,
            *(_serves(way, facts, name) for name in plan.data),
            *(_may_be_copied(way, facts, copies, name, from_backup=from_backup) for name in plan.data),
        ),
        known_wrong=tuple(facts.incidents),
        expected_s=_expected(steps),
        cost="none",
    )


def is_game_day(plan: Plan) -> bool:
    """Was it asked as the real thing would be?"""
    return any(guard.name == "game day" for guard in plan.guards)


def _lines(way: Way, facts: Facts, making: DrillVerb) -> Iterator[tuple[str, DrillItem]]:
    move = (*failover_lines(way, find_fences(way, facts).items), *added_lines(way))
    yield from (("check", to_look_at(item)) for _, item in move if item.verb not in _REHEARSED)
    for phase, verb in (
        ("prepare", making),
        ("promote", DrillVerb.PROMOTE),
        ("verify-data", DrillVerb.VERIFY),
        ("start", DrillVerb.OPEN),
        ("settle", DrillVerb.HALT),
        ("settle", DrillVerb.DISCARD),
    ):
        yield from ((phase, DrillItem(verb, name, way.new)) for name in way.plan.data)


def _step(way: Way, phase: str, item: DrillItem, durations: Durations) -> PlanStep:
    known = durations.get((phase, str(item)), ())
    took = expected_from(known, _USUAL_S[item.verb])
    return PlanStep(phase=phase, item=str(item), text=_say(way, item), expected_s=took.total_seconds())


def _say(way: Way, item: DrillItem) -> str:
    if item.verb is not DrillVerb.LOOK_AT:
        return _TEXTS[item.verb].format(thing=item.thing, site=item.site)
    real = item.looked_at
    return f"look whether one could {_real(way, real)}"


def _real(way: Way, item: Item) -> str:
    if item.verb in ADDED:
        return f"do this: {added_of(way.platform, item, way.kind.value, way.old).text}"
    if item.verb is Verb.RESIZE_SERVICE:
        return f"resize {item.thing} in {item.site} to {way.plan.services[item.thing].sizes[item.site].active}"
    return TEXTS[item.verb].format(thing=item.thing, site=item.site, share=item.share)


def _expected(steps: Sequence[PlanStep]) -> float:
    """Looks side by side, then one after the other."""
    looks = [step.expected_s for step in steps if step.phase == "check"]
    return max(looks, default=0.0) + sum(step.expected_s for step in steps if step.phase != "check")


def _other_site(platform: Platform, facts: Facts, to: str) -> str:
    others = sorted(platform.sites.keys() - {facts.active})
    if (to and to not in others) or (not to and len(others) != 1):
        raise Refused(
            f"{platform.name} could be drilled in {', '.join(others) or 'no other site'}, and {to or 'none'} was named",
            where=platform.name,
            next_step="name one of them",
            code="no_candidate",
        )
    return to or others[0]


def _serves(way: Way, facts: Facts, name: str) -> Guard:
    """Nobody practises while clients are without service: hands and machines are needed elsewhere."""
    look = facts.look(name, way.old)
    serves = look is not None and look.takes_writes
    seen = look.text if look else "nobody could look at it"
    said = f"{name} in {way.old} serves" if serves else f"{name} in {way.old} takes no writes, no time to drill: {seen}"
    return Guard(name=f"{name} serves", holds=serves, text=said)


def _may_be_copied(way: Way, facts: Facts, copies: Copies, name: str, *, from_backup: bool) -> Guard:
    look, copy = facts.look(name, way.new), copies.get((name, way.new))
    where = f"{name} in {way.new}"
    if look is None or look.role is not DatabaseRole.STANDBY:
        said = f"{where} is no standby that could be copied: {look.text if look else 'nobody could look at it'}"
    elif copy is None:
        said = f"{where} cannot be copied: its database host does not answer"
    elif copy.refused or (from_backup and copy.no_backup):
        said = f"{where} cannot be copied: {copy.refused or copy.no_backup}"
    elif copy.there:
        said = f"{where} has a copy already, {copy.there} until {copy.until}"
    else:
        return Guard(name=f"copy of {name}", holds=True, text=f"{where} can be copied")
    return Guard(name=f"copy of {name}", holds=False, text=said)


# -- what it showed ----------------------------------------------------------------------------


def lacks_room(platform: Platform, site: str, facts: Facts) -> str:
    """Why the site could not take the platform tonight; empty where it could."""
    needed, look = recovery_of(platform).capacity.get(site), facts.capacity.get(site)
    if needed is None:
        return ""
    if look is None:
        return f"nobody can say what {site} can still take"
    lacking = shortfall(needed, look)
    return f"{site} could not take {platform.name}: {lacking}" if lacking else ""


def verdict_of(faults: Sequence[str], leftovers: Sequence[str], *, stopped: bool = False) -> DrillVerdict:
    """A fault or a leftover fails it; stopped by a person with neither, it showed nothing."""
    if faults or leftovers:
        return DrillVerdict.FAILED
    return DrillVerdict.STOPPED if stopped else DrillVerdict.PASSED


def durations_by_phase(steps: Sequence[Step], judged: Mapping[str, timedelta]) -> dict[str, timedelta]:
    """Phase -> from its first intent to its last outcome, where nothing interrupted it; `judged` was timed itself."""
    found: dict[str, timedelta] = dict(judged)
    for phase in dict.fromkeys(step.phase for step in steps):
        own = [step for step in steps if step.phase == phase]
        ends = [
            step.done_at for step in own if step.done_at is not None and step.entered_count == 1 and not step.by_hand
        ]
        if len(ends) == len(own):
            found[phase] = max(ends) - min(step.mark.intended_at for step in own)
    return found


# -- what it teaches ---------------------------------------------------------------------------


def rehearsed(durations: Durations, drills: Sequence[Drill], platform: Platform) -> Durations:
    """(phase, item) of the move -> how long drills took for it, newest first.

    `durations` are those of the drills' own steps; what has no step of its own (the suites) is told by the drills.
    """
    found: dict[tuple[str, str], list[timedelta]] = {}
    for (phase, text), took in durations.items():
        if real := parse_drill_item(text).stands_for:
            found[phase, real] = list(took)
    suites = [drill.durations["verify-data"] for drill in drills if "verify-data" in drill.durations]
    plan = recovery_of(platform)
    for name, data in plan.data.items() if suites else ():
        for site in data.members:
            found["verify-data", str(Item(Verb.VERIFY_DATA, name, site))] = list(suites)
    return found
