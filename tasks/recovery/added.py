"""What exactly does a step of a plan's own do: which request, which deployment with what, which question?

Pure. The rules: everything that is approved stands in the step's text, in full or by its mark, so that what the
catalogue says later is never done on an earlier yes; a deployment that asks for an approval of its own, or would move
a platform, is no step of another move.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import AddedStep, PlanStepKind
from blocks.catalogue.recovery_steps import PLACEHOLDERS
from blocks.errors import Broken
from blocks.network.wording import plain_url
from blocks.ports.orchestration import Scalar, Startable
from blocks.ports.recovery import MoveKind
from tasks.recovery.items import Item, Verb

VERBS = {PlanStepKind.CALL: Verb.CALL, PlanStepKind.DEPLOYMENT: Verb.RUN_DEPLOYMENT, PlanStepKind.ASK: Verb.ASK}
ADDED = frozenset(VERBS.values())
"""The verbs of a plan's own steps."""
PATIENCE = {
    PlanStepKind.CALL: timedelta(minutes=1),
    PlanStepKind.DEPLOYMENT: timedelta(minutes=30),
}
"""How long one may take that does not say: a call with what is transient, a deployment's run to its end."""
RUNBOOK = "runbook"
_STEERS = "steer-run"
_MARK = 8


@dataclass(frozen=True, slots=True)
class Added:
    """A step of the plan's own in one move."""

    step: AddedStep
    platform: str
    move: str
    from_site: str
    to_site: str

    @property
    def item(self) -> Item:
        return Item(VERBS[self.step.kind], self.step.name, self.to_site)

    @property
    def text(self) -> str:
        """What is approved, and what people know the step by."""
        step = self.step
        if step.kind is PlanStepKind.ASK:
            return f"ask a person: {step.text}"
        if step.kind is PlanStepKind.CALL:
            expected = "/".join(str(status) for status in step.expect_status)
            return f"{step.text}: {step.method} {plain_url(step.url or '')} answers {expected} [{self._mark}]"
        whole = sorted(self.parameters.items())
        given = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in whole)
        return f"{step.text}: run {step.deployment}{f' with {given}' if given else ''} [{self._mark}]"

    @property
    def parameters(self) -> dict[str, Scalar]:
        """Of a deployment, with what only the move knows filled in."""
        known: dict[str, str] = dict(
            zip(PLACEHOLDERS, (self.platform, self.move, self.from_site, self.to_site), strict=True)
        )
        given = self.step.parameters.items()
        return {name: known.get(value, value) if isinstance(value, str) else value for name, value in given}

    @property
    def within(self) -> timedelta:
        """How long it may take."""
        return self.step.within or PATIENCE.get(self.step.kind, timedelta(0))

    @property
    def can_be_looked_at(self) -> bool:
        """Whether something can speak against it beforehand: a deployment that is not there, a secret for no host."""
        return self.step.kind is PlanStepKind.DEPLOYMENT or self.step.credentials is not None

    @property
    def _mark(self) -> str:
        """Eight digits of everything that it does: a body, a header or an expectation cannot change unseen."""
        place = {"name", "text", "when", "phase", "order", "moves", "within", "timeout"}
        whole = self.step.model_dump(mode="json", exclude=place, exclude_defaults=True)
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:_MARK]


def added_of(platform: Platform, item: Item, move: str, from_site: str) -> Added:
    """The plan's own step that an item means. Raises `Broken` where the catalogue no longer has it."""
    step = platform.recovery.steps.get(item.thing) if platform.recovery else None
    if step is None or VERBS[step.kind] is not item.verb:
        raise Broken(
            f"the recovery plan of {platform.name} has no step {item.thing!r} of that kind any more",
            where="the catalogue",
            next_step="write it back and run vigie apply, then retry this run; or say that it was done by hand",
        )
    return Added(step, platform.name, move, from_site, item.site)


def added_for(platform: Platform, move: str, from_site: str, to_site: str) -> list[Added]:
    """Every step of the plan's own that is taken in this move; a restore to a moment takes those of a failover."""
    steps = platform.recovery.steps.values() if platform.recovery else ()
    known_as = MoveKind.FAILOVER.value if move == MoveKind.RESTORE.value else move
    return [Added(step, platform.name, move, from_site, to_site) for step in steps if known_as in step.moves]


def why_not_run(name: str, found: Startable | None, parameters: Mapping[str, Scalar], guarded: AbstractSet[str]) -> str:
    """Why this deployment cannot be a step of a move; empty where nothing speaks against it.

    `guarded` are the flows that approvals.yaml asks an approval for.
    """
    if found is None:
        return f"Prefect has no deployment {name}"
    if RUNBOOK in found.tags or found.flow in guarded or found.flow == _STEERS:
        return f"{name} asks for an approval of its own and may change a platform: it is no step of another move"
    known = found.schema.get("properties") or {}
    if unknown := sorted(parameters.keys() - known.keys()):
        return f"{name} has no parameter {', '.join(unknown)}"
    if missing := sorted(set(found.schema.get("required") or ()) - parameters.keys()):
        return f"{name} cannot be started without {', '.join(missing)}"
    return ""
