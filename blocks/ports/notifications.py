"""Who must be told, through what, and has it happened?

A *delivery* is one thing to say through one channel. It is written in the same transaction as the
event it tells (an outbox), claimed by whoever sends it, and marked sent with the *evidence* the
other side gave (a Slack timestamp, a pager's dedup key). Someone who finds a claimed but unmarked
delivery asks the channel for that evidence before sending again: told once, whatever dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.ports.incidents import Incident, IncidentEvent


class Channel(StrEnum):
    """Where words go."""

    SLACK_MESSAGE = "slack_message"  # the incident's one message: posted, then updated in place
    SLACK_THREAD = "slack_thread"  # one line of history under it
    PAGER = "pager"


class PagerAction(StrEnum):
    """PagerDuty Events API v2's words, kept for every pager."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing to say. `sequence` orders deliveries of one incident; `attempt_count` those made so far."""

    id: UUID
    platform: str
    incident: UUID | None
    channel: Channel
    event: IncidentEvent | None
    sequence: int
    attempt_count: int = 0
    not_before: datetime | None = None
    was_claimed_before: bool = False  # an earlier sender may have died after sending: look for evidence


@dataclass(frozen=True, slots=True)
class Sent:
    """Evidence that something arrived: Slack's channel and ts, or the pager's dedup key."""

    reference: str
    channel_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPicture:
    """Everything a message about an incident is rendered from; pure data out of the journal."""

    incident: Incident
    events: tuple[IncidentEvent, ...]
    customer: str
    language: str  # "fr" or "en"
    time_zone: str  # IANA name
    run_url: str  # "" when unknown
    tried: tuple[str, ...] = ()
    clients: str = ""  # who notices, in the customer's words (the root service's `clients`)


class Messenger(Protocol):
    """A chat: posts an incident's message, keeps it current, threads its history.

    Raises `Retryable` (throttled, unreachable; carries `retry_after`), `Refused` (token or channel
    refused) or `Broken`. `find` looks for a delivery already posted, by the delivery id that every
    message carries in its metadata.
    """

    async def post(self, channel: str, picture: IncidentPicture, delivery: UUID) -> Sent: ...
    async def update(self, sent: Sent, picture: IncidentPicture) -> Sent: ...
    async def reply(self, parent: Sent, picture: IncidentPicture, event: IncidentEvent, delivery: UUID) -> Sent: ...
    async def find(self, channel: str, delivery: UUID, parent: Sent | None) -> Sent | None: ...


class Pager(Protocol):
    """Something that rings. Idempotent by `dedup_key`, which is the incident's id."""

    async def send(self, action: PagerAction, picture: IncidentPicture, dedup_key: str) -> Sent: ...
