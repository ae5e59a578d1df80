"""What does one line of a recovery plan do, to what, and where?

An item is the stable name of a step: `<verb>:<thing>:<site>`, such as `promote-database:household:dc-west` or
`shift-traffic:api:azure-west@25`. Keys in the journal, durations and approvals are all found by it, so its writing
never changes. The thing is a name of the recovery plan, but for `stop-machine` and `start-machine`, where it is a
service of the platform; for `verify-clients` it may be an address with colons of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from blocks.errors import Broken


class Verb(StrEnum):
    """What is done."""

    FENCE_DATABASE = "fence-database"
    DRAIN_DATABASE = "drain-database"
    RELEASE_DATABASE = "release-database"
    PROMOTE_DATABASE = "promote-database"  # closed: clients only read until it is opened
    OPEN_DATABASE = "open-database"
    RESTORE_DATABASE = "restore-database"  # as of a moment, into a folder of its own: nothing is touched
    ADOPT_RESTORED = "adopt-restored"  # takes the place of the data, closed; what was there is kept
    STAND_ALONE = "stand-alone"
    FOLLOW_DATABASE = "follow-database"  # the site's server becomes a standby of the other site's
    PROTECT_DATABASE = "protect-database"  # each commit of the site's server waits for the other site again
    PROTECT_WHILE_FOLLOWED = "protect-while-followed"  # the same until that is gone, and again once it has caught up
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
    REVOKE_CREDENTIAL = "revoke-credential"  # the thing is the credential, the site is that of whoever holds it
    GRANT_CREDENTIAL = "grant-credential"  # what was taken is given back, and nothing else
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
    moment: datetime | None = None  # as of which; with its time zone

    def __str__(self) -> str:
        """As it stands in plans and in the journal."""
        share = "" if self.share is None else f"@{self.share}"
        moment = "" if self.moment is None else f"@{self.moment.astimezone(UTC).strftime(_MOMENT)}"
        return f"{self.verb.value}:{self.thing}:{self.site}{share}{moment}"


SHARED = frozenset({Verb.SHIFT_TRAFFIC, Verb.WATCH_CLIENTS})
"""What is done to a share of clients."""
AS_OF = frozenset({Verb.RESTORE_DATABASE, Verb.ADOPT_RESTORED})
"""What is done as of a moment."""
TAKES_OVER = frozenset({Verb.PROMOTE_DATABASE, Verb.ADOPT_RESTORED})
"""After it the site's server is the truth of that data."""
_MOMENT = "%Y%m%dT%H%M%S.%fZ"  # without colons, which part an item


def parse_item(text: str) -> Item:
    """The item that `str` wrote. Raises `Broken` for anything else."""
    verb, _, rest = text.partition(":")
    thing, _, where = rest.rpartition(":")
    site, at, share = where.partition("@")
    shared, as_of = verb in SHARED, verb in AS_OF
    if (
        verb not in set(Verb)
        or not thing
        or not site
        or (shared or as_of) != bool(at)
        or (shared and not _is_share(share))
        or (as_of and _moment(share) is None)
    ):
        raise Broken(
            f"expected an item such as promote-database:household:dc-west, not {text!r}",
            where="a recovery plan",
            next_step="it was written by another version of vigie: make the plan again",
        )
    if as_of:
        return Item(Verb(verb), thing, site, moment=_moment(share))
    return Item(Verb(verb), thing, site, int(share) if at else None)


def without_moment(item: str) -> str:
    """The item as it is at any moment: what one restore took, another one will."""
    return item.partition("@")[0] if item.partition(":")[0] in AS_OF else item


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if found.strftime(_MOMENT) == text else None


def _is_share(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 100 and str(int(text)) == text  # noqa: PLR2004
