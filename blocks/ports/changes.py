"""What is a change of the world, and what proves that it happened?

A step makes its change once, also when the process that makes it dies in the middle. So an adapter keeps
five questions apart, and only `act` changes anything:

    check          may it be done now?                            before the intent is written
    read_baseline  what does the provider show before?            kept with the intent
    find_evidence  has the recorded intent taken effect already?  first, whenever a step is entered again
    act            do it
    read_effect    does the goal hold?                            asked until it does, or patience ends

A baseline makes evidence independent of clocks: "restarted after the intent" is a start time that differs
from the one in the baseline, whatever the provider's clock says. All methods are synchronous, raise the
three errors of blocks/errors.py, and are bounded in time. An `act` whose answer was lost raises `Retryable`:
the step is entered again and looks for the evidence before anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.catalogue.model import Platform, Service

_SOON = timedelta(milliseconds=200)


class EvidenceKind(StrEnum):
    """What shows that an intent has taken effect."""

    OPERATION = "operation"  # the provider's own id of the operation
    CLIENT_TOKEN = "client_token"  # noqa: S105  the provider knows the token that we sent with it
    GENERATION = "generation"  # a version, etag or counter moved on from the baseline
    STARTED_AFTER = "started_after"  # it runs since a moment that is not the baseline's
    GONE = "gone"  # what was to be removed is no longer there


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The recorded intent of one step. The same at every try of the step.

    `key` is 64 hexadecimal digits, unique to root run, phase, item and plan; `intended_at` is the
    journal's time; `baseline` is what `read_baseline` gave just before.
    """

    key: str
    run: UUID
    intended_at: datetime
    baseline: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def client_token(self) -> str:
        """For providers that take one: at most 32 characters, the same at each try."""
        return self.key[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Proof that an intent took effect: where the provider keeps it, and one sentence for people."""

    kind: EvidenceKind
    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the goal. `text` says what was seen, measured against what: '3 of 4 instances in service'."""

    reached: bool
    text: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an effect may take, and how often one looks: first after `soon`, later only `every` so often.

    `shows_within` is how long after an act its evidence may stay invisible: whoever enters a step again looks for
    so long before it acts once more.
    """

    every: timedelta
    at_most: timedelta
    shows_within: timedelta = timedelta(0)
    soon: timedelta = _SOON

    def pause_s(self, waited_s: float) -> float:
        """Seconds until the next look after so many of waiting: half as long again, and never over `every`."""
        return min(self.every.total_seconds(), max(self.soon.total_seconds(), waited_s / 2))


class Change(Protocol):
    """One change of one thing."""

    @property
    def text(self) -> str:
        """What is done to what: 'restart app hearth-device-api'."""
        ...

    @property
    def repeatable(self) -> bool:
        """Harmless when done twice. Needed where the provider offers no evidence; tested by doing it twice."""
        ...

    @property
    def patience(self) -> Patience: ...

    def check(self) -> None:
        """Raises `Refused` when it must not be done now, with the numbers that say so."""
        ...

    def read_baseline(self) -> Mapping[str, str]: ...

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """None says that the provider shows no sign of it; it raises when it cannot be found out."""
        ...

    def act(self, mark: Mark) -> Evidence | None:
        """Do it. Returns what the provider gave to find it again, where it gives something."""
        ...

    def read_effect(self, mark: Mark) -> Seen: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing of a service that is changed in a step of its own.

    `item` is the provider's stable id of it and part of the step's key; `text` is for people;
    `expected` is how long its change usually takes.
    """

    item: str
    text: str
    expected: timedelta


class Restarter(Protocol):
    """Restarts services of the kinds of one provider; the reader's credential looks, the operator's acts."""

    def read_targets(self, platform: Platform, service: Service) -> Sequence[Target]:
        """What is restarted, in order, one after the other. Raises `Refused` when there is nothing to restart."""
        ...

    def restart(self, platform: Platform, service: Service, item: str) -> Change: ...
