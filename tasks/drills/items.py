"""What does one line of a drill do, to what, and which step of the real move does it stand for?

Items are written as those of a move (`<verb>:<thing>:<site>`), with verbs of their own: no item of a drill can be read
as an item of a move, so that nothing which is meant for a copy can ever be carried out on what is real. The thing of
`look-at` names the move's own step: `look-at:start-service:device-api:dc-west`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from blocks.errors import Broken
from tasks.recovery.items import Item, Verb


class DrillVerb(StrEnum):
    """What is done."""

    LOOK_AT = "look-at"  # could the move's step be done? Nothing is changed
    COPY = "copy-database"
    RESTORE = "restore-backup"  # the copy is the newest backup, with the archived log
    PROMOTE = "promote-copy"
    VERIFY = "verify-copy"
    OPEN = "open-copy"
    HALT = "halt-copy"
    DISCARD = "discard-copy"


MAKES = frozenset({DrillVerb.COPY, DrillVerb.RESTORE})
"""What makes a copy, and is leased before."""
STANDS_FOR = {
    DrillVerb.PROMOTE: Verb.PROMOTE_DATABASE,
    DrillVerb.VERIFY: Verb.VERIFY_DATA,
    DrillVerb.OPEN: Verb.OPEN_DATABASE,
}
"""Only these take as long as the real ones: everything else of a drill has no counterpart in a move."""


@dataclass(frozen=True, slots=True)
class DrillItem:
    """One step's name, taken apart."""

    verb: DrillVerb
    thing: str
    site: str

    def __str__(self) -> str:
        """As it stands in plans and in the journal."""
        return f"{self.verb.value}:{self.thing}:{self.site}"

    @property
    def looked_at(self) -> Item:
        """The step of the move that a `look-at` means. Raises `Broken` for another verb."""
        verb, _, name = self.thing.partition(":")
        if self.verb is not DrillVerb.LOOK_AT or verb not in set(Verb):
            raise Broken(f"{self} looks at no step of a move", where="a drill's plan")
        share = 100 if verb == Verb.SHIFT_TRAFFIC else None
        return Item(Verb(verb), name, self.site, share)

    @property
    def stands_for(self) -> str:
        """The item of the move whose duration it shows; empty where it shows none."""
        real = STANDS_FOR.get(self.verb)
        return str(Item(real, self.thing, self.site)) if real else ""


def parse_drill_item(text: str) -> DrillItem:
    """The item that `str` wrote. Raises `Broken` for anything else, a move's own items too."""
    verb, _, rest = text.partition(":")
    thing, _, site = rest.rpartition(":")
    if verb not in set(DrillVerb) or not thing or not site:
        raise Broken(
            f"expected an item of a drill such as promote-copy:household:dc-west, not {text!r}",
            where="a drill's plan",
            next_step="it was written by another version of vigie: start a new drill",
        )
    return DrillItem(DrillVerb(verb), thing, site)


def to_look_at(item: Item) -> DrillItem:
    """The look at one step of a move."""
    return DrillItem(DrillVerb.LOOK_AT, f"{item.verb.value}:{item.thing}", item.site)
