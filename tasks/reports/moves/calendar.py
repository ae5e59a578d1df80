"""When was each platform of a customer last drilled and restored, and when is it due again?

The rule: only a drill that passed and a restore that worked count; what was never done is due now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.ports.drills import Drill, DrillVerdict, RestoreTest
from blocks.slack.voice import Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A platform with a recovery plan, what its journal holds, newest first, and how often its plan asks for it."""

    platform: str
    drills: Sequence[Drill]
    restores: Sequence[RestoreTest]
    drill_every: timedelta
    restore_every: timedelta

    @property
    def drill_due_at(self) -> datetime | None:
        """None: never drilled with success, so now."""
        passed = next((drill for drill in self.drills if drill.verdict is DrillVerdict.PASSED), None)
        return None if passed is None else passed.at + self.drill_every

    @property
    def restore_due_at(self) -> datetime | None:
        """None: never restored with success, so now. A platform counts from its worst data."""
        newest: dict[str, datetime] = {}
        for test in self.restores:
            if test.passed:
                newest.setdefault(test.data, test.at)
        tested = {test.data for test in self.restores}
        return min(newest.values()) + self.restore_every if newest and set(newest) == tested else None

    def is_due(self, at: datetime) -> bool:
        """Is a drill or a restore due by then?"""
        return _is_over(self.drill_due_at, at) or self.restore_is_due(at)

    def restore_is_due(self, at: datetime) -> bool:
        """Is a restore due by then?"""
        return _is_over(self.restore_due_at, at)


def _is_over(due: datetime | None, at: datetime) -> bool:
    return due is None or due <= at


def is_of_today(shown_at: datetime | None, at: datetime, time_zone: str) -> bool:
    """Was the calendar shown on this day of the customer's? A day that began since makes other things due."""
    zone = ZoneInfo(time_zone)
    return shown_at is not None and shown_at.astimezone(zone).date() >= at.astimezone(zone).date()


def render_calendar(
    platforms: Sequence[Rehearsed], *, at: datetime, language: str, time_zone: str
) -> list[dict[str, str]]:
    """One row a platform, the most urgent first, for a table artifact."""
    voice = Voice(language, time_zone)
    return [
        {
            voice.say("column.platform"): each.platform,
            voice.say("drill.due"): _due(voice, each.drill_due_at, at),
            voice.say("drill.last"): voice.moment(each.drills[0].at) if each.drills else voice.say("never"),
            voice.say("drill.verdict"): voice.say(f"move.state.{each.drills[0].verdict.value}") if each.drills else "",
            voice.say("drill.restore_due"): _due(voice, each.restore_due_at, at),
            voice.say("drill.restore"): voice.moment(each.restores[0].at) if each.restores else voice.say("never"),
        }
        for each in sorted(platforms, key=_urgency)
    ]


def _urgency(each: Rehearsed) -> tuple[bool, float, str]:
    due = each.drill_due_at
    return due is not None, due.timestamp() if due is not None else 0.0, each.platform


def _due(voice: Voice, due: datetime | None, at: datetime) -> str:
    if due is None:
        return voice.say("drill.now")
    return voice.say("drill.overdue", day=voice.day(due)) if due <= at else voice.day(due)
