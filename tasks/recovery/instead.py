"""What stands in place of a step that is not carried out: it is not the one that was approved, or a person did it.

The rule: neither changes anything; the first says no to every question, the second takes a person's word, because what
it would read back shows to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from blocks.errors import Refused
from blocks.ports.changes import Evidence, Mark, Patience, Seen

T = TypeVar("T")
_NOTHING_TO_WAIT_FOR = Patience(every=timedelta(seconds=1), at_most=timedelta(0))


@dataclass(frozen=True, slots=True)
class NotApproved:
    """In place of a change that is no longer the one that was approved: it does nothing and says so."""

    text: str
    now: str
    repeatable: bool = True
    patience: Patience = _NOTHING_TO_WAIT_FOR

    def check(self) -> None:
        """Raises `Refused`, always."""
        raise Refused(
            f"this step is not the one that was approved: the catalogue says now {self.now!r}",
            where=self.text,
            next_step="set the catalogue as it was and run vigie apply, then retry this run",
        )

    def read_baseline(self) -> Mapping[str, str]:
        """Raises `Refused`."""
        return self._never({})

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """Raises `Refused`."""
        del mark
        return self._never(None)

    def act(self, mark: Mark) -> Evidence | None:
        """Raises `Refused`."""
        del mark
        return self._never(None)

    def read_effect(self, mark: Mark) -> Seen:
        """Raises `Refused`."""
        del mark
        return self._never(Seen(reached=False, text=self.now))

    def _never(self, value: T) -> T:
        self.check()
        return value


@dataclass(frozen=True, slots=True)
class TakenAtTheirWord:
    """In place of a step that somebody says was done by hand, and that nobody could read back: it does nothing."""

    text: str
    who: str
    repeatable: bool = True
    patience: Patience = _NOTHING_TO_WAIT_FOR

    def check(self) -> None:
        """Nothing speaks against a word."""

    def read_baseline(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """There is none but the word, which the journal keeps."""
        del mark

    def act(self, mark: Mark) -> Evidence | None:
        """Nothing is done."""
        del mark

    def read_effect(self, mark: Mark) -> Seen:
        """Their word."""
        del mark
        return Seen(reached=True, text=f"{self.who} said that it is done; it cannot be read back")
