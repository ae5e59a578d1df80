"""How do a resource, its address and a change of it look in the sandbox's Azure?

The rule: an operation is over only when it was asked about often enough and enough time has passed, or when nobody
asked for a while longer.
"""

from __future__ import annotations

import copy
import re
import time
from dataclasses import dataclass, field
from typing import Any

from deployments.sandbox.azure_kinds import Kind
from deployments.sandbox.azure_lives import TAKES_S, Life

_POLLS = 2
_SECONDS = 1.0
_UNASKED_S = 1.0  # how much longer it takes when nobody asks
_ID = re.compile(
    r"^/subscriptions/(?P<sub>[^/]+)(?:/resourcegroups/(?P<group>[^/]+))?/providers/(?P<type>[^/]+/[^/]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<action>.+))?)?$",
    re.IGNORECASE,
)


class ArmError(Exception):
    """An error that Resource Manager answers."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


@dataclass(frozen=True)
class Address:
    """A path of Resource Manager, in parts; what is absent is empty."""

    subscription: str
    group: str
    type: str
    name: str
    action: str

    @classmethod
    def parse(cls, path: str) -> Address | None:
        """None where the path is no resource, list or action."""
        match = _ID.match(path)
        return (
            None if match is None else cls(*(match[part] or "" for part in ("sub", "group", "type", "name", "action")))
        )

    @property
    def id(self) -> str:
        """The resource's id, in this casing."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{self.type}/{self.name}"


@dataclass
class Operation:
    """A change that is still going on."""

    id: str
    resource: str
    polls: int = 0
    needed_polls: int = _POLLS
    takes_s: float = _SECONDS
    began: float = field(default_factory=time.monotonic)
    fault: str = ""
    event: str = ""  # what happens in the world when it ends: started, stopped

    @property
    def done(self) -> bool:
        """Polled often enough, and long enough ago; or nobody asked for a while."""
        passed_s = time.monotonic() - self.began
        enough = self.polls >= self.needed_polls or passed_s >= self.takes_s + _UNASKED_S
        return enough and passed_s >= self.takes_s

    def hasten(self) -> None:
        """What takes long takes no longer than usual from now on."""
        self.takes_s = min(self.takes_s, time.monotonic() - self.began + TAKES_S[""])


@dataclass
class Resource:
    """One resource as it is stored; `power` is the running state of a virtual machine."""

    kind: Kind
    body: dict[str, Any]
    operation: Operation | None = None
    power: str = "running"
    settled: dict[str, Any] | None = None  # what it becomes when the operation ends; None with `gone`: deleted
    becoming: str = ""  # the power that the operation ends in
    failed: str = ""  # why its last operation failed
    gone: bool = False
    seed: str = ""  # the digest of what it began as; empty where somebody made it
    life: Life = field(default_factory=Life)


def merge(old: dict[str, Any], new: dict[str, Any], stays: tuple[str, ...] = ("id", "name", "type")) -> dict[str, Any]:
    """RFC 7396: null removes, objects merge, the rest replaces; a resource's own id, name and type stay."""
    merged = copy.deepcopy(old)
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value, ())
        elif key not in stays:
            merged[key] = value
    return merged
