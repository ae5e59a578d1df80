"""A scripted world: one thing that can be changed, counts what was done to it, and dies where a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any

from blocks.errors import Refused, Retryable
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen

_MOST = 400
"""More calls than any process of these tests makes."""


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Thing:
    """What the provider holds: it outlives every process."""

    generation: int = 1
    tokens: list[str] = field(default_factory=list)
    act_count: int = 0
    looks_until_goal: int = 0
    looks: int = 0
    refuses: str = ""
    loses_answers: int = 0
    blind_for: int = 0  # looks that fail

    def change(self, token: str) -> None:
        self.act_count += 1
        self.generation += 1
        self.tokens.append(token)
        self.looks = 0


class GenerationChange:
    """A provider that counts generations: what differs from the baseline is the effect."""

    kind = EvidenceKind.GENERATION
    repeatable = False
    text = "restart the thing"
    patience = Patience(every=timedelta(seconds=1), at_most=timedelta(seconds=30))

    def __init__(self, thing: Thing) -> None:
        self.thing = thing

    def check(self) -> None:
        if self.thing.refuses:
            raise Refused(self.thing.refuses)

    def read_baseline(self) -> Mapping[str, str]:
        return {"generation": str(self.thing.generation)}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        now = self.thing.generation
        if str(now) == mark.baseline["generation"]:
            return None
        return Evidence(kind=self.kind, reference=str(now), text=f"generation {now} after {mark.baseline}")

    def act(self, mark: Mark) -> Evidence | None:
        self.thing.change(mark.client_token)
        if self.thing.loses_answers:
            self.thing.loses_answers -= 1
            raise Retryable("the answer was lost")
        return None

    def read_effect(self, mark: Mark) -> Seen:
        if self.thing.blind_for:
            self.thing.blind_for -= 1
            raise Retryable("throttled")
        self.thing.looks += 1
        moved = self.thing.generation != int(mark.baseline["generation"])
        reached = moved and self.thing.looks > self.thing.looks_until_goal
        return Seen(reached=reached, text=f"generation {self.thing.generation}, {'up' if reached else 'starting'}")


class TokenChange(GenerationChange):
    """A provider that remembers the token it was given."""

    kind = EvidenceKind.CLIENT_TOKEN

    def find_evidence(self, mark: Mark) -> Evidence | None:
        if mark.client_token not in self.thing.tokens:
            return None
        return Evidence(kind=self.kind, reference=mark.client_token, text="the provider knows our token")


class BlindChange(GenerationChange):
    """A provider that shows nothing: the change sets a value, and setting it twice is harmless."""

    repeatable = True

    def find_evidence(self, mark: Mark) -> Evidence | None:
        return None


class FastWatch:
    """An hour passes in no time."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Mortal:
    """Counts the calls of several objects together and kills the process before or after one of them.

    `with` it: what is done inside ends where it is killed.
    """

    def __init__(self, die_at: int | None = None, *, after: bool = False) -> None:
        self.die_at = die_at
        self.after = after
        self.calls: list[str] = []
        self.died = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, Killed)

    def wrap(self, inner: Any) -> Any:
        return _Wrapped(inner, self)

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        mine = len(self.calls) == self.die_at
        self.calls.append(name)
        if mine and not self.after:
            self.died = True
            raise Killed(f"before {name}")
        done = call()
        if mine:
            self.died = True
            raise Killed(f"after {name}")
        return done


def mortals(*, rows: int, after: bool = False, every: int = 1) -> Iterator[Mortal]:
    """Processes that die one call (or `every`) later each time, until one survives; few `rows` would prove nothing."""
    for place in range(0, _MOST, every):
        mortal = Mortal(place, after=after)
        yield mortal
        if not mortal.died:
            assert place > rows, f"the matrix must have rows: it came to its end at call {place}"
            return
    raise AssertionError("it never came to its end")


class _Wrapped:
    def __init__(self, inner: Any, mortal: Mortal) -> None:
        self._inner = inner
        self._mortal = mortal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        return lambda *args, **given: self._mortal.around(name, lambda: found(*args, **given))
