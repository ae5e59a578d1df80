"""What does this sweep look at, and against which catalogue?

A sweep pins the catalogue version it was started with and what the journal remembered at that
moment; everything later in the run works on this plan and on readings, never on the world anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from blocks.catalogue.kinds import units_of
from blocks.catalogue.model import Customer, Platform
from blocks.catalogue.serialised import platform_from_json
from blocks.ports.health import CheckKey, CheckStatus, Probe, Reading, State, Unit
from tasks.health.active import without_alarm
from tasks.health.decide import advance, explain_reading, is_well, needs_recheck


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """Everything a sweep needs to know before it measures. `started_at` is the journal's time."""

    sweep: UUID
    platform: Platform
    customer: Customer
    catalogue_digest: str
    started_at: datetime
    statuses: Mapping[CheckKey, CheckStatus]
    maintenance: Mapping[str, str]  # service -> the window that mutes it now
    active: str = ""  # the site that serves clients; empty while nothing ever moved
    way_back: frozenset[CheckKey] = frozenset()  # checks that say whether a platform that moved could go home
    written: str = ""  # the platform as it was saved, where it is watched just so

    def __getstate__(self) -> dict[str, Any]:
        """For a retry of the run: a platform of thousands is kept as it was saved, in a third of the time."""
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        if self.written:
            del state["platform"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was."""
        known = state if "platform" in state else state | {"platform": platform_from_json(state["written"])}
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def probes(self, keys: Sequence[CheckKey] | None = None, attempt: int = 1) -> list[Probe]:
        """The checks to make: all of them, or those named."""
        wanted = None if keys is None else set(keys)
        return [
            Probe(self.platform, service, check, attempt)
            for service in self.platform.services.values()
            for check in service.checks.values()
            if wanted is None or CheckKey(service.name, check.name) in wanted
        ]

    def declared(self) -> Mapping[CheckKey, Mapping[str, Unit]]:
        """Every declared check with the measurements its kind yields and their units."""
        return {probe.key: units_of(probe.check) for probe in self.probes()}


@dataclass(frozen=True, slots=True)
class CheckedState:
    """A check's status after all readings of this sweep, with the transitions on the way."""

    status: CheckStatus
    transitions: tuple[str, ...]


def replay(plan: SweepPlan, readings: Sequence[Reading]) -> dict[CheckKey, CheckedState]:
    """Walk every check through its readings in the order of attempts; pure."""
    checks = {probe.key: probe.check for probe in plan.probes()}
    states = {key: CheckedState(plan.statuses.get(key, CheckStatus(fresh=False)), ()) for key in checks}
    for reading in sorted(readings, key=lambda r: r.attempt):
        check = checks[reading.key]
        before = states[reading.key]
        seen = without_alarm(reading) if reading.key in plan.way_back else reading
        state, sentence, numbers = explain_reading(check, seen)
        at = reading.started_at
        after = advance(before.status, state, sentence, check.attempts, at, key=reading.key, numbers=numbers)
        states[reading.key] = CheckedState(after.status, (*before.transitions, after.transition.value))
    return states


def unconfirmed(plan: SweepPlan, readings: Sequence[Reading]) -> list[CheckKey]:
    """Checks in a soft problem state: to be measured again before anybody believes them.

    A reading that is missing because the deadline came is not asked for again.
    """
    checks = {probe.key: probe.check for probe in plan.probes()}
    seen = {reading.key for reading in readings if reading.missing is None or reading.missing.code != "deadline"}
    suspect = {reading.key for reading in readings if not is_well(checks[reading.key], reading)}
    suspect |= {key for key, status in plan.statuses.items() if status.state is not State.OK}
    replayed = replay(plan, [reading for reading in readings if reading.key in suspect])
    return [
        key
        for key, checked in replayed.items()
        if key in seen and checked.status.state is not State.OK and needs_recheck(checked.status, checks[key])
    ]
