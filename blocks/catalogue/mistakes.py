"""What is wrong in the catalogue, said so that one can repair it at once.

A mistake has its file, line and column, what was expected, and the nearest known name where a name
is unknown. All mistakes are told together: nobody should repair twenty, one run at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from blocks.errors import Broken


class Mistake(NamedTuple):
    """One mistake, at a place an editor can jump to. `nearest` is the known name that was probably meant."""

    file: str
    line: int
    column: int
    text: str
    nearest: str = ""

    def __str__(self) -> str:
        """`file:line:column: what was expected (did you mean 'name'?)`."""
        hint = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return f"{self.file}:{self.line}:{self.column}: {self.text}{hint}"


class CatalogueInvalid(Broken):
    """The catalogue has mistakes; `mistakes` holds all of them, in reading order."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = f"{len(self.mistakes)} mistake{'s' if len(self.mistakes) != 1 else ''}"
        lines = "\n".join(str(mistake) for mistake in self.mistakes)
        super().__init__(
            f"the catalogue has {count}, nothing of it is used:\n{lines}\n",
            next_step="repair the lines above, then run vigie catalogue check",
            code="probe_failed",
        )


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that `name` was probably meant to be, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def listed(names: Iterable[str], limit_count: int = 12) -> str:
    """Names for a sentence, sorted, the rest counted."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:limit_count])
    rest = len(ordered) - limit_count
    return f"{shown} and {rest} more" if rest > 0 else shown
