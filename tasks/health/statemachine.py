"""Is it broken, or was it one blip?

Icinga 2's soft and hard states: a first bad result is soft; `attempts` bad results in a row make it
hard; once hard, another kind of bad is hard at once; ok is always hard and ends everything. The
attempt counter goes back to 1 when a state becomes hard.

A check never seen (`fresh=False`) is neither ok nor bad: its first bad result is attempt 1, and its
first result counts as a change for flapping unless it says `unknown`, which it was already.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from blocks.catalogue.model import CheckBase
from blocks.ports.health import CheckAssessment, CheckKey, CheckStatus, Mode, State, Transition
from tasks.health.flapping import flapping_pct, is_flapping, record_change


def advance(
    status: CheckStatus,
    state: State,
    sentence: str,
    attempts: int,
    at: datetime,
    *,
    key: CheckKey,
    numbers: Mapping[str, float | str] | None = None,
) -> CheckAssessment:
    """The status after one more result, and what that changed.

    A result that is not newer than the last one (`checked_at`) changes nothing. A flapping start or
    end outranks the problem or recovery that came with it. `numbers` are what the sentence is made of.
    """
    if status.checked_at is not None and at <= status.checked_at:
        return CheckAssessment(key=key, status=status, transition=Transition.NONE, sentence=status.sentence)
    after = _after(status, state, sentence, attempts, at, numbers=numbers or {})
    transition = _transition(status, after)
    return CheckAssessment(key=key, status=after, transition=transition, sentence=_tell(transition, after, attempts))


def needs_recheck(status: CheckStatus, check: CheckBase) -> bool:
    """Must the sweep look again before it believes a problem? Only soft problems, and never without end."""
    return status.mode is Mode.SOFT and status.attempt < check.attempts


def _after(
    status: CheckStatus, state: State, sentence: str, attempts: int, at: datetime, *, numbers: Mapping[str, float | str]
) -> CheckStatus:
    mode, attempt = _mode_and_attempt(status, state, attempts)
    history = record_change(status.flap_changes, changed=state is not _state_before(status))
    is_hard = mode is Mode.HARD
    is_new_hard = is_hard and (state is not status.last_hard or status.hard_since is None)
    is_same = status.fresh and state is status.state
    return CheckStatus(
        state=state,
        mode=mode,
        attempt=attempt,
        last_hard=state if is_hard else status.last_hard,
        since=status.since or at if is_same else at,
        hard_since=at if is_new_hard else status.hard_since,
        checked_at=at,
        flap_changes=history,
        flapping=is_flapping(history, was_flapping=status.flapping),
        sentence=sentence,
        numbers=numbers,
        fresh=True,
    )


def _state_before(status: CheckStatus) -> State:
    return status.state if status.fresh else State.UNKNOWN


def _mode_and_attempt(status: CheckStatus, state: State, attempts: int) -> tuple[Mode, int]:
    if state is State.OK:
        return Mode.HARD, 1
    was_problem = status.fresh and status.state.is_problem
    if was_problem and status.mode is Mode.HARD:
        return Mode.HARD, 1
    attempt = status.attempt + 1 if was_problem else 1
    return (Mode.HARD, 1) if attempt >= attempts else (Mode.SOFT, attempt)


def _transition(before: CheckStatus, after: CheckStatus) -> Transition:
    if after.flapping is not before.flapping:
        return Transition.FLAPPING_STARTED if after.flapping else Transition.FLAPPING_ENDED
    if after.mode is Mode.SOFT:
        return Transition.SOFT
    if after.state is before.last_hard:
        return Transition.NONE
    return Transition.PROBLEM if after.state.is_problem else Transition.RECOVERY


def _tell(transition: Transition, after: CheckStatus, attempts: int) -> str:
    match transition:
        case Transition.NONE:
            return after.sentence
        case Transition.SOFT:
            seen = f"{after.state.value} seen {after.attempt} of {attempts} times, not confirmed yet"
            return f"{seen}: {after.sentence}"
        case Transition.PROBLEM:
            return f"{after.state.value}: {after.sentence}"
        case Transition.RECOVERY:
            return f"ok again: {after.sentence}"
        case Transition.FLAPPING_STARTED:
            changes = f"{flapping_pct(after.flap_changes):.0f} % of the last 20 results"
            return f"flapping, the state changed in {changes}; now {after.state.value}: {after.sentence}"
        case Transition.FLAPPING_ENDED:
            return f"no longer flapping; now {after.state.value}: {after.sentence}"
