"""Has that deployment of Prefect's run to a good end, once?

A step of a plan starts it under the step's key, which Prefect keeps with the run: so the evidence is the run itself,
and whoever enters the step again follows the run that is there. The rules: a run that ended badly fails the step with
what it said, and is never started a second time by us; whoever mends it retries that very run in Prefect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from blocks.errors import Broken, Refused
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.orchestration import Deployments, FlowRunView, RunPhase, Scalar, Startable

_LOOK_EVERY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRun:
    """One run of one deployment, followed to its end."""

    opened: Callable[[], AbstractContextManager[Deployments]]
    name: str  # flow/deployment
    parameters: Mapping[str, Scalar]
    text: str
    within: timedelta
    why_not: Callable[[Startable | None], str]  # empty where it may be started
    repeatable: bool = False

    @property
    def patience(self) -> Patience:
        """As long as the plan gives it. What Prefect took shows at once."""
        return Patience(every=_LOOK_EVERY, at_most=self.within)

    def check(self) -> None:
        """Raises `Refused` for one that is unknown, or must not be started from here."""
        self._startable()

    def read_baseline(self) -> Mapping[str, str]:
        """Which deployment it is, in case its name is given to another."""
        return {"deployment": str(self._startable().id)}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """The run that was started under our key."""
        with self.opened() as prefect:
            found = prefect.started_as(mark.key)
        return None if found is None else self._evidence(found)

    def act(self, mark: Mark) -> Evidence | None:
        """Start it."""
        deployment = self._startable().id
        with self.opened() as prefect:
            return self._evidence(prefect.start_once(deployment, self.parameters, key=mark.key))

    def read_effect(self, mark: Mark) -> Seen:
        """How far its run is. Raises `Broken` with what it said, where it ended badly."""
        with self.opened() as prefect:
            found = prefect.started_as(mark.key)
            seen = None if found is None else prefect.view(found)
        if seen is None:
            raise Broken(
                f"Prefect no longer has the run of {self.name} that this step started",
                where=self.name,
                next_step="see what it did; when it is done say that it was done by hand, and retry this run",
            )
        if seen.phase.is_final and seen.phase is not RunPhase.COMPLETED:
            raise self._failed(seen)
        return Seen(reached=seen.phase is RunPhase.COMPLETED, text=f"run {seen.name} of {self.name} {_how(seen)}")

    def _failed(self, seen: FlowRunView) -> Broken:
        said = f": {seen.message}" if seen.message else ""
        return Broken(
            f"run {seen.name} of {self.name} ended as {seen.state_name or seen.phase.value}{said}",
            where=seen.url or self.name,
            next_step="mend it and retry that run in Prefect, then retry this one: it follows it, and starts no other",
        )

    def _startable(self) -> Startable:
        with self.opened() as prefect:
            found = prefect.deployment(self.name)
        if (why := self.why_not(found)) or found is None:
            raise Refused(
                why, where=self.name, next_step="create it in Prefect as the plan wants it, then retry this run"
            )
        return found

    def _evidence(self, run: UUID) -> Evidence:
        text = f"Prefect runs {self.name} as {run}, under the key of this step"
        return Evidence(kind=EvidenceKind.OPERATION, reference=str(run), text=text)


def _how(seen: FlowRunView) -> str:
    if seen.phase is RunPhase.COMPLETED:
        return "ended well"
    if seen.phase is RunPhase.SUSPENDED:
        return "waits for somebody on its own page"
    return f"is {seen.phase.value}"
