"""How is each service, and how do we know?

Every value that crosses between the probes, the assessment and the journal:
a *check* is declared in the catalogue, a *reading* is what was measured (or why nothing was),
a *status* is what is remembered of a check between sweeps, an *assessment* is what was decided.

The rule: no evidence is never good news. A reading either carries measurements or says in
`missing` why it has none, and a missing reading becomes `unknown`, never `ok`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from blocks.catalogue.model import Check, Platform, Service


class State(StrEnum):
    """What a check says. `unknown` is the absence of evidence, worse than a warning."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Order for `worst`: ok 0, warning 1, unknown 2, critical 3."""
        return _RANK[self]

    @property
    def is_problem(self) -> bool:
        """Anything but ok."""
        return self is not State.OK


_RANK = {State.OK: 0, State.WARNING: 1, State.UNKNOWN: 2, State.CRITICAL: 3}


class CheckKey(NamedTuple):
    """Identifies a check inside one platform."""

    service: str
    check: str


class Unit(StrEnum):
    """The only units a measurement may have."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    DAYS = "d"
    PERCENT = "%"
    COUNT = "count"
    BYTES = "bytes"
    PER_SECOND = "/s"


class Measurement(NamedTuple):
    """One number that was measured, with its unit; `name` is the check's own word for it."""

    name: str
    value: float
    unit: Unit


class FindingCode(StrEnum):
    """What a probe saw to be wrong, whatever the thresholds say."""

    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_LOST = "connection_lost"
    NO_ANSWER = "no_answer"  # nothing came back before the check's timeout
    NAME_NOT_FOUND = "name_not_found"
    WRONG_ADDRESS = "wrong_address"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_WRONG_NAME = "certificate_wrong_name"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    TLS_FAILED = "tls_failed"
    NOT_HTTP = "not_http"  # an answer that is not the protocol (garbage)
    HALF_BODY = "half_body"
    ENDLESS_BODY = "endless_body"  # over the size limit
    REDIRECT_LOOP = "redirect_loop"
    WRONG_STATUS = "wrong_status"
    WRONG_BODY = "wrong_body"
    WRONG_JSON = "wrong_json"
    LATE = "late"  # a heartbeat past its deadline
    RESOURCE_STATE = "resource_state"  # the cloud says: degraded, stopped, unavailable
    ALARM = "alarm"
    LOGIN_FAILED = "login_failed"
    NOT_REPLICATING = "not_replicating"


class MissingCode(StrEnum):
    """Why there is no measurement; each becomes `unknown`."""

    CREDENTIALS = "credentials"  # refused, expired, absent
    THROTTLED = "throttled"
    API_UNREACHABLE = "api_unreachable"  # the cloud's API or region, not the service
    NO_DATA = "no_data"  # the API answered and had no data point
    DEADLINE = "deadline"  # the sweep ended before this check was reached
    UNEXPECTED_ANSWER = "unexpected_answer"  # the API answered what its contract does not allow
    PROBE_FAILED = "probe_failed"  # a defect of ours or of the configuration


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong that was seen; `state` is WARNING or CRITICAL, `text` one sentence without secrets."""

    code: FindingCode
    text: str
    state: State = State.CRITICAL


@dataclass(frozen=True, slots=True)
class Missing:
    """Why nothing was measured; `text` is one sentence without secrets."""

    code: MissingCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one attempt of one check yielded.

    Exactly one holds: `missing` is set and `measurements` is empty; or `missing` is None and
    there is at least one measurement or a finding. The first measurement is the primary one.
    """

    service: str
    check: str
    started_at: datetime
    elapsed_ms: float
    measurements: tuple[Measurement, ...] = ()
    finding: Finding | None = None
    missing: Missing | None = None
    attempt: int = 1

    @property
    def key(self) -> CheckKey:
        """Which check this belongs to."""
        return CheckKey(self.service, self.check)


@dataclass(frozen=True, slots=True)
class Probe:
    """One check to make: everything an adapter needs, taken from the catalogue."""

    platform: Platform
    service: Service
    check: Check
    attempt: int = 1

    @property
    def key(self) -> CheckKey:
        """Which check this is."""
        return CheckKey(self.service.name, self.check.name)


class Prober(Protocol):
    """Makes checks of the kinds it knows against one outside system, read-only.

    `probe` returns a reading for whatever the *service* does (down, slow, garbage), with
    `started_at` and `elapsed_ms` filled in. It raises `Retryable`, `Refused` or `Broken` when
    *the means of measuring* failed (cloud API throttled, credentials refused); the caller turns
    those into a `missing` reading by the error's `code`, which is a `MissingCode` value.
    It respects `probe.check.timeout` itself, is bounded in memory, and may be called concurrently.
    """

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def probe(self, probe: Probe) -> Reading: ...


class Mode(StrEnum):
    """Soft: seen, not yet believed. Hard: confirmed by enough attempts."""

    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """What is remembered of a check between sweeps (Icinga 2's soft/hard and flapping model).

    `flap_changes` holds the last 20 results as bits (newest lowest, 1 = state changed).
    """

    state: State = State.OK
    mode: Mode = Mode.HARD
    attempt: int = 1
    last_hard: State = State.OK
    since: datetime | None = None  # when `state` became what it is
    hard_since: datetime | None = None
    checked_at: datetime | None = None  # of the newest reading taken into account
    flap_changes: int = 0
    flapping: bool = False
    sentence: str = ""  # why, in words: the same that goes to log, Slack and artifact
    numbers: Mapping[str, float | str] = field(default_factory=dict, compare=False)
    """What `sentence` is made of (code, where, measurement, value, unit, limit), for other languages; not kept."""
    fresh: bool = field(default=True)  # False until a first reading was ever seen


class Transition(StrEnum):
    """What a reading did to a check's status."""

    NONE = "none"
    SOFT = "soft"
    PROBLEM = "problem"  # became a hard problem, or a different hard problem
    RECOVERY = "recovery"  # a hard problem ended
    FLAPPING_STARTED = "flapping_started"
    FLAPPING_ENDED = "flapping_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAssessment:
    """One check after one reading: its new status, what changed, and the sentence that says so."""

    key: CheckKey
    status: CheckStatus
    transition: Transition
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAssessment:
    """One service after a sweep.

    `root_causes` names the failing services that explain this one's problem through the dependency
    graph (itself when it is the root). `reachable` is False when a dependency it cannot do without
    is down. `muted` says why people are not told (maintenance name), never why it is not checked.
    """

    service: str
    state: State
    mode: Mode
    since: datetime | None
    sentence: str
    reachable: bool = True
    root_causes: tuple[str, ...] = ()
    muted: str = ""
    flapping: bool = False
    numbers: Mapping[str, float | str] = field(default_factory=dict, compare=False)
    """What `sentence` is made of; a second and third reason have keys that end in .2 and .3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliSample:
    """Good and bad samples of one SLO in one five-minute bucket (bucket start, UTC)."""

    slo: str
    bucket: datetime
    good_count: int
    bad_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """A multi-window burn-rate alert that fires (SRE workbook, chapter 5).

    `rate` is how many times faster than allowed the error budget is spent, over the long window.
    """

    slo: str
    service: str
    severity: str  # "page" or "ticket"
    long_window: str
    short_window: str
    rate: float
    threshold: float
    bad_count: int
    budget_left_pct: float
    sentence: str
