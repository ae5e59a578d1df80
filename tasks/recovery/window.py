"""A move serves and nobody has committed it: what now?

Pure. Until the window is over nothing happens by itself. Then the platform goes back by itself only where the approved
plan said so, and only while that loses nothing: the old side follows closely, has no row of its own, and answers. In
any other case it stays, and people are told what keeps it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from blocks.ports.recovery import DatabaseLook, DatabaseRole, Loss, LossKind, Move, MoveState
from tasks.recovery.losses import lag

Looks = Mapping[tuple[str, str], DatabaseLook]
"""(data, site) -> the look at that server."""


class Due(StrEnum):
    """What the end of a commit window brings."""

    SETTLED = "settled"
    WAIT = "wait"
    ROLL_BACK = "roll back"
    REMIND = "remind"


@dataclass(frozen=True, slots=True)
class WindowRuling:
    """What is due, and why."""

    due: Due
    text: str


def rule_window(
    move: Move,
    now: datetime,
    looks: Mapping[tuple[str, str], DatabaseLook],
    *,
    data: tuple[str, ...],
    within: timedelta,
) -> WindowRuling:
    """What is due for this move at `now`. `looks` is by (data, site); `within` is how far behind is close."""
    if move.state is not MoveState.SERVING or move.commit_due_at is None:
        return WindowRuling(Due.SETTLED, f"the {move.kind.value} to {move.to_site} is {move.state.value}")
    if now < move.commit_due_at:
        left = (move.commit_due_at - now).total_seconds() / 60
        return WindowRuling(Due.WAIT, f"the {move.kind.value} to {move.to_site} can be committed for {left:.0f} min")
    if not move.rolls_back:
        return WindowRuling(Due.REMIND, f"the {move.kind.value} to {move.to_site} waits for somebody to commit it")
    if why := what_would_be_lost(move, looks, data, within):
        return WindowRuling(Due.REMIND, f"going back to {move.from_site} by itself would not be lossless: {why}")
    text = f"nobody committed the {move.kind.value} in time, and going back to {move.from_site} loses nothing"
    return WindowRuling(Due.ROLL_BACK, text)


def what_would_be_lost(move: Move, looks: Looks, data: Sequence[str], within: timedelta) -> str:
    """Why going back would lose something, empty where it would not. What was not seen would be lost."""
    found = [f"{loss.data} in {move.from_site} has rows of its own" for loss in move.losses if not _saved(loss)]
    for name in data:
        here, there = looks.get((name, move.to_site)), looks.get((name, move.from_site))
        behind = lag(there, here)
        follows = here is not None and here.takes_writes and there is not None and there.role is DatabaseRole.STANDBY
        if not follows or behind is None or here is None or there is None or here.timeline != there.timeline:
            found.append(f"{name} in {move.from_site} does not follow")
        elif behind > within:
            found.append(f"{name} in {move.from_site} is {behind.total_seconds():.0f} s behind")
    return "; ".join(dict.fromkeys(found))


def _saved(loss: Loss) -> bool:
    """Nothing was lost, or what was is kept."""
    return (loss.kind is LossKind.EXACT and loss.rows == 0) or bool(loss.saved_in)
