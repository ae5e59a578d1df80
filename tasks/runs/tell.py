"""Does everybody see how each run stands, whatever died in between?

Takes what is due out of the journal's ledger and shows it: the question's card, the progress, the questions people
ask, the calls to a pager. One message a purpose, and the newest version of it only: after an hour without Slack one
message is right, never sixty. The rules:

- The picture is made after the message was claimed, so that what is shown is at least as new as what was wanted.
- What an earlier sender may have sent already is looked for first, and then brought up to date.
- A door that is down or throttled is not tried again in the same call: what it cannot take goes back to the ledger
  with the other side's own wish for a pause, one line a failure, and the other doors go on.
- Slack takes one message a second a channel; one process never sends faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from blocks.catalogue.model import Customer
from blocks.clock import Clock
from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.approvals import Approval
from blocks.ports.notifications import Channel, Sent
from blocks.ports.runs import Action, Run, RunMessage, Step
from blocks.ports.showing import Purpose, PurposeKind, RunMessenger, RunPager, RunPicture
from blocks.slack.progress import render_call
from tasks.approvals.decide import needed_count

T = TypeVar("T")
LEASE = timedelta(minutes=2)
_AT_ONCE = 20
_PACE = timedelta(seconds=1)
_LONGEST_CALL = timedelta(seconds=45)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
_SOON = timedelta(seconds=2)
_ORDER = {kind: place for place, kind in enumerate((PurposeKind.ESCALATION, PurposeKind.PAGE, PurposeKind.APPROVAL))}


class RunLedger(Protocol):
    """The part of the journal that knows what people should see of runs."""

    def now(self) -> datetime: ...
    def run(self, run: UUID) -> Run: ...
    def steps(self, run: UUID) -> Sequence[Step]: ...
    def actions(self, run: UUID) -> Sequence[Action]: ...
    def approvals(self, run: UUID) -> Sequence[Approval]: ...
    def claim_messages(self, run: UUID | None, *, limit_count: int, lease: timedelta) -> Sequence[RunMessage]: ...
    def mark_message_sent(self, message: RunMessage, sent: Sent) -> None: ...
    def mark_message_failed(self, message: RunMessage, reason: str, retry_in: timedelta) -> None: ...
    def sent_message(self, run: UUID, purpose: str) -> Sent | None: ...
    def waiting_messages(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Through what a customer is told; None where it is not configured or could not be opened."""

    customer: Customer
    messenger: RunMessenger | None
    pager: RunPager | None


OpenDoors = Callable[[str], Awaitable[Doors]]
"""The doors of a platform's customer, by the platform's name. Raises `VigieError` when the platform is unknown."""


@dataclass
class Pace:
    """When each channel was last written to; kept by whoever shows things more than once."""

    last_at: dict[str, float] = field(default_factory=dict[str, float])

    async def keep(self, channel: str, clock: Clock) -> None:
        """Wait until this channel may be written to again."""
        left = _PACE.total_seconds() - (clock.monotonic() - self.last_at.get(channel, -_PACE.total_seconds()))
        if left > 0:
            await clock.sleep(timedelta(seconds=left))
        self.last_at[channel] = clock.monotonic()


@dataclass(frozen=True, slots=True)
class Shown:
    """What one call showed; `failures` are sentences, one a door and reason."""

    sent_count: int
    waiting_count: int
    failures: tuple[str, ...] = ()


async def show_due(
    journal: RunLedger,
    doors: OpenDoors,
    clock: Clock,
    *,
    run: UUID | None = None,
    page_of: Callable[[UUID], str] = lambda _: "",
    pace: Pace | None = None,
) -> Shown:
    """Show everything that is due, of one run or of all. Raises what the journal raises."""
    teller = _Teller(journal, doors, clock, page_of, pace or Pace())
    until = clock.monotonic() + _LONGEST_CALL.total_seconds()
    while clock.monotonic() < until:
        claimed = await _aside(lambda: journal.claim_messages(run, limit_count=_AT_ONCE, lease=LEASE))
        if not claimed:
            break
        for message in sorted(claimed, key=_urgency):
            await teller.show(message)
    waiting = await _aside(journal.waiting_messages)
    return Shown(teller.sent_count, waiting, tuple(dict.fromkeys(teller.failures)))


def paint(journal: RunLedger, run: UUID, customer: Customer, run_url: str) -> RunPicture:
    """Everything a message about the run is rendered from, as the journal has it now."""
    approvals = tuple(journal.approvals(run))
    return RunPicture(
        run=journal.run(run),
        approvals=approvals,
        steps=tuple(journal.steps(run)),
        actions=tuple(journal.actions(run)),
        yes_needed={approval.id: needed_count(approval) for approval in approvals},
        language=customer.language,
        time_zone=customer.time_zone,
        run_url=run_url,
        now=journal.now(),
    )


@dataclass
class _Teller:
    """One call's work: what it was given, and what it did."""

    journal: RunLedger
    doors: OpenDoors
    clock: Clock
    page_of: Callable[[UUID], str]
    pace: Pace
    sent_count: int = 0
    failures: list[str] = field(default_factory=list[str])
    shut: dict[tuple[str, str], VigieError] = field(default_factory=dict[tuple[str, str], VigieError])

    async def show(self, message: RunMessage) -> None:
        """Show one, or give it back with the reason."""
        door = ("", message.channel)
        try:
            run = await _aside(lambda: self.journal.run(message.run))
            door = (run.platform, message.channel)
            if door in self.shut:
                raise self.shut[door]
            sent = await self._send(message, run)
        except VigieError as error:
            if isinstance(error, Retryable | Refused) and error.code != _WAITS:
                self.shut.setdefault(door, error)
            await self._give_back(message, error)
        else:
            await _aside(lambda: self.journal.mark_message_sent(message, sent))
            self.sent_count += 1

    async def _send(self, message: RunMessage, run: Run) -> Sent:
        purpose = Purpose.of(message.purpose)
        doors = await self.doors(run.platform)
        page = self.page_of(run.id)
        picture = await _aside(lambda: paint(self.journal, run.id, doors.customer, page))
        if message.channel == Channel.PAGER:
            if doors.pager is None:
                raise _absent("pager")
            return await doors.pager.ring(render_call(purpose, picture), f"{run.id}:{purpose}")
        if doors.messenger is None:
            raise _absent("Slack block")
        return await self._write(doors.messenger, doors.customer.channel, message, purpose, picture)

    async def _write(
        self, messenger: RunMessenger, channel: str, message: RunMessage, purpose: Purpose, picture: RunPicture
    ) -> Sent:
        parent = await self._parent(purpose, picture)
        there = message.sent
        if there is None and message.attempt_count:
            there = await messenger.find(channel, message.delivery, parent)
        await self.pace.keep(channel, self.clock)
        if there is not None:
            return await messenger.update(there, purpose, picture, message.delivery)
        return await messenger.post(channel, purpose, picture, message.delivery, parent)

    async def _parent(self, purpose: Purpose, picture: RunPicture) -> Sent | None:
        """The card that a question is asked about; a question waits until its card is there."""
        if purpose.kind is not PurposeKind.QUESTION:
            return None
        about = picture.action(purpose.number).data.get("approval")
        card = next((each for each in picture.approvals if str(each.id) == about), None)
        if card is None:
            raise Broken(f"question {purpose.number} of run {picture.run.id} is about no approval")
        parent = await _aside(lambda: self.journal.sent_message(picture.run.id, f"approval:{card.number}"))
        if parent is None:
            raise Retryable("waits for the card that it is about", code=_WAITS, retry_after=_SOON)
        return parent

    async def _give_back(self, message: RunMessage, error: VigieError) -> None:
        pause = _pause(message, error)
        await _aside(lambda: self.journal.mark_message_failed(message, str(error), pause))
        self.failures.append(f"{message.channel} waits {pause.total_seconds():.0f} s: {error}")


_WAITS = "waits"


def _urgency(message: RunMessage) -> tuple[int, str, str]:
    kind = message.purpose.partition(":")[0]
    return (_ORDER.get(PurposeKind(kind), len(_ORDER)) if kind in set(PurposeKind) else 9, str(message.run), kind)


def _absent(what: str) -> Refused:
    return Refused(f"there is no usable {what}", next_step="fill in the customer's block, then `vigie blocks check`")


def _pause(message: RunMessage, error: VigieError) -> timedelta:
    """The other side's wish, else longer each time; what a person must mend is looked at every five minutes."""
    if isinstance(error, Retryable) and error.retry_after:
        return error.retry_after
    if isinstance(error, Retryable):
        return min(_FIRST_PAUSE * 2 ** min(message.attempt_count, 8), _LONGEST_PAUSE)
    return _LONGEST_PAUSE


async def _aside(work: Callable[[], T]) -> T:
    """The journal answers in a thread: a slow one holds nobody else up."""
    return await asyncio.to_thread(work)
