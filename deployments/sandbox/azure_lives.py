"""What runs in the sandbox's Azure apps and machines, since when, and who asked for it?

A life is what a restart ends: the app's processes, or the machine's last operation. It begins anew a while
after Azure said yes. The activity log keeps each request, and shows it later, as the real one does.

The rule: answers have the shape of the published models; a moment changes only when something began anew.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

CHANGE_FAULTS = ("drop-after", "slow-effect", "no-effect", "no-room")
INSTANCES = ("9f1c3a7be02d4c55", "b47e0d1fa6c94812")
TAKES_S = {"": 1.5, "drop-after": 1.5, "no-effect": 1.5, "no-room": 1.5, "slow-effect": 20.0}
_LOG_LATE = timedelta(seconds=3)  # in earnest three to twenty minutes
_FILTER = re.compile(r"eventTimestamp ge '([^']+)' and eventTimestamp le '([^']+)'(?: and resourceUri eq '([^']+)')?")


@dataclass
class Life:
    """Since when something runs; while it restarts, or once it was stopped, it is not `up`."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=3))
    number: int = 1
    shows_processes: bool = True  # some Linux plans show none
    stopped: bool = False
    _up_at: float | None = None
    _is_over: Callable[[], bool] = lambda: True

    @property
    def up(self) -> bool:
        """Whether it runs, after what was due has happened."""
        if self._up_at is not None and time.monotonic() >= self._up_at and self._is_over():
            self.began, self.number, self._up_at = datetime.now(UTC), self.number + 1, None
        return self._up_at is None and not self.stopped

    @property
    def returns(self) -> bool:
        """It is on its way back up."""
        return self._up_at is not None

    def saved(self) -> dict[str, Any]:
        """What is to be known of it after Azure itself was down."""
        plain = {"number": self.number, "shows_processes": self.shows_processes, "stopped": self.stopped}
        return {"began": self.began.isoformat(), "returns": self.returns, **plain}

    @classmethod
    def again(cls, saved: dict[str, Any]) -> Self:
        """As it was saved; what was on its way back up takes its time again."""
        plain = {name: saved[name] for name in ("number", "shows_processes", "stopped")}
        life = cls(began=datetime.fromisoformat(saved["began"]), **plain)
        if saved["returns"]:
            life.restart("")
        return life

    def touch(self) -> None:
        """An operation on a machine has ended: that moment is what its instance view shows."""
        if self._up_at is None:
            self.began = datetime.now(UTC)

    def stop(self) -> None:
        """Ends, until it is started."""
        self.stopped, self._up_at = True, None

    def start(self) -> None:
        """Begins anew where it was stopped."""
        if self.stopped:
            self.began, self.number, self.stopped = datetime.now(UTC), self.number + 1, False

    def hasten(self) -> None:
        """What takes long is over now."""
        if self._up_at is not None:
            self._up_at = min(self._up_at, time.monotonic() + TAKES_S[""])

    def restart(self, fault: str) -> None:
        """Ends now and begins anew later; with `no-effect` nothing happens at all."""
        if fault != "no-effect":
            self._up_at, self._is_over = time.monotonic() + TAKES_S[fault], lambda: True

    def wait_for(self, is_over: Callable[[], bool]) -> None:
        """It is not up before this is over: what stands for it restarts as long as it takes."""
        self._is_over = is_over


@dataclass
class ActivityLog:
    """Who asked for what, newest last."""

    late: timedelta = _LOG_LATE
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def write(self, resource: str, operation: str, caller: str, client_request: str, method: str) -> str:
        """One request that was accepted; its correlation id."""
        correlation, now = str(uuid.uuid4()), datetime.now(UTC)
        for status, moment in (("Started", now), ("Succeeded", now + timedelta(milliseconds=300))):
            event = {
                "caller": caller,
                "correlationId": correlation,
                "eventDataId": str(uuid.uuid4()),
                "eventTimestamp": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
                "httpRequest": {"clientRequestId": client_request, "clientIpAddress": "192.0.2.10", "method": method},
                "level": "Informational",
                "operationName": {"value": operation, "localizedValue": operation},
                "resourceId": resource,
                "status": {"value": status, "localizedValue": status},
                "subscriptionId": resource.split("/")[2],
            }
            self.events.append(event)
        return correlation

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        """The events that a filter asks for and that are old enough to be shown; ValueError for a wrong filter."""
        asked = _FILTER.fullmatch(query.get("$filter", ""))
        if asked is None:
            raise ValueError("only a time range with or without a resourceUri is understood")
        start, end = _moment(asked[1]), min(_moment(asked[2]), datetime.now(UTC) - self.late)
        found = [
            event
            for event in self.events
            if start <= _moment(event["eventTimestamp"]) <= end
            and (asked[3] or event["resourceId"]).lower() == event["resourceId"].lower()
        ]
        wanted = query.get("$select", "").split(",") if query.get("$select") else None
        return {"value": [{k: v for k, v in event.items() if wanted is None or k in wanted} for event in found]}


def instances(site: str, life: Life) -> dict[str, Any]:
    """The workers that an app runs on; none once it is stopped."""
    state = "READY" if life.up else "UNKNOWN"
    kind = "Microsoft.Web/sites/instances"
    return {
        "value": [
            {"id": f"{site}/instances/{name}", "name": name, "type": kind, "properties": {"state": state}}
            for name in (() if life.stopped else INSTANCES)
        ]
    }


def processes(site: str, life: Life, instance: str) -> dict[str, Any]:
    """An app's process on one worker and that of its management site; none of the app's while it restarts."""
    numbers = [_scm(instance)] + ([_own(instance, life)] if life.up and life.shows_processes else [])
    return {"value": [_shown(site, instance, number, {"identifier": number}) for number in numbers]}


def process(site: str, life: Life, instance: str, number: int) -> dict[str, Any] | None:
    """One process in full; None when there is no such process."""
    began = {_scm(instance): datetime(2026, 1, 15, 9, tzinfo=UTC)}
    if life.up and life.shows_processes:
        began[_own(instance, life)] = life.began
    if number not in began:
        return None
    start = f"{began[number]:%Y-%m-%dT%H:%M:%S.%fZ}"
    scm = number == _scm(instance)
    return _shown(site, instance, number, {"identifier": number, "start_time": start, "is_scm_site": scm})


def _shown(site: str, instance: str, number: int, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{site}/instances/{instance}/processes/{number}",
        "name": f"{site.rpartition('/')[2]}/{instance}/{number}",
        "type": "Microsoft.Web/sites/instances/processes",
        "properties": properties,
    }


def _scm(instance: str) -> int:
    return 900 + INSTANCES.index(instance)


def _own(instance: str, life: Life) -> int:
    return 1000 * life.number + INSTANCES.index(instance)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
