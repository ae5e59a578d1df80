"""One row: brought to its place, killed there, and left alone until it is over. What was done, and how long it took?

Recovery is the product's own: the resumer starts by its schedule (every minute) and by its automation (at a crash),
and nobody here calls it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from blocks.ports.runs import ActionKind, RunState
from tests.crash.parts import MACHINE, RESTART_AFTER_S, Parts, patiently
from tests.crash.rows import BOTH, Row, Scene, begin, strike
from tests.scenario.runs.conftest import Desk

_SHOWS_WITHIN_S = 5.0  # what a provider was asked for before the death has happened by then
_OVER_WITHIN_S = 900.0
_TOLD_WITHIN_S = 300.0
_MOST_TRIES = 4


class MissedError(Exception):
    """It died elsewhere than the row says."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table. `seconds` is from the kill to being back (asleep with its question, or done)."""

    key: str
    effects: int
    found: str
    journal: str
    prefect: str
    is_true: bool
    untrue: str
    asked: int
    resumed: int
    entered: int
    seconds: float
    run: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def holds(self) -> bool:
        """One effect, and a state that is true."""
        return self.effects == 1 and self.is_true


def measure(desk: Desk, parts: Parts, row: Row, say) -> Measured:
    """Raises AssertionError when the row never comes to its place or never ends."""
    for _ in range(_MOST_TRIES):
        try:
            return _once(desk, parts, row, say)
        except MissedError as missed:
            say(f"{row.key}: {missed}; once more")
            make_ready(desk, parts)
    raise AssertionError(f"{row.key}: missed its place {_MOST_TRIES} times")


def make_ready(desk: Desk, parts: Parts) -> None:
    """No run is open, nothing is broken, every part is well."""
    parts.start_again(MACHINE)
    desk.until(lambda: patiently(parts.are_well, otherwise=False), "every part is well", 180, 1)
    desk.azure_whole()
    desk.sandbox.mend()
    for run in desk.journal.runs(states=[each for each in RunState if not each.is_over]):
        desk.until(lambda run=run: desk.has_left(run.id), "no process is left", 180, 1)
        if not desk.run(run.id).state.is_over:  # it may have come to its own end while its process left
            desk.journal.move_run(run.id, RunState.VOID, reason="of an earlier row")


def _once(desk: Desk, parts: Parts, row: Row, say) -> Measured:
    before = desk.restarts()
    scene = begin(desk, parts, row)
    struck = strike(scene, row)
    say(f"{row.key}: killed {row.what}, {row.where} ({scene.run})")
    _must_have_died_there(scene, row, before)
    _start_again(parts, row, struck)
    back = _await_back(scene, row)
    say(f"{row.key}: back after {back - struck:.0f} s")
    if row.asleep:
        desk.azure_whole()
        desk.approve(scene.run, *BOTH)
        _await_done(scene)
    prefect = _told(desk, scene.run)
    kinds = desk.kinds(scene.run)
    untrue = _untrue(desk, scene.run, prefect)
    return Measured(
        key=row.key,
        effects=desk.restarts() - before,
        found=_found(desk, scene.run),
        journal=desk.run(scene.run).state.value,
        prefect=prefect,
        is_true=not untrue,
        untrue=untrue,
        asked=kinds.count(ActionKind.APPROVAL_ASKED),
        resumed=kinds.count(ActionKind.RUN_RESUMED),
        entered=desk.steps(scene.run)[0].entered_count if desk.steps(scene.run) else 0,
        seconds=round(back - struck, 1),
        run=str(scene.run),
    )


def _start_again(parts: Parts, row: Row, struck: float) -> None:
    if row.started_again:
        time.sleep(max(0.0, struck + RESTART_AFTER_S - time.monotonic()))
        parts.start_again(row.started_again)


def _must_have_died_there(scene: Scene, row: Row, before: int) -> None:
    """The journal's newest line of the run, and what the provider saw, before anybody goes on with it."""
    desk, run = scene.desk, scene.run
    kinds = patiently(lambda: desk.kinds(run), otherwise=[row.last])  # a journal that was killed cannot be asked
    newest = [kind for kind in kinds if kind is not ActionKind.RUN_MOVED][-1]
    if row.last is not None and newest is not row.last:
        raise MissedError(f"it died after {newest} and not after {row.last}")
    if row.suspended and (state := desk.sandbox.call(f"/flow_runs/{run}")["state"]["name"]) != "Suspended":
        raise MissedError(f"the run is {state} already")
    if row.effects_at_death is not None:
        time.sleep(_SHOWS_WITHIN_S)
        seen = desk.restarts() - before
        if seen != row.effects_at_death:
            raise MissedError(f"the provider had seen {seen} restarts and not {row.effects_at_death}")
    if row.is_process:
        desk.azure_whole()
        desk.sandbox.mend()


def _await_back(scene: Scene, row: Row) -> float:
    if not row.asleep:
        return _await_done(scene)
    desk, run = scene.desk, scene.run

    def sleeps() -> bool:
        return desk.sandbox.call(f"/flow_runs/{run}")["state"]["name"] == "Suspended"

    desk.until(lambda: patiently(sleeps, otherwise=False), "it sleeps with its question", _OVER_WITHIN_S, 0.2)
    return time.monotonic()


def _await_done(scene: Scene) -> float:
    def over() -> bool:
        state = scene.desk.run(scene.run).state
        return state.is_over or state in {RunState.PARKED, RunState.FAILED, RunState.CANCELLED}

    scene.desk.until(lambda: patiently(over, otherwise=False), "it is over", _OVER_WITHIN_S, 0.2)
    return time.monotonic()


def _told(desk: Desk, run: UUID) -> str:
    """What Prefect calls it, once it has heard of the end."""
    give_up = time.monotonic() + _TOLD_WITHIN_S
    name = "unknown"
    while time.monotonic() < give_up and name != "Completed":
        name = patiently(lambda: desk.sandbox.call(f"/flow_runs/{run}")["state"]["name"], otherwise=name)
        time.sleep(0.5)
    return name


def _untrue(desk: Desk, run: UUID, prefect: str) -> str:
    """What is not as it must be after a restart that was done; empty when all is."""
    desk.until(lambda: desk.has_left(run), "its process leaves", 120)
    state = desk.run(run).state
    said = [] if state is RunState.DONE else [f"the journal says {state.value}"]
    said += [] if prefect == "Completed" else [f"Prefect says {prefect}"]
    said += [] if [step.is_done for step in desk.steps(run)] == [True] else ["its step has no outcome"]
    said += [] if desk.journal.lease("hearth") is None else ["the lease is still held"]
    with suppress(Exception):
        desk.journal.verify_actions("hearth")
        return "; ".join(said)
    return "; ".join([*said, "the chain of the journal is broken"])


def _found(desk: Desk, run: UUID) -> str:
    """What whoever went on found of the step, in the words of the journal."""
    kinds, (step,) = desk.kinds(run), desk.steps(run)
    evidence = step.evidence.kind.value if step.evidence else "none"
    if ActionKind.RUN_RESUMED not in kinds:
        entered = (
            "never interrupted" if step.entered_count == 1 else f"entered {step.entered_count} times by its process"
        )
        return f"nothing to look for: the step was {entered} ({evidence})"
    then = kinds[: kinds.index(ActionKind.RUN_RESUMED)]
    if ActionKind.STEP_INTENDED not in then:
        return f"no intent: begun afterwards ({evidence})"
    if ActionKind.STEP_DONE in then:
        return f"the outcome: nothing entered again ({evidence})"
    if ActionKind.STEP_EVIDENCE in then:
        return f"recorded evidence: only the goal awaited ({evidence})"
    acted = "shows no effect" in desk.logs(run)
    return (
        f"intent without effect: acted ({evidence})"
        if acted
        else f"intent and its effect: not acted again ({evidence})"
    )
