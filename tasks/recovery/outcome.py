"""What passes between the steps of a move, and what a move reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from blocks.ports.recovery import Move


@dataclass(frozen=True, slots=True)
class KnownRows:
    """How many rows each table had when last seen before the move: data -> table -> rows, and where that was seen."""

    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    seen_on: Mapping[str, str] = field(default_factory=dict[str, str])
    as_of: datetime | None = None  # the data was brought back to this moment: nothing in it is younger


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """The whole move, for whoever asked for it."""

    move: Move
    proofs: tuple[str, ...]  # what clients find, a sentence each

    def __str__(self) -> str:
        """For log, message and journal."""
        lost = "; ".join(loss.text for loss in self.move.losses) or "nothing"
        went = f"{self.move.platform} runs in {self.move.to_site} (from {self.move.from_site})"
        return f"{went}. Loss: {lost}. Clients: {'; '.join(self.proofs)}."
