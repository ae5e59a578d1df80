"""What did looking at a recovery plan change in its platform's incidents?

The rules: one look at a platform at a time, so that an older one never undoes what a newer one saw; what it decided is
written whole or not at all, in the platform's one line, and said twice it changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from psycopg import Connection

from blocks.errors import Broken
from blocks.journal.identities import lock_platform
from blocks.journal.incidents import Ledger, read_incidents
from blocks.ports.health import MissingCode
from blocks.ports.incidents import READINESS, Incident, IncidentChange
from blocks.ports.notifications import Channel


def record(
    connection: Connection,
    run: UUID,
    platform: str,
    *,
    changes: Sequence[IncidentChange],
    channels: Sequence[Channel],
    reopen_within: timedelta,
) -> Sequence[Incident]:
    """The incidents it touched. Raises `Broken` for a change to an incident that is no readiness' business."""
    if strange := next((each.root for each in changes if not each.root.startswith(READINESS)), ""):
        raise Broken(
            f"a look at recovery plans changes no incident of {strange}",
            where=platform,
            next_step="report this: it is a defect of vigie",
            code=MissingCode.PROBE_FAILED,
        )
    ledger = Ledger(connection, lock_platform(connection, platform), channels, run=run)
    touched = [ledger.apply(change, reopen_within) for change in changes]
    return read_incidents(connection, tuple(dict.fromkeys(each for each in touched if each is not None)))
