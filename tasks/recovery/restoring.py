"""May the data go back to this moment, and how much is left behind?

Pure. Wrong rows that were replicated are in both sites, and no promotion helps: the other site's server is brought
back to the moment before, and takes over as in a failover. The invariants:

1.  *Nobody writes any more when it begins.* The old side is fenced, confirmed by its host: else more would be left
    behind than anybody approved.
2.  *A moment is one that can be reached*: not in the future, not before the oldest backup that leads there, not after
    the last record that the other site holds, and with the log between whole.
3.  *What is left behind is a bound on the card and kept.* Rows are those that the heartbeat saw change since; where
    its rows do not reach back so far, the fastest pace that it saw. It never understates, and what was approved is
    fixed when one asks first: a number that grows meanwhile does not void it before it is passed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from blocks.errors import Refused
from blocks.ports.approvals import Bound, Guard
from blocks.ports.backups import BaseBackup, Beat, History, Kept, choose
from blocks.ports.recovery import DatabaseLook, DatabaseRole, Loss, LossKind
from tasks.recovery.building import Way, said_moment
from tasks.recovery.fences import answers
from tasks.recovery.losses import HEARTBEAT
from tasks.recovery.values import Facts

_SLOWEST = 1.0  # rows a second
_MEANWHILE = timedelta(hours=1)
"""For so long after the first look the bound covers what is written on: people have that time to say yes."""
_ROUND = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the candidate's host keeps of one kind of data, and the heartbeat rows since the moment."""

    kept: Kept
    beats: Sequence[Beat] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """What may be left behind at most, as it is fixed when one asks: rows of each data, and seconds."""

    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What must be known to approve it: how it is reached, and what is left behind."""

    guards: tuple[Guard, ...]
    losses: tuple[Loss, ...]
    said: tuple[str, ...]

    def bounds(self, most: Most) -> tuple[Bound, ...]:
        """Rows and seconds of each data."""
        return tuple(bound for loss in self.losses for bound in _bounds(loss, most))


def way_back(way: Way, facts: Facts, past: Mapping[str, Past], moment: datetime) -> Back:
    """How all data of the plan goes back. Raises `Refused` saying what speaks against it."""
    if not way.plan.data:
        raise Refused(f"{way.platform.name} has no replicated data: there is nothing to restore", code="no_data")
    if moment >= facts.now:
        raise Refused(
            f"{said_moment(moment)} is in the future: it is {said_moment(facts.now)}",
            next_step="name the last moment at which the data was right",
            code="future",
        )
    guards = [_reached(way, facts, past, name, moment) for name in way.plan.data]
    losses = tuple(written_since(name, past[name].beats, moment, facts.now) for name in way.plan.data)
    said = [sentence for loss in losses for sentence in (loss.text, _kept(way, loss.data))]
    return Back(guards=tuple(guards), losses=losses, said=tuple(said))


def allow(back: Back, past: Mapping[str, Past], moment: datetime, now: datetime) -> Most:
    """What is asked for: what is left behind now, and an hour more of it at the fastest pace that was seen."""
    rows = {
        loss.data: _up(loss.rows + math.ceil(pace_of(past[loss.data].beats) * _MEANWHILE.total_seconds()))
        for loss in back.losses
    }
    return Most(rows=rows, seconds=float(_up((now + _MEANWHILE - moment).total_seconds())))


def written_since(data: str, beats: Sequence[Beat], moment: datetime, until: datetime) -> Loss:
    """The most rows that were changed between a moment and now, by heartbeat rows that are oldest first."""
    seconds = max(0.0, (until - moment).total_seconds())
    pace, before = pace_of(beats), [beat for beat in beats if beat.at <= moment]
    begin = before[-1].at if before else moment
    known = [*before[-1:], *(beat for beat in beats if beat.at > moment)]
    counted = sum(_changed(one.changed_rows, other.changed_rows) for one, other in pairwise(known))
    first, last = (known[0].at, known[-1].at) if known else (until, until)
    unseen = max(timedelta(0), first - begin) + max(timedelta(0), until - last) + HEARTBEAT
    rows = counted + math.ceil(unseen.total_seconds() * pace)
    text = f"at most {rows} rows or {seconds:.0f} s of {data} were written after {said_moment(moment)}"
    return Loss(data=data, kind=LossKind.BOUND, rows=rows, seconds=seconds, text=f"{text} and will not be served")


def pace_of(beats: Sequence[Beat]) -> float:
    """The fastest that rows were seen to change, a second."""
    paces = [
        _changed(one.changed_rows, other.changed_rows) / max((other.at - one.at).total_seconds(), 0.001)
        for one, other in pairwise(beats)
    ]
    return max([_SLOWEST, *paces])


def _changed(before: int, after: int) -> int:
    """A counter that began anew has counted from nothing."""
    return after - before if after >= before else after


def _reached(way: Way, facts: Facts, past: Mapping[str, Past], name: str, moment: datetime) -> Guard:
    old, new = _fenceable(way, facts, name), _candidate(way, facts, name)
    known = past.get(name)
    if known is None or known.kept.refused:
        raise Refused(
            f"{name} in {way.new} cannot go back: {known.kept.refused if known else 'nobody could ask its host'}",
            where=way.new,
            next_step="see docs/recovery-postgres.md: backups and archive",
            code="no_backup",
        )
    backup = choose(known.kept.backups, moment, History(timeline=old.timeline, left_at=old.left_at))
    if backup.gap:
        raise Refused(
            f"the log behind {backup.name} in {way.new} has a hole: {backup.gap} is nowhere",
            where=way.new,
            next_step="look for it in other archives of the log, and put it into that host's",
            code="hole",
        )
    return Guard(name=f"{name} can go back", holds=True, text=_how(backup, _held(way, name, new, moment), moment))


def _fenceable(way: Way, facts: Facts, name: str) -> DatabaseLook:
    look = facts.look(name, way.old)
    if look is None or not answers(facts, name, way.old):
        raise Refused(
            f"{name} in {way.old} does not answer: nobody can confirm that writing ends there",
            where=way.platform.name,
            next_step="if its site is gone, start a failover; then restore there by hand: docs/recovery-postgres.md",
            code="not_fenced",
        )
    return look


def _candidate(way: Way, facts: Facts, name: str) -> DatabaseLook:
    look, old = facts.look(name, way.new), facts.look(name, way.old)
    is_standby = look is not None and look.role is DatabaseRole.STANDBY
    if look is None or old is None or not is_standby or look.system_id != old.system_id:
        raise Refused(
            f"{name} in {way.new} cannot go back: {look.text if look else 'nobody could look at it'}",
            where=way.new,
            next_step="it takes a standby of the same data: mend it, or retry the restore that ended half-way",
            code="no_standby",
        )
    return look


def _held(way: Way, name: str, look: DatabaseLook, moment: datetime) -> datetime:
    """The newest moment that the candidate holds; `moment` lies before it."""
    if look.heartbeat_at is None or moment >= look.heartbeat_at:
        held = said_moment(look.heartbeat_at) if look.heartbeat_at else "an unknown moment"
        raise Refused(
            f"{name} in {way.new} holds nothing after {held}, so {said_moment(moment)} cannot be reached",
            where=way.new,
            next_step="name an earlier moment, or let it catch up",
            code="after_the_log",
        )
    return look.heartbeat_at


def _how(backup: BaseBackup, held: datetime, moment: datetime) -> str:
    whole = f"{backup.name} of {said_moment(backup.ended_at.replace(microsecond=0))}"
    return f"{said_moment(moment)} is reached from {whole}, with log until {said_moment(held.replace(microsecond=0))}"


def _kept(way: Way, name: str) -> str:
    return f"what is left behind of {name} is kept: in {way.new} as a whole folder, in {way.old} row by row"


def _bounds(loss: Loss, most: Most) -> tuple[Bound, Bound]:
    rows = float(most.rows.get(loss.data, 0))
    return (
        Bound(name=f"rows of {loss.data} that are left behind", at_most=rows, measured=float(loss.rows), unit="rows"),
        Bound(
            name=f"seconds of {loss.data} that are left behind",
            at_most=most.seconds,
            measured=round(loss.seconds, 1),
            unit="s",
        ),
    )


def _up(number: float) -> int:
    """To a round number, upwards."""
    return math.ceil(number / _ROUND) * _ROUND
