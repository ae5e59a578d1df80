"""What passes between the steps of a drill, what a drill reports, and what a sweep of leftovers reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from blocks.ports.drills import Drill


@dataclass(frozen=True, slots=True)
class Looked:
    """One step of the move that was looked at; `fault` is why it could not have been done, empty when it could."""

    item: str
    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the suites said of a copy, and how long they took."""

    outcome: str
    took: timedelta


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """The whole drill, for whoever asked for it."""

    drill: Drill

    def __str__(self) -> str:
        """For log, message and journal."""
        return self.drill.text


@dataclass(frozen=True, slots=True)
class Leftover:
    """What became of one leftover: `failure` says why it is still there, empty when it is gone."""

    run: UUID
    platform: str
    reference: str
    failure: str = ""
    is_news: bool = True  # the drill's record says something else than before


@dataclass(frozen=True, slots=True)
class LeakReport:
    """Everything that one sweep found."""

    leftovers: Sequence[Leftover] = ()

    @property
    def sentence(self) -> str:
        """For the log: '1 leftover removed, 1 stays: db2…/vigie-drill-…: its host does not answer'."""
        stays = [each for each in self.leftovers if each.failure]
        removed = len(self.leftovers) - len(stays)
        if not self.leftovers:
            return "nothing is left over"
        said = f"{removed} {'leftover' if removed == 1 else 'leftovers'} removed"
        told = "; ".join(f"{each.reference}: {each.failure}" for each in stays)
        return f"{said}, {len(stays)} {'stays' if len(stays) == 1 else 'stay'}: {told}" if stays else said
