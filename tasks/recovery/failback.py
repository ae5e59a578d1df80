"""How does the platform come home, seen from what really ran?

Pure. A failover may have ended anywhere: before the promotion, after it, with a fence that was never confirmed. So the
way home of each kind of data is chosen by what its two servers are now, and the journal says which of them was
promoted; what was planned once does not count.

    home follows the other site     a switchover in reverse
    home has a history of its own   fenced, its own rows counted and saved, then made to follow, then the same
    home never lost its role        released, and the other site is a standby still
    home is primary again           nothing to promote: it is verified, opened if it is closed, and the way finished

A move may also have ended between the promotion and the opening. What was promoted elsewhere and is still closed has
the newest history: it stays closed, home follows it as it is, and is verified before anybody writes.

The rule: no row that only one server has is rewound before it is saved, and where both take writes and the journal
cannot say which one is the truth, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from blocks.errors import Broken, Refused
from blocks.ports.approvals import Bound, Guard
from blocks.ports.recovery import DatabaseLook, DatabaseRole, Loss, LossKind
from tasks.recovery.building import Line, Way, switchover_lines
from tasks.recovery.items import TAKES_OVER, Item, Verb, parse_item
from tasks.recovery.peace import require_machines
from tasks.recovery.values import Facts


class Return(StrEnum):
    """What one kind of data needs to come home."""

    SWITCH = "switch"
    REBUILD = "rebuild"
    RELEASE = "release"
    ARRIVED = "arrived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Homeward:
    """The steps of the way home, and what must be known to approve them."""

    lines: tuple[Line, ...]
    guards: tuple[Guard, ...]
    bounds: tuple[Bound, ...]
    coverage: dict[str, str]
    said: tuple[str, ...]


def homeward(way: Way, facts: Facts) -> Homeward:
    """From `way.old`, where the platform runs, to `way.new`, its home. Raises `Refused`, `Broken`."""
    require_machines(way, facts)
    returns = {name: way_home(way, facts, name) for name in way.plan.data}
    moving = [name for name, how in returns.items() if how in {Return.SWITCH, Return.REBUILD}]
    arrived = [name for name, how in returns.items() if how is Return.ARRIVED]
    rebuilt = [name for name, how in returns.items() if how is Return.REBUILD]
    lines = (
        *_rebuild(way, facts, rebuilt),
        *switchover_lines(way, moving=moving, arrived=arrived, shares=way.plan.shares),
        *(
            ("promote", Item(Verb.RELEASE_DATABASE, name, way.new))
            for name, how in returns.items()
            if how is Return.RELEASE
        ),
    )
    return Homeward(
        lines=lines,
        guards=tuple(_guard(way, facts, name, how) for name, how in returns.items()),
        bounds=tuple(_bound(way, facts, name) for name in rebuilt),
        coverage={str(Item(Verb.SAVE_BEYOND, name, way.new)): _conflict(way, facts, name) for name in rebuilt},
        said=tuple(f"{name}: {_conflict(way, facts, name)}" for name in rebuilt),
    )


def way_home(way: Way, facts: Facts, name: str) -> Return:
    """What this data needs. `way.new` is home."""
    home, away = facts.look(name, way.new), facts.look(name, way.old)
    if home is None or home.role is DatabaseRole.UNREACHABLE:
        raise Refused(
            f"{name} in {way.new} does not answer yet, so nothing can come home: {home.text if home else 'no look'}",
            where=way.platform.name,
            next_step="wait for the site; vigie runs elsewhere as long as it takes",
            code="home_unreachable",
        )
    if away is None or away.role in {DatabaseRole.UNREACHABLE, DatabaseRole.STOPPED}:
        raise Refused(
            f"{name} in {way.old} cannot be drained: {away.text if away else 'nobody could look at it'}",
            where=way.platform.name,
            next_step=f"if its site is gone, start a failover to {way.new}: vigie plan failover {way.platform.name}",
            code="primary_dead",
        )
    promoted_at = _promoted(facts, name)
    if away.role is DatabaseRole.PRIMARY or (promoted_at == way.old and _is_newer(away, home)):
        return _from_primary(way, name, home, away, promoted_at)
    if home.role in {DatabaseRole.PRIMARY, DatabaseRole.FENCED}:
        was_home = promoted_at in {"", way.new}
        if was_home and home.role is DatabaseRole.PRIMARY and not _is_newer(away, home):
            return Return.ARRIVED
        if promoted_at == way.new and home.is_closed and (away.role is DatabaseRole.STANDBY or _is_newer(home, away)):
            return Return.ARRIVED
        if away.role is DatabaseRole.STANDBY and was_home:
            return Return.RELEASE
    if away.role is DatabaseRole.FENCED and home.role is DatabaseRole.STANDBY and home.timeline == away.timeline:
        return Return.SWITCH
    raise _nobody_knows(way, name, home, away)


def _is_newer(look: DatabaseLook, other: DatabaseLook) -> bool:
    """Promoted and still closed, on a history that the other one is not on yet."""
    return look.is_closed and look.system_id == other.system_id and look.timeline > other.timeline


def _from_primary(way: Way, name: str, home: DatabaseLook, away: DatabaseLook, promoted_at: str) -> Return:
    """The other site is the truth, taking writes or closed since its promotion."""
    if home.role is DatabaseRole.STANDBY and home.timeline == away.timeline and home.system_id == away.system_id:
        return Return.SWITCH
    if home.timeline > away.timeline:  # what it has could only be thrown away by making its folder anew
        raise _nobody_knows(way, name, home, away)
    if home.role is DatabaseRole.PRIMARY and (promoted_at != way.old or home.timeline == away.timeline):
        raise _nobody_knows(way, name, home, away)
    return Return.REBUILD


def _promoted(facts: Facts, name: str) -> str:
    """The site where this data was promoted last, by what ran.

    An intent without outcome counts too, but for one whose server still is a standby: that one took no effect.
    """
    ran = [(parse_item(each.item), each.done) for each in facts.ran]
    begun = [(item.site, done) for item, done in ran if item.verb in TAKES_OVER and item.thing == name]
    sites = [site for site, done in begun if done or not _is_standby(facts, name, site)]
    return sites[-1] if sites else ""


def _is_standby(facts: Facts, name: str, site: str) -> bool:
    look = facts.look(name, site)
    return look is not None and look.role is DatabaseRole.STANDBY


def _rebuild(way: Way, facts: Facts, names: list[str]) -> Iterator[Line]:
    for machine in _switched_off(way, facts):
        yield "prepare", Item(Verb.START_MACHINE, machine, way.new)
    for name in names:
        look = facts.look(name, way.new)
        if look is not None and look.role is not DatabaseRole.STANDBY and (look.takes_writes or not look.fenced_by):
            yield "prepare", Item(Verb.FENCE_DATABASE, name, way.new)
        if look is None or look.role is not DatabaseRole.STANDBY:  # a standby has acknowledged nothing itself
            yield "prepare", Item(Verb.SAVE_BEYOND, name, way.new)
        yield "prepare", Item(Verb.FOLLOW_DATABASE, name, way.new)


def _switched_off(way: Way, facts: Facts) -> list[str]:
    ran = [parse_item(each.item) for each in facts.ran]
    return sorted({item.thing for item in ran if item.verb is Verb.STOP_MACHINE and item.site == way.new})


def _guard(way: Way, facts: Facts, name: str, how: Return) -> Guard:
    home = facts.look(name, way.new)
    closed = home is not None and home.is_closed
    said = {
        Return.SWITCH: f"{name} in {way.new} follows {way.old}",
        Return.REBUILD: f"{name} in {way.new} has a history of its own and is made to follow {way.old} first",
        Return.RELEASE: f"{name} was never promoted in {way.old} and is released in {way.new}",
        Return.ARRIVED: f"{name} was promoted in {way.new} already and is opened there once it was verified"
        if closed
        else f"{name} takes writes in {way.new} already",
    }
    return Guard(name=f"the way home of {name}", holds=True, text=said[how])


def _loss(way: Way, facts: Facts, name: str) -> Loss | None:
    """What is known of rows that only home has: counted, or else the bound of the move that left it."""
    counted = [loss for loss in facts.losses if loss.data == name]
    moved = [loss for move in facts.moves if move.to_site == way.old for loss in move.losses if loss.data == name]
    return next(iter((*counted, *moved)), None)


def _bound(way: Way, facts: Facts, name: str) -> Bound:
    """A count of a fenced server moves no more: whoever approves, approves that very number."""
    loss = _loss(way, facts, name)
    planned = float(way.plan.data[name].lose_at_most_rows)
    most = max(planned, float(loss.rows)) if loss and loss.kind is LossKind.EXACT else planned
    measured = float(loss.rows) if loss else most  # not known yet: as much as was ever allowed
    return Bound(name=f"rows that only {name} in {way.new} has", at_most=most, measured=measured, unit="rows")


def _conflict(way: Way, facts: Facts, name: str) -> str:
    loss = _loss(way, facts, name)
    if loss is None or loss.kind is not LossKind.EXACT:
        return f"whatever only {way.new} has is counted, saved as evidence and not merged"
    if not loss.rows:
        return f"{way.new} has no row of its own"
    return f"{loss.rows} rows that only {way.new} has are saved as evidence and not merged"


def _nobody_knows(way: Way, name: str, home: DatabaseLook, away: DatabaseLook) -> Broken:
    return Broken(
        f"{name} cannot be brought home by itself: in {way.new} {home.text}; in {way.old} {away.text}",
        where=way.platform.name,
        next_step="a person decides which server is the truth and fences the other (docs/recovery.md)",
        code="two_truths",
    )
