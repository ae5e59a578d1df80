"""Has everybody been told, exactly once, whatever died in between?

Takes due deliveries out of the journal's ledger and sends each through its door: Slack's message,
Slack's thread, the pager. The rules:

- A delivery that an earlier sender may already have sent is looked for first and sent only if it is
  not there. (A pager needs no looking: it rings once a key.)
- Doors do not wait for each other: when one is down or throttled, what it cannot take goes back to the
  ledger with the other side's own wish for a pause, and the other door goes on.
- Of one incident and door nothing overtakes: after a failure its later lines wait.
- A claim older than half its lease is not used any more, because somebody else may soon have it.
- Slack takes one message a second a channel; we never send faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from blocks.clock import Clock
from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode
from blocks.ports.incidents import EventKind, IncidentEvent
from blocks.ports.notifications import Channel, Delivery, IncidentPicture, Messenger, Pager, PagerAction, Sent

LEASE = timedelta(minutes=2)
_AT_ONCE = 20
_PACE = timedelta(seconds=1)
_PATIENCE = timedelta(seconds=20)  # for throttling, in one call
_LONGEST_CALL = timedelta(seconds=90)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
_ALREADY_QUIET = Sent("nothing rings for this")

PAGER_ACTIONS = {
    EventKind.OPENED: PagerAction.TRIGGER,
    EventKind.REOPENED: PagerAction.TRIGGER,
    EventKind.CHANGED: PagerAction.TRIGGER,
    EventKind.SILENCE_ENDED: PagerAction.TRIGGER,
    EventKind.ACKNOWLEDGED: PagerAction.ACKNOWLEDGE,
    EventKind.SILENCED: PagerAction.ACKNOWLEDGE,
    EventKind.CLOSED: PagerAction.RESOLVE,
}


class Ledger(Protocol):
    """The part of the journal that remembers what must be told."""

    def claim_deliveries(self, platform: str, *, limit_count: int, lease: timedelta) -> Sequence[Delivery]: ...
    def mark_sent(self, delivery: UUID, sent: Sent) -> None: ...
    def mark_failed(self, delivery: UUID, reason: str, retry_in: timedelta) -> None: ...
    def sent_reference(self, incident: UUID, channel: Channel) -> Sent | None: ...
    def undelivered_count(self, platform: str | None = None) -> int: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be told yet, why, and when it is tried again."""

    channel: Channel
    reason: str
    retry_in: timedelta


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What one call told. `found_count` was told before by someone who died before recording it."""

    sent_count: int
    found_count: int
    failures: tuple[Failure, ...]
    undelivered_count: int

    @property
    def sentence(self) -> str:
        """For log and artifact: '3 told; 2 wait: Slack asks us to slow down'."""
        told = f"{self.sent_count + self.found_count} told"
        if not self.undelivered_count:
            return told
        reasons = dict.fromkeys(failure.reason for failure in self.failures)
        why = "; ".join(reasons) or "their next try is not due yet"
        return f"{told}; {self.undelivered_count} wait: {why}"


async def deliver_due(
    journal: Ledger,
    messenger: Messenger | None,
    pager: Pager | None,
    pictures: Callable[[UUID], IncidentPicture],
    clock: Clock,
    *,
    platform: str,
    channel: str,
) -> DeliveryReport:
    """Tell everything that is due for `platform`; Slack messages go into `channel`.

    A door that is None (not configured, or its block could not be opened) keeps its deliveries waiting.
    Raises what the journal raises; what was sent but not recorded then is found the next time.
    """
    teller = _Teller(journal, messenger, pager, pictures, clock, channel)
    until = clock.monotonic() + _LONGEST_CALL.total_seconds()
    while clock.monotonic() < until:
        claimed_at = clock.monotonic()
        claimed = journal.claim_deliveries(platform, limit_count=_AT_ONCE, lease=LEASE)
        if not claimed:
            break
        await teller.tell(claimed, claimed_at)
    return DeliveryReport(
        sent_count=teller.sent_count,
        found_count=teller.found_count,
        failures=tuple(teller.failures),
        undelivered_count=journal.undelivered_count(platform),
    )


def picture_at(picture: IncidentPicture, event: IncidentEvent) -> IncidentPicture:
    """The picture as it was when `event` happened: a pager is told about that moment, not about now."""
    before = tuple(e for e in picture.events if e.at <= event.at) or (event,)
    closed = event.at if event.kind is EventKind.CLOSED else None
    reopened = [e.at for e in before if e.kind is EventKind.REOPENED]
    again = max(reopened, default=None)
    incident = replace(picture.incident, closed_at=closed, reopened_count=len(reopened), reopened_at=again)
    return replace(picture, events=before, incident=incident)


@dataclass
class _Door:
    """One way out. `shut` says why it takes no more in this call."""

    shut: VigieError | None = None
    last_at: float | None = None


@dataclass
class _Teller:
    """One call's work: what it was given, and what it did."""

    journal: Ledger
    messenger: Messenger | None
    pager: Pager | None
    pictures: Callable[[UUID], IncidentPicture]
    clock: Clock
    channel: str
    sent_count: int = 0
    found_count: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    patience: timedelta = _PATIENCE
    slack_door: _Door = field(default_factory=_Door)
    pager_door: _Door = field(default_factory=_Door)

    async def tell(self, claimed: Sequence[Delivery], claimed_at: float) -> None:
        """Both doors at once; one that fails for a reason of ours does not stop the other half-way."""
        ordered = sorted(claimed, key=lambda d: (d.sequence, d.channel is not Channel.SLACK_MESSAGE))
        ringing = [d for d in ordered if d.channel is Channel.PAGER]
        written = [d for d in ordered if d.channel is not Channel.PAGER]
        ended = await asyncio.gather(
            self._pass(self.pager_door, ringing, claimed_at),
            self._pass(self.slack_door, written, claimed_at),
            return_exceptions=True,
        )
        for error in ended:
            if error is not None:
                raise error

    async def _pass(self, door: _Door, deliveries: Sequence[Delivery], claimed_at: float) -> None:
        held_up: set[UUID | None] = set()
        for delivery in deliveries:
            if self.clock.monotonic() - claimed_at > LEASE.total_seconds() / 2:
                return
            if door.shut is not None or delivery.incident in held_up:
                self._give_back(delivery, door.shut or _waits(delivery))
            elif not await self._deliver(door, delivery):
                held_up.add(delivery.incident)

    async def _deliver(self, door: _Door, delivery: Delivery) -> bool:
        """Send one, look for it first where someone may have sent it; False when it went back."""
        if delivery.incident is None or delivery.event is None:
            self._give_back(delivery, _about_nothing(delivery))
            return False
        speak = self._ring if delivery.channel is Channel.PAGER else self._write
        sending = speak(delivery, delivery.incident, delivery.event)
        while True:
            try:
                sent, is_found = await sending(door)
            except VigieError as error:
                if not await self._waited_for(error):
                    door.shut = error if isinstance(error, Retryable | Refused) else None
                    self._give_back(delivery, error)
                    return False
            else:
                self.journal.mark_sent(delivery.id, sent)
                self.found_count += is_found
                self.sent_count += not is_found
                return True

    async def _waited_for(self, error: VigieError) -> bool:
        """A short pause the other side asked for is waited out here: throttled means surely not sent."""
        wish = error.retry_after if isinstance(error, Retryable) else None
        if error.code != MissingCode.THROTTLED or wish is None or wish > self.patience:
            return False
        self.patience -= max(wish, _PACE)
        await self.clock.sleep(wish)
        return True

    def _give_back(self, delivery: Delivery, error: VigieError) -> None:
        retry_in = _pause(delivery, error)
        self.journal.mark_failed(delivery.id, str(error), retry_in)
        self.failures.append(Failure(delivery.channel, str(error), retry_in))

    # -- the pager ----------------------------------------------------------------------------------

    def _ring(self, _: Delivery, incident: UUID, event: IncidentEvent) -> _Sending:
        picture = picture_at(self.pictures(incident), event)
        action = PAGER_ACTIONS.get(event.kind)

        async def send(_: _Door) -> tuple[Sent, bool]:
            if action is None:
                return _ALREADY_QUIET, False
            if self.pager is None:
                raise _absent("pager")
            return await self.pager.send(action, picture, str(incident)), False

        return send

    # -- Slack ------------------------------------------------------------------------------------

    def _write(self, delivery: Delivery, incident: UUID, event: IncidentEvent) -> _Sending:
        picture = self.pictures(incident)
        message = self.journal.sent_reference(incident, Channel.SLACK_MESSAGE)

        async def send(door: _Door) -> tuple[Sent, bool]:
            if self.messenger is None:
                raise _absent("Slack block")
            if delivery.channel is Channel.SLACK_THREAD and message is None:
                raise _waits(delivery)
            if delivery.channel is Channel.SLACK_MESSAGE and message is not None:
                await self._keep_pace(door)
                return await self.messenger.update(message, picture), False
            if delivery.was_claimed_before:
                found = await self.messenger.find(self.channel, delivery.id, message)
                if found is not None:
                    return found, True
            await self._keep_pace(door)
            if message is None:
                return await self.messenger.post(self.channel, picture, delivery.id), False
            return await self.messenger.reply(message, picture, event, delivery.id), False

        return send

    async def _keep_pace(self, door: _Door) -> None:
        if door.last_at is not None:
            left = _PACE - timedelta(seconds=self.clock.monotonic() - door.last_at)
            if left > timedelta():
                await self.clock.sleep(left)
        door.last_at = self.clock.monotonic()


_Sending = Callable[[_Door], Awaitable[tuple[Sent, bool]]]


def _about_nothing(delivery: Delivery) -> Broken:
    return Broken(
        f"delivery {delivery.id} is about nothing",
        where="journal",
        next_step="report this: it is a defect of vigie",
        code=MissingCode.PROBE_FAILED.value,
    )


def _absent(what: str) -> Refused:
    step = "fill in the customer's block in the Prefect UI, then `vigie blocks check`"
    return Refused(f"there is no usable {what}", next_step=step, code=MissingCode.CREDENTIALS.value)


def _waits(delivery: Delivery) -> Broken:
    """Broken, because it concerns this incident only and does not shut the door."""
    return Broken(f"waits for what comes before it about incident {delivery.incident}", code=MissingCode.NO_DATA.value)


def _pause(delivery: Delivery, error: VigieError) -> timedelta:
    """The other side's wish, else longer each time; what a person must mend is looked at every five minutes."""
    if isinstance(error, Retryable) and error.retry_after:
        return error.retry_after
    if isinstance(error, Retryable) or error.code == MissingCode.NO_DATA:
        return min(_FIRST_PAUSE * 2 ** min(delivery.attempt_count, 10), _LONGEST_PAUSE)
    return _LONGEST_PAUSE
