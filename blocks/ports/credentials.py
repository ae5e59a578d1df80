"""Which right does a site hold on what both sides share, and is it there?

A half-dead site still holds its rights: whatever runs there could go on acting with them on what both sites share, or
on what is at the other site by then. So a failover takes such a right away, and the way back gives it again.

The rules: a look changes nothing; a right is taken only from whom the plan names; what is given back is what was taken,
and vigie never gives one that it did not take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from blocks.ports.changes import Change

TAKEN = "right"
"""In a step's baseline: the right as it was before it was taken, or as it is given back; empty where there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialLook:
    """How one right is, as its provider says. `fits`: what is there is what the plan says, or nothing is there."""

    name: str
    held: bool
    fits: bool
    text: str


class Credential(Protocol):
    """One right of one site. All methods raise the three errors."""

    def look(self) -> CredentialLook: ...
    def may_take(self) -> str:
        """Why the operator could not take it away and give it back; empty where it could."""
        ...

    def revoke(self) -> Change:
        """It is not there any more. Its baseline keeps what was, so that the way back can give that again."""
        ...

    def grant(self, taken: str) -> Change:
        """It is there again as it was taken, which a baseline kept; where nothing was taken nothing is given."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A step of an earlier move that took a right or gave it back: what its baseline kept, and whether it ended."""

    gave_back: bool
    kept: Mapping[str, str]
    done: bool


def outstanding(newest_first: tuple[Touched, ...]) -> str:
    """What was taken and not given back since; empty where that is nothing.

    A step that took found nothing where an earlier one had taken it already; one that gave back and did not end may
    have given nothing yet.
    """
    for each in newest_first:
        if each.gave_back and each.done:
            return ""
        if not each.gave_back and (kept := each.kept.get(TAKEN, "")):
            return kept
    return ""
