"""Did each commit of a primary that died wait for the standby that takes over?

Pure. A primary that waits can only lose what nobody was told of; but a dead one does not say whether it waited. So it
is taken from the newest look at it while it lived, which the journal keeps, and from nothing else. The invariants, each
of them closed when in doubt:

1.  *It was seen whole and strict*: one standby, at each commit, and a host that lets nobody go by itself.
2.  *It is about these two servers*: the same primary's site, the same system and timeline, and the standby that takes
    over bears the name that was waited for.
3.  *The standby holds what was written by then*: what was acknowledged before the look lies below that position, and
    what was acknowledged after it waited.
4.  *Nothing since speaks against it*: no later look that saw it not wait, and no step of vigie that could have lifted
    it.
5.  *It is fresh*: two rounds of readiness before the last moment of writing, at most.

Whoever lifted it by hand in the meantime, or lets a session of his own commit without, is seen by nobody: the sentence
says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from blocks.ports.recovery import CommitLook, DatabaseLook, DatabaseRole, Waiting
from tasks.recovery.items import Item, Verb

READINESS_EVERY = timedelta(minutes=30)
"""As prefect.yaml has it."""
FRESH = 2 * READINESS_EVERY
NOW = "this look"
_LIFTS = (
    Verb.STAND_ALONE,
    Verb.PROTECT_WHILE_FOLLOWED,
    Verb.FOLLOW_DATABASE,
    Verb.RELEASE_DATABASE,
    Verb.PROMOTE_DATABASE,
)
"""What vigie does to a server after which nobody need wait for its standby any more."""


def lifting_items(data: str, site: str) -> tuple[str, ...]:
    """The steps after which an earlier look at the primary in `site` proves nothing."""
    return tuple(str(Item(verb, data, site)) for verb in _LIFTS)


def seen_to_wait(
    data: str, site: str, look: DatabaseLook | None, *, began: datetime, ended: datetime, by: str = NOW
) -> CommitLook | None:
    """What this look at a primary says of commits; None where it says nothing. It was taken between the two moments."""
    if look is None or look.role is not DatabaseRole.PRIMARY or look.waiting is Waiting.UNKNOWN:
        return None
    waits = look.waiting is Waiting.STRICTLY
    return CommitLook(
        data=data,
        site=site,
        waits=waits,
        seen_at=began if waits else ended,
        seen_by=by,
        standby=look.synchronous_with,
        system_id=look.system_id,
        timeline=look.timeline,
        position_bytes=look.position_bytes,
    )


def waited_until_the_end(
    newest: CommitLook | None,
    *,
    site: str,
    primary: DatabaseLook | None,
    standby: DatabaseLook | None,
    lifted_at: datetime | None,
    until: datetime,
) -> CommitLook | None:
    """The look by which each commit waited until the primary in `site` took its last one, by `until`; None: unknown."""
    if newest is None or not newest.waits or newest.site != site:
        return None
    if primary is not None and primary.waiting is Waiting.NOT:
        return None
    if until - newest.seen_at > FRESH or (lifted_at is not None and lifted_at >= newest.seen_at):
        return None
    return newest if standby is not None and _holds(standby, newest) else None


def _holds(standby: DatabaseLook, seen: CommitLook) -> bool:
    """It is who was waited for, and has what was written by then, also where it was promoted since."""
    if not standby.called or standby.called.casefold() != seen.standby.casefold():
        return False
    if not seen.system_id or standby.system_id != seen.system_id:
        return False
    if standby.role is DatabaseRole.STANDBY:
        return standby.timeline == seen.timeline and standby.position_bytes >= seen.position_bytes
    left_last = max(standby.left_at, default=0)
    return left_last == seen.timeline and standby.left_at[left_last] >= seen.position_bytes
