"""How do a sweep's and a person's decisions change incidents?

The rules: one open incident a platform and root, whoever decides at the same moment, because all
stand in the platform's line; every change is one event in the chain, and what is to be told of it is
written beside it. A decision taken on an older picture is fitted to what is there now: "open" on an
open incident changes it, on one closed a moment ago reopens it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from blocks.errors import Broken, Refused
from blocks.journal.chain import NewEvent, append_event
from blocks.journal.identities import LockedPlatform, lock_platform
from blocks.journal.outbox import write_deliveries
from blocks.journal.statuses import clean
from blocks.ports.health import MissingCode
from blocks.ports.incidents import EventKind, Incident, IncidentChange, Severity
from blocks.ports.notifications import Channel

_COLUMNS = (
    "i.id, p.name, i.root, i.severity, i.sentence, i.affected, i.opened_at, i.closed_at, i.reopened_count, "
    "i.acknowledged_by, i.acknowledged_at, i.silenced_until, i.silenced_by, i.flow_run, i.version, i.paged, "
    "CASE WHEN i.reopened_count > 0 THEN (SELECT max(e.at) FROM incident_event e WHERE e.incident_id = i.id "
    "AND e.kind = 'reopened') END"
)
_FROM = " FROM incident i JOIN platform p ON p.id = i.platform_id "


@dataclass(frozen=True, slots=True)
class Held:
    """An incident under its platform's lock. `paged`: somebody was rung and not yet told that it is over."""

    incident: Incident
    paged: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said of one change to one incident."""

    kind: EventKind
    text: str
    who: str = "vigie"
    tell: bool = True
    page: bool = False
    numbers: Mapping[str, float | str] | None = None


class Ledger:
    """The incidents of one platform, inside the transaction that holds its lock."""

    def __init__(
        self, connection: Connection, platform: LockedPlatform, channels: Sequence[Channel], run: UUID | None = None
    ) -> None:
        self._connection = connection
        self._platform = platform
        self._channels = channels
        self._run = run

    def apply(self, change: IncidentChange, reopen_within: timedelta) -> UUID | None:
        """Do what a sweep decided; returns the incident it touched, None when there was nothing to do."""
        held = self._find(change)
        if change.kind in (EventKind.OPENED, EventKind.REOPENED, EventKind.CHANGED):
            return self._trouble(change, held, reopen_within)
        if held is None or not held.incident.is_open or self._is_silent_again(change, held):
            return None
        return self._write(self._after(change, held), _said(change), was_paged=held.paged)

    def acknowledge(self, held: Held, who: str) -> Incident:
        """Somebody has it in hand. Saying it twice changes nothing."""
        incident = held.incident
        if incident.acknowledged_by == who:
            return incident
        changed = replace(incident, acknowledged_by=who, acknowledged_at=self._platform.now)
        self._write(
            Held(changed, held.paged),
            Decision(EventKind.ACKNOWLEDGED, f"acknowledged by {who}", who),
            was_paged=held.paged,
        )
        return replace(changed, version=changed.version + 1)

    def silence(self, held: Held, who: str, until: datetime) -> Incident:
        """Nobody is told of it until then. Raises `Refused` for an end that has passed."""
        incident = held.incident
        if until <= self._platform.now:
            raise Refused(f"a silence must end later than now, not at {until:%Y-%m-%d %H:%M %Z}", where=incident.root)
        if (incident.silenced_by, incident.silenced_until) == (who, until):
            return incident
        changed = replace(incident, silenced_by=who, silenced_until=until)
        end = until.astimezone(UTC).isoformat(timespec="seconds")
        said = Decision(EventKind.SILENCED, f"silenced by {who} until {end}", who, numbers={"until": end})
        self._write(Held(changed, held.paged), said, was_paged=held.paged)
        return replace(changed, version=changed.version + 1)

    def _trouble(self, change: IncidentChange, held: Held | None, reopen_within: timedelta) -> UUID | None:
        if held is None and change.kind is not EventKind.CHANGED:
            held = self._closed_lately(change.root, reopen_within)
        if held is None:
            return self._write(self._opened(change), _said(change, EventKind.OPENED), was_paged=False)
        if not held.incident.is_open:
            return self._write(self._reopened(change, held), _said(change, EventKind.REOPENED), was_paged=False)
        if _says_the_same(change, held):
            return held.incident.id
        return self._write(self._updated(change, held), self._quiet(change, held), was_paged=held.paged)

    def _opened(self, change: IncidentChange) -> Held:
        incident = Incident(
            id=uuid4(),
            platform=self._platform.name,
            root=change.root,
            severity=change.severity,
            sentence=clean(change.sentence),
            affected=change.affected,
            opened_at=self._platform.now,
            version=0,
        )
        return Held(incident, paged=False)

    def _reopened(self, change: IncidentChange, held: Held) -> Held:
        incident = replace(
            self._updated(change, held).incident,
            closed_at=None,
            reopened_count=held.incident.reopened_count + 1,
            reopened_at=self._platform.now,
            acknowledged_by="",
            acknowledged_at=None,
        )
        return Held(incident, paged=False)

    def _updated(self, change: IncidentChange, held: Held) -> Held:
        sentence = clean(change.sentence)
        incident = replace(held.incident, severity=change.severity, sentence=sentence, affected=change.affected)
        return Held(incident, held.paged)

    def _after(self, change: IncidentChange, held: Held) -> Held:
        incident = held.incident
        match change.kind:
            case EventKind.CLOSED:
                incident = replace(incident, closed_at=self._platform.now, sentence=clean(change.sentence))
            case EventKind.SILENCE_ENDED:
                incident = replace(incident, silenced_until=None, silenced_by="")
            case EventKind.ACKNOWLEDGED:
                incident = replace(incident, acknowledged_by="vigie", acknowledged_at=self._platform.now)
            case _:
                pass
        return Held(incident, held.paged)

    def _quiet(self, change: IncidentChange, held: Held) -> Decision:
        """A silence asked for after the sweep had decided still counts."""
        return replace(_said(change, EventKind.CHANGED), tell=change.tell and not self._is_silent(held))

    def _is_silent(self, held: Held) -> bool:
        return held.incident.silenced_until is not None and held.incident.silenced_until > self._platform.now

    def _is_silent_again(self, change: IncidentChange, held: Held) -> bool:
        """The end of a silence that has ended already, or that somebody has prolonged meanwhile, is no news."""
        ended = held.incident.silenced_until is None
        return change.kind is EventKind.SILENCE_ENDED and (ended or self._is_silent(held))

    def _write(self, held: Held, said: Decision, *, was_paged: bool) -> UUID:
        ends_page = was_paged and said.kind in (EventKind.ACKNOWLEDGED, EventKind.CLOSED)
        rings = said.tell and said.page and Channel.PAGER in self._channels
        incident = replace(
            held.incident, version=held.incident.version + 1, flow_run=self._run or held.incident.flow_run
        )
        _save(self._connection, self._platform.id, incident, (was_paged or rings) and said.kind is not EventKind.CLOSED)
        event = NewEvent(
            incident=incident.id,
            sequence=incident.version,
            kind=said.kind,
            text=said.text,
            who=said.who,
            severity=incident.severity,
            told=said.tell,
            numbers=said.numbers or {},
        )
        number = append_event(self._connection, self._platform, event)
        wanted = _channels_for(said, self._channels, pager=rings or ends_page)
        write_deliveries(
            self._connection,
            platform_id=self._platform.id,
            event_number=number,
            incident=incident.id,
            sequence=incident.version,
            channels=wanted,
        )
        return incident.id

    def _find(self, change: IncidentChange) -> Held | None:
        """The incident that is meant: the one named if it is still open, else the open one of the same root."""
        named = None if change.incident is None else _one(self._connection, "WHERE i.id = %s", (change.incident,))
        if change.incident is not None and named is None:
            raise Broken(
                f"there is no incident {change.incident}", where=self._platform.name, code=MissingCode.PROBE_FAILED
            )
        if named is not None and (named.incident.platform, named.incident.root) != (self._platform.name, change.root):
            raise Broken(
                f"incident {named.incident.id} is about {named.incident.root} of {named.incident.platform}, "
                f"not {change.root} of {self._platform.name}",
                next_step="close it and open one for the new root",
                code=MissingCode.PROBE_FAILED,
            )
        if named is not None and named.incident.is_open:
            return named
        condition = "WHERE i.platform_id = %s AND i.root = %s AND i.closed_at IS NULL"
        return _one(self._connection, condition, (self._platform.id, change.root)) or named

    def _closed_lately(self, root: str, within: timedelta) -> Held | None:
        condition = "WHERE i.platform_id = %s AND i.root = %s AND i.closed_at > %s ORDER BY i.closed_at DESC LIMIT 1"
        return _one(self._connection, condition, (self._platform.id, root, self._platform.now - within))


def open_incidents(connection: Connection, platform: str | None) -> Sequence[Incident]:
    """Open ones, of one platform or all, the loudest and oldest first."""
    condition = "WHERE i.closed_at IS NULL AND (%s::text IS NULL OR p.name = %s)"
    found = [held.incident for held in _several(connection, condition, (platform, platform))]
    return sorted(found, key=lambda each: (-each.severity.rank, each.opened_at))


def recently_closed(connection: Connection, platform: str, within: timedelta) -> Sequence[Incident]:
    """Closed less than `within` ago by the journal's clock, the newest first."""
    condition = "WHERE p.name = %s AND i.closed_at > clock_timestamp() - %s ORDER BY i.closed_at DESC"
    return [held.incident for held in _several(connection, condition, (platform, within))]


def read_incident(connection: Connection, incident: UUID) -> Incident:
    """One incident. Raises `Broken` when there is none."""
    held = _one(connection, "WHERE i.id = %s", (incident,))
    if held is None:
        raise Broken(f"there is no incident {incident}", next_step="`vigie now` lists the open ones", code="no_data")
    return held.incident


def read_incidents(connection: Connection, incidents: Sequence[UUID]) -> Sequence[Incident]:
    """These incidents, in this order."""
    held = _several(connection, "WHERE i.id = ANY(%s)", (list(incidents),))
    found = {each.incident.id: each.incident for each in held}
    return [found[each] for each in incidents]


def hold_incident(connection: Connection, incident: UUID, channels: Sequence[Channel]) -> tuple[Ledger, Held]:
    """An open incident and its platform's ledger, locked for a person's decision. Raises `Refused` when closed."""
    ledger = Ledger(connection, lock_platform(connection, read_incident(connection, incident).platform), channels)
    held = _one(connection, "WHERE i.id = %s", (incident,))
    if held is None or held.incident.closed_at is not None:
        closed = "" if held is None or held.incident.closed_at is None else f" at {held.incident.closed_at:%H:%M} UTC"
        raise Refused(f"incident {incident} is already closed{closed}", next_step="`vigie now` lists the open ones")
    return ledger, held


def _said(change: IncidentChange, kind: EventKind | None = None) -> Decision:
    return Decision(
        kind or change.kind, change.sentence, tell=change.tell, page=change.page, numbers=dict(change.numbers)
    )


def _says_the_same(change: IncidentChange, held: Held) -> bool:
    now = held.incident
    same = (now.severity, now.sentence, now.affected) == (change.severity, clean(change.sentence), change.affected)
    return same and not (change.page and change.tell and not held.paged)


def _channels_for(said: Decision, channels: Sequence[Channel], *, pager: bool) -> Sequence[Channel]:
    wanted = {
        Channel.SLACK_MESSAGE: said.tell,
        Channel.SLACK_THREAD: said.tell and said.kind is not EventKind.OPENED,
        Channel.PAGER: pager,
    }
    return [channel for channel in Channel if channel in channels and wanted[channel]]


def _save(connection: Connection, platform_id: int, incident: Incident, paged: bool) -> None:
    connection.execute(
        """
        INSERT INTO incident (id, platform_id, root, severity, sentence, affected, opened_at, closed_at, reopened_count,
            acknowledged_by, acknowledged_at, silenced_until, silenced_by, flow_run, version, paged)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET
            severity = excluded.severity, sentence = excluded.sentence, affected = excluded.affected,
            closed_at = excluded.closed_at, reopened_count = excluded.reopened_count,
            acknowledged_by = excluded.acknowledged_by, acknowledged_at = excluded.acknowledged_at,
            silenced_until = excluded.silenced_until, silenced_by = excluded.silenced_by,
            flow_run = excluded.flow_run, version = excluded.version, paged = excluded.paged
        """,
        (
            incident.id, platform_id, incident.root, incident.severity.value, incident.sentence,
            list(incident.affected), incident.opened_at, incident.closed_at, incident.reopened_count,
            incident.acknowledged_by, incident.acknowledged_at, incident.silenced_until, incident.silenced_by,
            incident.flow_run, incident.version, paged,
        ),
    )  # fmt: skip


def _one(connection: Connection, condition: str, arguments: tuple[Any, ...]) -> Held | None:
    found = _several(connection, condition, arguments)
    return found[0] if found else None


def _several(connection: Connection, condition: str, arguments: tuple[Any, ...]) -> list[Held]:
    rows = connection.execute(f"SELECT {_COLUMNS}{_FROM}{condition}".encode(), arguments).fetchall()
    return [_held(row) for row in rows]


def _held(row: tuple[Any, ...]) -> Held:
    incident = Incident(
        id=row[0], platform=row[1], root=row[2], severity=Severity(row[3]), sentence=row[4], affected=tuple(row[5]),
        opened_at=row[6], closed_at=row[7], reopened_count=row[8], acknowledged_by=row[9], acknowledged_at=row[10],
        silenced_until=row[11], silenced_by=row[12], flow_run=row[13], version=row[14], reopened_at=row[16],
    )  # fmt: skip
    return Held(incident, paged=row[15])
