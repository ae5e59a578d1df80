"""Is the site gone, or is it our own network?

Pure. The rule: a site is gone only when two places that could see something else agree that nothing there answers,
and no place sees it. A place that sees nothing at all says nothing about the site; it says that it is cut off itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.ports.recovery import Sighting

QUORUM = 2


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the vantage points say together; `text` says who sees what."""

    gone: bool
    text: str


def agreement(sightings: Sequence[Sighting], site: str) -> Agreement:
    """Do enough places agree that the site is gone? Each place counts once, by its newest (last) sighting."""
    newest = {each.vantage: each for each in sightings if each.site == site}
    sure = [each for each in newest.values() if each.sure]
    blind = sorted(each.vantage for each in newest.values() if not each.sure)
    gone, seen = [each for each in sure if each.gone], [each for each in sure if not each.gone]
    cut = f"; {', '.join(blind)} sees nothing else either: its own network may be what is down" if blind else ""
    if seen:
        names, where = ", ".join(sorted(each.vantage for each in seen)), min(each.text for each in seen)
        return Agreement(gone=False, text=f"{site} is still seen by {names} ({where}){cut}")
    names = ", ".join(sorted(each.vantage for each in gone)) or "nobody"
    if len(gone) >= QUORUM:
        return Agreement(gone=True, text=f"{site} is gone, seen from {names}")
    return Agreement(gone=False, text=f"{site} is gone for {names} only, {QUORUM} vantage points must agree{cut}")
