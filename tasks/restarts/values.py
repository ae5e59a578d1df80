"""What a restart found before and after, and what it did."""

from __future__ import annotations

from dataclasses import dataclass

from blocks.ports.health import State


@dataclass(frozen=True, slots=True)
class Look:
    """How a service was at one moment: its worst state, and a sentence for each check that is not well."""

    service: str
    state: State
    checks_count: int
    wrong: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """'device-api is ok (5 checks)', or what is wrong with it."""
        if not self.wrong:
            return f"{self.service} is {self.state.value} ({self.checks_count} checks)"
        return f"{self.service} is {self.state.value}: {'; '.join(self.wrong)}"


@dataclass(frozen=True, slots=True)
class RestartReport:
    """The whole restart, for whoever asked for it."""

    platform: str
    service: str
    before: Look
    after: Look
    done: tuple[str, ...]  # what each step found when its goal was reached

    def __str__(self) -> str:
        """For log, message and journal."""
        return f"{'; '.join(self.done)}. Before: {self.before.sentence}. After: {self.after.sentence}."
