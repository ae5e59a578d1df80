"""Does a check change its mind too often to be believed either way?

Icinga 2's rule (lib/icinga/checkable-flapping.cpp): of the last 20 results, those that changed the
state are added up with weights from 0.80 (oldest) to 1.18 (newest). Over 30 % the check starts to
flap, at 25 % or less it stops; in between it stays as it was. Every change counts, soft or hard.

The history is an integer of 20 bits, the newest lowest; weights are counted in hundredths so that
the thresholds are met exactly.
"""

from __future__ import annotations

from typing import Final

START_PCT: Final = 30.0
STOP_PCT: Final = 25.0

_RESULTS: Final = 20
_MASK: Final = (1 << _RESULTS) - 1
_WEIGHTS: Final = tuple(118 - 2 * bit for bit in range(_RESULTS))  # hundredths; bit 0 is the newest
_PCT: Final = 20  # hundredths of 20 results, as a percentage


def record_change(history: int, *, changed: bool) -> int:
    """The history with one more result; the oldest of 20 is forgotten."""
    return ((history << 1) | changed) & _MASK


def flapping_pct(history: int) -> float:
    """The weighted share of results that changed the state, 0 to 99 %."""
    return _weight(history) / _PCT


def is_flapping(history: int, *, was_flapping: bool) -> bool:
    """Starts over 30 %, stops at 25 % or less."""
    return _weight(history) > (STOP_PCT if was_flapping else START_PCT) * _PCT


def _weight(history: int) -> int:
    return sum(weight for bit, weight in enumerate(_WEIGHTS) if history >> bit & 1) if history else 0
