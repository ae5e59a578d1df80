"""What does one line of a recovery plan do, to what, and where?

An item is the stable name of a step: `<verb>:<thing>:<site>`, such as `promote-database:household:dc-west` or
`shift-traffic:api:azure-west@25`. Keys in the journal, durations and approvals are all found by it, so its writing
never changes. The thing is a name of the recovery plan, but for `stop-machine` and `start-machine`, where it is a
service of the platform; for `verify-clients` it may be an address with colons of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from blocks.errors import Broken


class Verb(StrEnum):
    """What is done."""

    FENCE_DATABASE = "fence-database"
    DRAIN_DATABASE = "drain-database"
    RELEASE_DATABASE = "release-database"
    PROMOTE_DATABASE = "promote-database"
    STAND_ALONE = "stand-alone"
    FOLLOW_DATABASE = "follow-database"  # the site's server becomes a standby of the other site's
    PROTECT_DATABASE = "protect-database"  # each commit of the site's server waits for the other site again
    SAVE_BEYOND = "save-beyond"
    VERIFY_DATA = "verify-data"
    STOP_WORKER = "stop-worker"
    START_WORKER = "start-worker"
    STOP_SERVICE = "stop-service"
    START_SERVICE = "start-service"
    RESIZE_SERVICE = "resize-service"  # to the size of an active site, or in the phase `settle` of a resting one
    RECYCLE_SERVICE = "recycle-service"
    STOP_MACHINE = "stop-machine"  # what a database runs on, switched off by its provider
    START_MACHINE = "start-machine"
    SHIFT_TRAFFIC = "shift-traffic"
    CLOSE_TRAFFIC = "close-traffic"  # the switch sends nobody anywhere until clients are shifted
    WATCH_CLIENTS = "watch-clients"  # what clients of a share see, before the next share
    VERIFY_CLIENTS = "verify-clients"
    CALL = "call"
    RUN_DEPLOYMENT = "run-deployment"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Item:
    """One step's name, taken apart. `share` is per cent of clients, where the verb has one."""

    verb: Verb
    thing: str
    site: str
    share: int | None = None

    def __str__(self) -> str:
        """As it stands in plans and in the journal."""
        share = "" if self.share is None else f"@{self.share}"
        return f"{self.verb.value}:{self.thing}:{self.site}{share}"


SHARED = frozenset({Verb.SHIFT_TRAFFIC, Verb.WATCH_CLIENTS})
"""What is done to a share of clients."""


def parse_item(text: str) -> Item:
    """The item that `str` wrote. Raises `Broken` for anything else."""
    verb, _, rest = text.partition(":")
    thing, _, where = rest.rpartition(":")
    site, at, share = where.partition("@")
    shared = verb in SHARED
    if verb not in set(Verb) or not thing or not site or shared != bool(at) or (at and not _is_share(share)):
        raise Broken(
            f"expected an item such as promote-database:household:dc-west, not {text!r}",
            where="a recovery plan",
            next_step="it was written by another version of vigie: make the plan again",
        )
    return Item(Verb(verb), thing, site, int(share) if at else None)


def _is_share(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 100 and str(int(text)) == text  # noqa: PLR2004
