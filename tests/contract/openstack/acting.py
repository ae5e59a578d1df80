"""What a step does with a change of a server, without journal and engine: intend, act, look until it is there."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import uuid4

from blocks.catalogue.model import Service
from blocks.ports.changes import Change, Evidence, Mark, Seen


def server(name: str) -> Service:
    """A service as the catalogue has it."""
    return Service(name=name, kind="openstack.server", site="dc", resource=name)


def intend(change: Change) -> Mark:
    """What the engine records before it acts."""
    change.check()
    key = uuid4().hex + uuid4().hex
    return Mark(key=key, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))


def reached(change: Change, mark: Mark, within_s: float = 60.0) -> Seen:
    """Looked at until the goal holds."""
    until = time.monotonic() + within_s
    while not (seen := change.read_effect(mark)).reached:
        assert time.monotonic() < until, seen.text
        time.sleep(0.3)
    return seen


def carried_out(change: Change, within_s: float = 60.0) -> tuple[Mark, Evidence]:
    """From the intent to the goal, with what proves it, given by the act and found again by a look."""
    mark = intend(change)
    assert change.find_evidence(mark) is None
    given = change.act(mark)
    assert given is not None
    reached(change, mark, within_s)
    assert change.find_evidence(mark) == given
    return mark, given
