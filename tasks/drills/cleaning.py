"""Remove what a drill made, and write down what it showed and what is still there.

The rule: what is removed was leased by that very run and bears its mark (leftovers.py); what cannot be removed is said
in the drill's own record, so that whoever reads its report sees it, and stays leased for the sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from prefect.logging import get_run_logger

from blocks.errors import Refused, Retryable, VigieError
from blocks.journal.opening import open_journal
from blocks.ports.changes import Change, Mark
from blocks.ports.drills import Drill, DrillJournal, LeasedResource
from tasks.core.retries import JOURNAL
from tasks.core.step import record_step
from tasks.drills.decide import durations_by_phase, verdict_of
from tasks.drills.leftovers import assess_leftover
from tasks.recovery.opening import Parts, parts_of


@record_step(retry=JOURNAL, run_name="remove what the drill made")
def clean_up(platform: str, run: UUID) -> tuple[str, ...]:
    """Everything that this run leased and has not freed, newest first; what is still there, a sentence each."""
    parts, failed = parts_of(platform), list[str]()
    say = get_run_logger().info
    with open_journal() as journal:
        for resource in journal.leased_resources(run):
            if why := remove(journal, parts, resource, lambda said: say("%s", said)):
                failed.append(f"{resource.reference}: {why}")
    return tuple(failed)


def remove(journal: DrillJournal, parts: Parts, resource: LeasedResource, say: Callable[[str], None]) -> str:
    """Remove one and free it; why it is still there, empty when it is gone."""
    ours = assess_leftover(resource, parts.platform)
    try:
        if ours.why:
            raise Refused(ours.why, where=resource.platform, next_step="a person looks; nothing was removed")
        discard(parts.member(ours.data, ours.site).copy(ours.name).discard(), resource)
    except VigieError as error:
        say(f"{resource.reference} stays: {error}")
        return str(error)
    journal.free_resource(resource.run, kind=resource.kind, reference=resource.reference)
    say(f"{resource.reference} is gone")
    return ""


def discard(change: Change, resource: LeasedResource) -> None:
    """Ask for it, and look until it is gone. Raises what the host raises, `Retryable` when it takes too long."""
    mark = Mark(key=uuid4().hex + uuid4().hex, run=resource.run, intended_at=resource.leased_at)
    change.act(mark)
    patience = change.patience
    give_up = time.monotonic() + patience.at_most.total_seconds()
    while not (seen := change.read_effect(mark)).reached:
        if time.monotonic() > give_up:
            raise Retryable(f"{resource.reference} is still there after {patience.at_most}: {seen.text}")
        time.sleep(patience.every.total_seconds())


@record_step(retry=JOURNAL, run_name="keep what the drill showed")
def keep_drill(
    run: UUID,
    *,
    text: str,
    faults: Sequence[str] = (),
    leftovers: Sequence[str] = (),
    stopped: bool = False,
    judged: Mapping[str, timedelta] | None = None,
) -> Drill:
    """Its verdict, how long its phases took, and what is left over."""
    with open_journal() as journal:
        return journal.keep_drill(
            run,
            verdict=verdict_of(faults, leftovers, stopped=stopped),
            text=text,
            leftovers=leftovers,
            durations=durations_by_phase(journal.steps(run), judged or {}),
        )
