"""How long were clients without service, what was lost, and what took the time?

The invariants, before any code:

1.  The RTO runs from the outage to the moment clients are served; detection, decision and execution are its parts and
    add up to it. A moment that nobody recorded leaves its parts unknown, and is never replaced by a guess.
2.  Where nothing was out (a switchover), the execution alone is held against the target; of a drill only those of its
    phases that a move has too: to make its copy takes no client's time.
3.  The critical path is read from what happened, not from what was planned: from the step that clients waited for
    last, each time back to the step that ended last before it began.
4.  What nobody could confirm as fenced is exposed from the first promotion until its fence is written down, and for as
    long as that is not.
5.  Waiting for people is counted apart, and overlapping waits once.

No I/O, no clock: what the journal holds is the argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from blocks.ports.approvals import granted_plan
from blocks.ports.drills import Drill
from blocks.ports.reports import Exposure, LossSaid, MoveSummary
from blocks.ports.runs import ActionKind, RunState, Step
from tasks.recovery.fences import unconfirmed
from tasks.reports.moves.values import Bar, MoveReport, Recorded, Wait

DRILL = "drill"
_AFTERWARDS = "settle"  # the phase that clients do not wait for
_LOOKS = frozenset({"check", "verify-data", "verify-clients"})  # phases that look: a look leaves no row that is done
_REHEARSED = ("promote", "verify-data")  # phases of a drill that stand for those of a move
_SAME_MOMENT = timedelta(milliseconds=50)
_STOPPED = frozenset({RunState.FAILED, RunState.PARKED, RunState.CANCELLED})


def build_report(recorded: Recorded) -> MoveReport:
    """The report of a move or drill as it stands now."""
    bars = [_bar(step) for step in recorded.steps]
    path = critical_path(_waited_for(bars, recorded))
    waits = tuple(sorted(_waits(recorded), key=lambda wait: (wait.begin, wait.end)))
    marked = tuple(replace(bar, is_critical=bar.key in path) for bar in bars)
    summary = _summary(recorded, marked, waits)
    begin, end = _extent(recorded, marked)
    return MoveReport(
        summary=summary,
        bars=marked,
        waits=waits,
        approvals=tuple(recorded.approvals),
        old_side=tuple(recorded.old_side),
        begin=begin,
        end=end,
    )


def critical_path(bars: Sequence[Bar]) -> frozenset[str]:
    """The keys of the steps that made it as long as it was: backwards, each time the one that ended last before."""
    done = [(bar, bar.end) for bar in bars if bar.end is not None]
    if not done:
        return frozenset()
    current, _ = max(done, key=_ended_last)
    path = {current.key}
    while earlier := [pair for pair in done if pair[0].key not in path and pair[1] <= current.begin + _SAME_MOMENT]:
        current, _ = max(earlier, key=_ended_last)
        path.add(current.key)
    return frozenset(path)


def _ended_last(pair: tuple[Bar, datetime]) -> tuple[datetime, datetime]:
    """Of two that ended at once the one that began later."""
    return pair[1], pair[0].begin


def together(waits: Sequence[Wait]) -> timedelta:
    """How long somebody was waited for, overlapping waits counted once."""
    whole, until = timedelta(0), datetime.min.replace(tzinfo=waits[0].begin.tzinfo) if waits else None
    for wait in sorted(waits, key=lambda each: each.begin):
        begin = wait.begin if until is None else max(wait.begin, until)
        if wait.end > begin:
            whole, until = whole + (wait.end - begin), wait.end
    return whole


# -- steps -------------------------------------------------------------------------------------


def _bar(step: Step) -> Bar:
    proof = step.evidence
    return Bar(
        key=step.key,
        phase=step.phase,
        item=step.item,
        text=step.text,
        begin=step.mark.intended_at,
        end=step.done_at,
        entered_count=step.entered_count,
        by_hand=step.by_hand,
        outcome=step.outcome,
        evidence=f"{proof.text} ({proof.kind.value} {proof.reference})" if proof is not None else "",
    )


def _waited_for(bars: Sequence[Bar], recorded: Recorded) -> list[Bar]:
    """The steps that clients waited for: those done when they were served, or before the settling where none were."""
    served = recorded.move.serving_at if recorded.move is not None else None
    if served is None:
        return [bar for bar in bars if bar.phase != _AFTERWARDS]
    return [bar for bar in bars if bar.end is not None and bar.end <= served + _SAME_MOMENT]


# -- waits -------------------------------------------------------------------------------------


def _waits(recorded: Recorded) -> Iterator[Wait]:
    for approval in recorded.approvals:
        yield Wait(kind="approval", begin=approval.asked_at, end=approval.settled_at or recorded.at)
    begun: datetime | None = None
    for action in recorded.actions:
        if action.kind is not ActionKind.RUN_MOVED:
            continue
        stopped = action.data.get("state") in {state.value for state in _STOPPED}
        if stopped and begun is None:
            begun = action.at
        elif not stopped and begun is not None:
            yield Wait(kind="stopped", begin=begun, end=action.at)
            begun = None
    if begun is not None:
        yield Wait(kind="stopped", begin=begun, end=recorded.at)


# -- numbers -----------------------------------------------------------------------------------


def _summary(recorded: Recorded, bars: Sequence[Bar], waits: Sequence[Wait]) -> MoveSummary:
    move, drill = recorded.move, recorded.drill
    decided = _decided_at(recorded)
    outage = move.outage_at if move is not None else None
    detected = move.detected_at if move is not None else None
    serving = move.serving_at if move is not None else None
    finished = serving if move is not None else _last(bar for bar in bars if bar.phase != _AFTERWARDS)
    seen = [count for count in recorded.old_side if count.client_count]
    return MoveSummary(
        kind=move.kind.value if move is not None else DRILL,
        platform=recorded.run.platform,
        state=move.state.value if move is not None else drill.verdict.value if drill is not None else "under_way",
        began_at=recorded.run.opened_at,
        from_site=move.from_site if move is not None else "",
        to_site=move.to_site if move is not None else "",
        outage_at=outage,
        detected_at=detected,
        decided_at=decided,
        serving_at=serving,
        detection_s=_between(outage, detected),
        decision_s=_between(detected, decided),
        execution_s=_between(decided, finished) if drill is None or move is not None else _rehearsed_s(drill),
        rto_s=_between(outage, serving),
        rto_target_s=recorded.rto.total_seconds(),
        rpo_target_s=recorded.rpo.total_seconds(),
        losses=_losses(recorded),
        step_count=len(_planned(recorded) | {(bar.phase, bar.item) for bar in bars}),
        done_count=sum(bar.end is not None for bar in bars),
        path_s=sum((bar.end - bar.begin).total_seconds() for bar in bars if bar.is_critical and bar.end is not None),
        people_s=together(waits).total_seconds(),
        old_side_most=max((count.client_count for count in seen), default=0),
        old_side_last_at=seen[-1].at if seen else None,
        leftovers=drill.leftovers if drill is not None else (),
        exposures=_exposures(recorded, bars),
    )


def _rehearsed_s(drill: Drill) -> float | None:
    """What the promotion and the suites of a drill took; None where it did not come so far."""
    took = [drill.durations.get(phase) for phase in _REHEARSED]
    return sum(each.total_seconds() for each in took if each is not None) if all(took) else None


def _losses(recorded: Recorded) -> tuple[LossSaid, ...]:
    losses = recorded.move.losses if recorded.move is not None else ()
    return tuple(
        LossSaid(data=loss.data, kind=loss.kind, rows=loss.rows, seconds=loss.seconds, saved_in=loss.saved_in)
        for loss in losses
    )


def _exposures(recorded: Recorded, bars: Sequence[Bar]) -> tuple[Exposure, ...]:
    """Of a move that promoted something: what was accepted without confirmation, and since when it is fenced."""
    granted, promoted = granted_plan(recorded.approvals), [bar.begin for bar in bars if bar.phase == "promote"]
    if granted is None or recorded.move is None or not promoted:
        return ()
    texts = {step.item: step.text for step in granted.plan.when_back}
    ended = {
        str(line.data["item"]): datetime.fromisoformat(str(line.data["to"]))
        for line in recorded.actions
        if line.kind is ActionKind.FENCED_LATE
    }
    return tuple(
        Exposure(text=texts[item], begin=min(promoted), end=ended.get(item))
        for item in unconfirmed(granted.plan.coverage)
        if item in texts
    )


def _planned(recorded: Recorded) -> set[tuple[str, str]]:
    """What is to be done; what is only looked at is not, or a move that went well would never be done with it."""
    granted = granted_plan(recorded.approvals)
    steps = granted.plan.steps if granted is not None else ()
    return {(step.phase, step.item) for step in steps if step.phase not in _LOOKS}


def _decided_at(recorded: Recorded) -> datetime | None:
    if recorded.move is not None and recorded.move.decided_at is not None:
        return recorded.move.decided_at
    granted = granted_plan(recorded.approvals)
    return granted.settled_at if granted is not None else None


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()


def _last(bars: Iterator[Bar]) -> datetime | None:
    return max((bar.end for bar in bars if bar.end is not None), default=None)


def _extent(recorded: Recorded, bars: Sequence[Bar]) -> tuple[datetime, datetime]:
    """From the first thing that counts to the last one: the outage or the request, the last step or service."""
    outage = recorded.move.outage_at if recorded.move is not None else None
    serving = recorded.move.serving_at if recorded.move is not None else None
    ends = [bar.end or recorded.at for bar in bars] + ([serving] if serving is not None else [])
    return outage or recorded.run.opened_at, max(ends, default=recorded.at)
