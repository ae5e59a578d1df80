"""What is broken on purpose in the sandbox's Azure, and what has it been asked?

Faults by target: a resource's name, its region, or `*` for all of Azure. The rule: a fault acts where
the real one would (in the answer, in the login, in the numbers), and mending leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from deployments.sandbox.azure_lives import CHANGE_FAULTS
from deployments.sandbox.azure_login import Login
from deployments.sandbox.azure_resources import ArmError, Resource
from deployments.sandbox.azure_spec import Exchange
from deployments.sandbox.azure_store import Store

HOWS = (
    "throttle",
    "metric-spike",
    "no-metrics",
    "kill",
    "credentials",
    "region-down",
    "error",
    "garbage",
    "endless",
    "slow",
    "hang",
    "expired-token",
    "claims",
    *CHANGE_FAULTS,
)
_ALIASES = {"refuse": "region-down", "partition": "hang", "wrong-body": "garbage"}
_CLAIMS = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ"
_RECORDED_COUNT = 5000


@dataclass(frozen=True)
class Fault:
    """One fault since when; `times` answers are spoiled, or all when None."""

    how: str
    since: datetime
    retry_after_s: int = 30
    times: int | None = None


@dataclass
class Faults:
    """All faults there are now."""

    store: Store
    login: Login
    _on: dict[str, dict[str, Fault]] = field(default_factory=dict[str, dict[str, Fault]])

    def apply(self, target: str, how: str, asked: dict[str, Any]) -> str:
        """Break `target`; ValueError when there is no such target or way."""
        how = _ALIASES.get(how, how)
        if how not in HOWS:
            raise ValueError(f"Azure can be broken by {', '.join((*HOWS, *_ALIASES))}, not by {how!r}")
        key = self._key(target)
        if how == "expired-token":
            self.login.expire_all()
        elif how == "claims":
            self.login.demand_claims(_CLAIMS)
        elif how == "credentials" and key == "*":
            self.login.refusing = True
            self.login.expire_all()
        else:
            fault = Fault(how, datetime.now(UTC), int(asked.get("retry_after", 30)), asked.get("times"))
            self._on.setdefault(key, {})[how] = fault
        return f"{target}: {how}"

    def mend(self, target: str) -> str:
        """End the faults that were put on `target`; those of other targets stay."""
        key = self._key(target)
        if key == "*":
            self.login.refusing = False
            self.login.demand_claims("")
        self._on.pop(key, None)
        if key in self.store.names().values():
            self.store.hasten(key)
        return f"{target}: mended"

    def of(self, resource: Resource | None) -> dict[str, datetime]:
        """How a resource is broken, and since when."""
        return {fault.how: fault.since for fault in self._faults(resource)}

    def of_changes(self, resource: Resource | None) -> str:
        """What is wrong with changes of a resource, or empty."""
        return next((how for how in self.of(resource) if how in CHANGE_FAULTS), "")

    async def spoil(self, resource: Resource | None) -> web.StreamResponse | None:
        """The answer that a fault gives instead of the real one; ArmError for Azure's own refusals."""
        for fault in self._faults(resource):
            answer = _ANSWERS.get(fault.how)
            if answer is not None and self._spend(fault):
                return await answer(fault)
        return None

    def _faults(self, resource: Resource | None) -> list[Fault]:
        keys = ["*"]
        if resource is not None:
            keys += [resource.body["location"].lower(), resource.body["id"].lower()]
        return [fault for key in keys for fault in self._on.get(key, {}).values()]

    def _spend(self, fault: Fault) -> bool:
        for faults in self._on.values():
            if faults.get(fault.how) is fault and fault.times is not None:
                if fault.times <= 0:
                    return False
                faults[fault.how] = Fault(fault.how, fault.since, fault.retry_after_s, fault.times - 1)
        return True

    def _key(self, target: str) -> str:
        wanted = target.lower()
        if wanted in ("*", "azure", self.login.client.lower()):
            return "*"
        names = self.store.names()
        regions = {self.store.find(key).body["location"].lower() for key in names.values()}
        if wanted in regions or wanted in names.values():
            return wanted
        if wanted in names:
            return names[wanted]
        raise ValueError(f"Azure has no {target!r}; it has {', '.join(sorted(names))}, {', '.join(sorted(regions))}")


@dataclass
class Traffic:
    """What went over the wire, and what was wrong with it."""

    exchanges: deque[dict[str, Any]] = field(default_factory=lambda: deque[dict[str, Any]](maxlen=_RECORDED_COUNT))
    violations: deque[str] = field(default_factory=lambda: deque[str](maxlen=_RECORDED_COUNT))
    unknown: deque[str] = field(default_factory=lambda: deque[str](maxlen=_RECORDED_COUNT))

    def record(self, exchange: Exchange, operation: str, violations: list[str], caller: str = "") -> None:
        """Keep one exchange and who made it, without bodies."""
        kept = asdict(exchange)
        del kept["request_body"], kept["response_body"]
        self.exchanges.append({**kept, "operation": operation, "caller": caller})
        self.violations += violations

    def shown(self) -> dict[str, Any]:
        """As GET /_sandbox/traffic answers it."""
        return {"exchanges": list(self.exchanges), "violations": list(self.violations), "unknown": list(self.unknown)}

    def forget(self) -> None:
        """Start a new record."""
        self.exchanges.clear()
        self.violations.clear()
        self.unknown.clear()


async def _throttle(fault: Fault) -> web.StreamResponse:
    words = "Number of requests exceeded the limit. Please try again later."
    raise ArmError(429, "TooManyRequests", words, {"Retry-After": str(max(1, fault.retry_after_s))})


async def _denied(_: Fault) -> web.StreamResponse:
    words = "The client does not have authorization to perform action 'Microsoft.Sandbox/denied/read' over scope."
    raise ArmError(403, "AuthorizationFailed", words)


async def _down(_: Fault) -> web.StreamResponse:
    raise ArmError(503, "ServiceUnavailable", "The service is unavailable in this region.")


async def _error(_: Fault) -> web.StreamResponse:
    raise ArmError(500, "InternalServerError", "The server encountered an internal error.")


async def _garbage(_: Fault) -> web.StreamResponse:
    return web.Response(body=b"\x00<html>{not json at all", content_type="application/json")


async def _endless(_: Fault) -> web.StreamResponse:
    async def pour() -> Any:
        while True:
            yield b" " * 1_000_000
            await asyncio.sleep(0)

    return web.Response(body=pour(), content_type="application/json")


async def _slow(_: Fault) -> None:
    await asyncio.sleep(3)


async def _hang(_: Fault) -> None:
    await asyncio.sleep(600)


_ANSWERS: dict[str, Any] = {
    "throttle": _throttle,
    "credentials": _denied,
    "region-down": _down,
    "error": _error,
    "garbage": _garbage,
    "endless": _endless,
    "slow": _slow,
    "hang": _hang,
}
