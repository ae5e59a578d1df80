"""Which machines of the sandbox were switched off when it went down? They stay so when it comes up again.

The rule: what was never started or stopped by a cloud begins as its part says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployments.sandbox.kept import Kept

if TYPE_CHECKING:
    from deployments.sandbox.parts import Part
    from deployments.sandbox.state import State


class Resting:
    """Component -> whether a cloud left it switched off."""

    def __init__(self, state: State) -> None:
        self._kept = Kept(state.home / "resting.json")
        self._known: dict[str, bool] = {name: bool(rests) for name, rests in self._kept.read().items()}

    @property
    def names(self) -> frozenset[str]:
        """Those that somebody switched off."""
        return frozenset(name for name, rests in self._known.items() if rests)

    def of(self, part: Part) -> bool:
        """Does this one rest?"""
        return self._known.get(part.name, part.rests)

    def note(self, name: str, *, rests: bool) -> None:
        """A cloud switched it off, or on."""
        self._known[name] = rests
        self._kept.write(self._known)
