"""A ledger in memory that keeps the journal's promises, doors that fail as told, a clock that is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from blocks.errors import Broken
from blocks.ports.incidents import EventKind, IncidentEvent
from blocks.ports.notifications import Channel, Delivery, IncidentPicture, PagerAction, Sent
from tests.unit.messages.pictures import OPENED_AT, a_picture

ALL = (Channel.SLACK_MESSAGE, Channel.SLACK_THREAD, Channel.PAGER)


class Died(BaseException):
    """kill -9, as far as one process can play it."""


class FakeClock:
    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 22, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, duration: timedelta) -> None:
        self.passed += duration.total_seconds()


@dataclass
class Row:
    delivery: Delivery
    sent: Sent | None = None
    claimed_until: float = 0.0
    not_before: float = 0.0
    reason: str = ""


class FakeLedger:
    """Heads only of each incident and channel; a claim lapses; a thread waits for its message."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.rows: list[Row] = []
        self.events: dict[UUID, list[IncidentEvent]] = defaultdict(list)
        self.before_mark: Callable[[Delivery], None] = lambda _: None

    def add(self, incident: UUID, kind: EventKind, channels: Sequence[Channel] = ALL) -> list[Delivery]:
        count = len(self.events[incident])
        event = IncidentEvent(
            incident=incident, at=OPENED_AT + timedelta(minutes=count), kind=kind, text=f"event {count}"
        )
        self.events[incident].append(event)
        added = [
            Delivery(id=uuid4(), platform="hearth", incident=incident, channel=c, event=event, sequence=len(self.rows))
            for c in channels
        ]
        self.rows += [Row(delivery) for delivery in added]
        return added

    def picture(self, incident: UUID) -> IncidentPicture:
        events = self.events[incident]
        closed = events[-1].at if events[-1].kind is EventKind.CLOSED else None
        return a_picture(*events, id=incident, version=len(events), closed_at=closed)

    def claim_deliveries(self, platform: str, *, limit_count: int, lease: timedelta) -> Sequence[Delivery]:
        heads: dict[tuple, Row] = {}
        for row in self.rows:
            if row.sent is None:
                heads.setdefault((row.delivery.incident, row.delivery.channel), row)
        due = [row for row in heads.values() if max(row.claimed_until, row.not_before) <= self.clock.passed]
        taken = [row for row in due if row.delivery.channel is not Channel.SLACK_THREAD or self._message(row)][
            :limit_count
        ]
        claimed = []
        for row in taken:
            attempts = row.delivery.attempt_count
            claimed.append(replace(row.delivery, was_claimed_before=attempts > 0))
            row.delivery = replace(row.delivery, attempt_count=attempts + 1)
            row.claimed_until = self.clock.passed + lease.total_seconds()
        return claimed

    def _message(self, row: Row) -> bool:
        return self.sent_reference(row.delivery.incident, Channel.SLACK_MESSAGE) is not None

    def mark_sent(self, delivery: UUID, sent: Sent) -> None:
        row = self._row(delivery)
        self.before_mark(row.delivery)
        row.sent = row.sent or sent
        row.claimed_until = 0

    def mark_failed(self, delivery: UUID, reason: str, retry_in: timedelta) -> None:
        row = self._row(delivery)
        row.reason, row.not_before, row.claimed_until = reason, self.clock.passed + retry_in.total_seconds(), 0

    def sent_reference(self, incident: UUID, channel: Channel) -> Sent | None:
        found = [
            r.sent for r in self.rows if r.delivery.incident == incident and r.delivery.channel is channel and r.sent
        ]
        return found[-1] if found else None

    def undelivered_count(self, platform: str | None = None) -> int:
        return sum(row.sent is None for row in self.rows)

    def waiting(self, channel: Channel) -> list[Row]:
        return [row for row in self.rows if row.delivery.channel is channel and row.sent is None]

    def _row(self, delivery: UUID) -> Row:
        return next(row for row in self.rows if row.delivery.id == delivery)


Fault = Callable[[str], BaseException | None]


@dataclass
class FakeSlack:
    """Keeps what it was told; `before` and `after` say what goes wrong around each call."""

    clock: FakeClock
    before: Fault = lambda _: None
    after: Fault = lambda _: None
    posted: dict[str, tuple[UUID | None, UUID, int]] = field(default_factory=dict)  # ts -> delivery, incident, version
    threads: dict[str, list[tuple[UUID, str]]] = field(default_factory=lambda: defaultdict(list))
    said_at: list[float] = field(default_factory=list)
    found: int = 0

    async def post(self, channel, picture, delivery) -> Sent:
        self._raise(self.before("post"))
        ts = str(len(self.posted) + 1)
        self.posted[ts] = (delivery, picture.incident.id, picture.incident.version)
        self.said_at.append(self.clock.passed)
        self._raise(self.after("post"))
        return Sent(ts, channel)

    async def update(self, sent, picture) -> Sent:
        self._raise(self.before("update"))
        self.posted[sent.reference] = (self.posted[sent.reference][0], picture.incident.id, picture.incident.version)
        self.said_at.append(self.clock.passed)
        self._raise(self.after("update"))
        return sent

    async def reply(self, parent, picture, event, delivery) -> Sent:
        self._raise(self.before("reply"))
        self.threads[parent.reference].append((delivery, event.text))
        self.said_at.append(self.clock.passed)
        self._raise(self.after("reply"))
        return Sent(f"{parent.reference}.{len(self.threads[parent.reference])}", parent.channel_reference)

    async def find(self, channel, delivery, parent) -> Sent | None:
        self._raise(self.before("find"))
        places = {ts: d for ts, (d, *_) in self.posted.items()}
        if parent:
            places = {f"{parent.reference}.{i}": d for i, (d, _) in enumerate(self.threads[parent.reference], 1)}
        found = next((ts for ts, d in places.items() if d == delivery), None)
        self.found += found is not None
        return Sent(found, channel) if found else None

    @staticmethod
    def _raise(error: BaseException | None) -> None:
        if error is not None:
            raise error


@dataclass
class FakePager:
    """Rings once a key until it is resolved, as PagerDuty does."""

    before: Fault = lambda _: None
    after: Fault = lambda _: None
    rung: list[str] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    ringing: set[str] = field(default_factory=set)

    async def send(self, action, picture, dedup_key) -> Sent:
        FakeSlack._raise(self.before(action.value))
        if action is PagerAction.RESOLVE and picture.incident.is_open:
            raise Broken("resolving what is open")
        self.actions.append((action.value, dedup_key))
        if action is PagerAction.TRIGGER and dedup_key not in self.ringing:
            self.rung.append(dedup_key)
            self.ringing.add(dedup_key)
        if action is PagerAction.RESOLVE:
            self.ringing.discard(dedup_key)
        FakeSlack._raise(self.after(action.value))
        return Sent(dedup_key)
