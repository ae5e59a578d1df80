"""What must be done when a step that changes the world is entered, for the first time or again?

The invariants, before any code:

1.  *The intent is written before the act*, with what the provider showed before it. Whoever enters the step
    again after a crash, a retry or a lost answer looks for the effect of that intent first.
2.  *A finished step is never entered again.* Its row in the journal is its result.
3.  *One act a step*, unless the provider shows that the first one never took effect, or doing it twice is
    harmless and declared so.
4.  *An act is not its effect.* A step ends well only when the goal was read back; an effect that never comes
    is a failure that says what was seen instead.
5.  *A stale lease acts on nothing.* The journal refuses intent, evidence and outcome written with one.
6.  *What somebody says was done by hand* is read back like everything else, and never done again.
7.  *A run that is to stop* begins no new step, and finishes the one that it is in.

`next_move` is the decision, pure; `perform` carries it out against the journal and one `Change`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.changes import Change, Evidence, Mark, Seen
from blocks.ports.runs import RunJournal, Step


class Move(StrEnum):
    """What to do with a step as it is entered."""

    SKIP = "skip"  # it has an outcome
    STOP = "stop"  # somebody asked the run to stop, and this step has not begun
    BEGIN = "begin"  # no intent yet: check, keep a baseline, write the intent, act
    LOOK = "look"  # an intent without proof: look for its effect before anything else
    AWAIT = "await"  # proof is there: wait for the goal
    READ_BACK = "read_back"  # somebody says it was done by hand: believe what is read


def next_move(step: Step | None, *, stop_requested: bool) -> Move:
    """The decision on entering a step; `step` is None before its intent."""
    if step is None:
        return Move.STOP if stop_requested else Move.BEGIN
    if step.is_done:
        return Move.SKIP
    if step.by_hand:
        return Move.READ_BACK
    return Move.LOOK if step.evidence is None else Move.AWAIT


class Stopped(Exception):
    """The run was asked to stop before this step began: not an error, it is parked as somebody asked."""

    rings = False  # whether somebody must be fetched to the parked run

    def __init__(self, who: str, before: str) -> None:
        super().__init__(f"stopped by {who} before: {before}")
        self.who = who
        self.before = before


def heed_stop(journal: RunJournal, run: UUID, before: str) -> None:
    """For whoever waits with nothing under way in the world. Raises `Stopped` where somebody asked the run to stop."""
    if who := journal.run(run).stop_requested_by:
        raise Stopped(who, before)


class Watch(Protocol):
    """Time as it passes for whoever waits; tests let it pass faster."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which step of which run, under which lease and plan."""

    run: UUID
    platform: str
    token: int
    phase: str
    item: str
    digest: str
    attempt: int = 1  # above 1 where the same is done once more, because it was undone since

    @property
    def key(self) -> str:
        """The step's key: root run, phase, item, plan digest and which attempt; the same at every try of it."""
        parts = [str(self.run), self.phase, self.item, self.digest, *([str(self.attempt)] if self.attempt > 1 else [])]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def done_before(journal: RunJournal, order: Order, say: Callable[[str], None] = lambda _: None) -> Step | None:
    """A step that an earlier try finished. Nothing is asked about it: what it stood on may be gone since."""
    step = journal.step(order.run, order.key)
    if step is None or not step.is_done:
        return None
    say(f"done before: {step.outcome}")
    return step


def perform(
    journal: RunJournal, order: Order, change: Change, watch: Watch, say: Callable[[str], None] = lambda _: None
) -> Step:
    """Carry a step through to its outcome, from wherever an earlier try left it. Returns the finished step.

    Raises `Stopped` before a step that has not begun, `Refused` by the change's own check or a stale lease,
    `Retryable` when the world does not answer, `Broken` when the goal was not reached in time.
    """
    run, step = journal.run(order.run), journal.step(order.run, order.key)
    move = next_move(step, stop_requested=bool(run.stop_requested_by))
    if move is Move.STOP:
        raise Stopped(run.stop_requested_by, change.text)
    if step is not None and move is Move.SKIP:
        say(f"done before: {step.outcome}")
        return step
    entry = _Entry(journal, order, change, watch, say)
    try:
        return entry.go(move)
    except VigieError as error:
        entry.note_failure(error)
        raise


@dataclass(frozen=True, slots=True)
class _Entry:
    """One try of one step."""

    journal: RunJournal
    order: Order
    change: Change
    watch: Watch
    say: Callable[[str], None]

    def go(self, move: Move) -> Step:
        step = self._intend(move)
        if move is Move.READ_BACK:
            return self._believe_what_is_read(step)
        evidence = self._look(step) if move is Move.LOOK else step.evidence
        if evidence is None:
            evidence = self._act(step.mark, again=move is Move.LOOK)
        seen = self._await_effect(step.mark)
        return self._finish(seen, evidence)

    def _intend(self, move: Move) -> Step:
        baseline: Mapping[str, str] = {}
        if move is Move.BEGIN:
            self.change.check()
            baseline = self.change.read_baseline()
        order = self.order
        return self.journal.intend(
            order.run,
            order.token,
            key=order.key,
            phase=order.phase,
            item=order.item,
            text=self.change.text,
            baseline=baseline,
        )

    def _look(self, step: Step) -> Evidence | None:
        give_up = self.watch.monotonic() + self.change.patience.shows_within.total_seconds()
        while (found := self.change.find_evidence(step.mark)) is None and self.watch.monotonic() < give_up:
            self.watch.sleep(self.change.patience.every.total_seconds())
        if found is None:
            self.say(f"an earlier try was interrupted and shows no effect, so it is done now: {self.change.text}")
            return None
        self.say(f"an earlier try took effect already: {found.text}")
        return self._keep(found)

    def _act(self, mark: Mark, *, again: bool) -> Evidence | None:
        if again:
            self.change.check()
        self.say(self.change.text)
        given = self.change.act(mark)
        return self._keep(given if given is not None else self.change.find_evidence(mark))

    def _keep(self, evidence: Evidence | None) -> Evidence | None:
        if evidence is not None:
            self.journal.keep_evidence(self.order.run, self.order.token, self.order.key, evidence)
        return evidence

    def _finish(self, seen: Seen, evidence: Evidence | None) -> Step:
        return self.journal.finish_step(self.order.run, self.order.token, self.order.key, seen.text, evidence)

    def _believe_what_is_read(self, step: Step) -> Step:
        seen = self.change.read_effect(step.mark)
        if not seen.reached:
            raise Refused(
                f"{step.by_hand} says that this was done by hand, but it does not show: {seen.text}",
                where=self.order.platform,
                next_step=f"do it ({self.change.text}) and retry the run",
            )
        return self._finish(seen, self.change.find_evidence(step.mark))

    def _await_effect(self, mark: Mark) -> Seen:
        """Look until the goal holds. A look that fails is repeated, within the same patience."""
        patience, began = self.change.patience, self.watch.monotonic()
        give_up, told = began + patience.at_most.total_seconds(), ""
        while True:
            seen = self._one_look(mark, give_up)
            if seen.text != told:
                self.say(seen.text if seen.reached else f"waiting: {seen.text}")
                told = seen.text
            if seen.reached:
                return seen
            if self.watch.monotonic() >= give_up:
                raise Broken(
                    f"{self.change.text} did not reach its goal within {patience.at_most}: {seen.text}",
                    where=self.order.platform,
                    next_step="look at it; a retry of the run waits again, it does not repeat what took effect",
                )
            self.watch.sleep(patience.pause_s(self.watch.monotonic() - began))

    def _one_look(self, mark: Mark, give_up: float) -> Seen:
        try:
            return self.change.read_effect(mark)
        except Retryable as error:
            if self.watch.monotonic() >= give_up:
                raise
            return Seen(reached=False, text=f"cannot be seen at the moment: {error}")

    def note_failure(self, error: VigieError) -> None:
        """Kept where there is a row to keep it with; a journal that fails now hides no first cause."""
        try:
            if self.journal.step(self.order.run, self.order.key) is not None:
                self.journal.fail_step(self.order.run, self.order.token, self.order.key, str(error))
        except VigieError as second:
            error.add_note(f"and the journal could not keep this: {second}")
