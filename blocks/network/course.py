"""How far did one probe get?

When time runs out, "no answer" alone helps nobody: a machine that drops packets, a process that
accepts and then says nothing, and a page that stops half-way have different causes. A `Course` is
carried along one probe and remembers the stage it has reached.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from blocks.ports.health import Finding, Measurement, Unit

if TYPE_CHECKING:
    import asyncio
    import socket
    from datetime import timedelta

    import aiohttp

    from blocks.clock import Clock


class Stage(StrEnum):
    """Where a probe is, in the order it goes."""

    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    HEADERS = "headers"
    BODY = "body"


@dataclass(slots=True)
class Course:
    """One probe on its way. `finding` and `measurements` are what it would report if it ended now."""

    clock: Clock
    begin: float
    timeout: timedelta
    stage: Stage = Stage.NAME
    socket: socket.socket | None = None
    line: asyncio.Transport | None = None
    answer: aiohttp.ClientResponse | None = None
    finding: Finding | None = None
    measurements: tuple[Measurement, ...] = ()
    received_bytes: int = 0

    def elapsed_ms(self) -> float:
        """Milliseconds since the probe began."""
        return (self.clock.monotonic() - self.begin) * 1000

    def latency(self) -> Measurement:
        """The time until now, as the measurement `latency`."""
        return Measurement("latency", self.elapsed_ms(), Unit.MILLISECONDS)

    def drop(self) -> None:
        """Cut the connection at once: whatever else comes over it is of no interest."""
        if self.answer is not None:
            self.answer.close()
        if self.line is not None:
            self.line.abort()

    def let_go(self) -> None:
        """Forget the connection, which knows this course: else each probe leaves a circle for the collector."""
        self.socket = self.line = self.answer = None

    def look(self) -> None:
        """Is the connection itself up? Called just before time runs out, while the socket is still open."""
        if self.stage is not Stage.CONNECT or self.socket is None:
            return
        try:
            self.socket.getpeername()
        except OSError:
            return
        self.stage = Stage.TLS


class Outcome(NamedTuple):
    """What a probe of one kind yields: measurements, a finding, or both."""

    measurements: tuple[Measurement, ...] = ()
    finding: Finding | None = None


current: ContextVar[Course | None] = ContextVar("vigie_probe_course", default=None)
