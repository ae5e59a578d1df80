"""Every way to break a service that the demonstration tells of: found, explained by its root, closed by evidence."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from blocks.journal.block import open_journal
from deployments.commands.demo import EVERY, chapters
from deployments.sandbox.faults import How
from tests.scenario.test_sweeps import incidents, start_well, sweep

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]
_TELLINGS = 3


def test_every_way_of_breaking_has_its_story():
    assert {story.how for story in EVERY} == set(get_args(How))


@pytest.mark.parametrize("chapter", chapters(EVERY), ids=lambda told: "+".join(f"{s.service}-{s.how}" for s in told))
async def test_what_breaks_is_found_explained_and_closed(sandbox, chapter):
    for _ in range(_TELLINGS):
        told = [each for story in await tell(sandbox, chapter) for each in story]
        if not any(busy(incident) for incident, _ in told):
            break
    for incident, events in told:
        assert incident.closed_at is not None, incident.sentence
        assert events[-1].kind.value == "closed"


async def tell(sandbox, chapter):
    """The chapter's incidents at its end, with what was written of each."""
    start_well(sandbox)
    for story in chapter:
        sandbox.break_(f"{story.platform}/{story.service}", story.how)
    await asyncio.gather(*(sweep(story.platform) for story in chapter))
    found = {story: incidents(story.platform) for story in chapter}
    for story, opened in found.items():
        assert [incident.root for incident in opened] == [story.root]
        assert opened[0].sentence
    sandbox.mend()
    for _ in range(3):  # a standby, a metric or a queue may need a moment to be well again
        await asyncio.gather(*(sweep(story.platform) for story in chapter if incidents(story.platform)))
    with open_journal() as journal:
        return [[journal.incident(incident.id) for incident in opened] for opened in found.values()]


def busy(incident):
    """A machine without a moment to answer within a check's limit made the mended service flap: it is told anew."""
    return incident.closed_at is None and "flapping" in incident.sentence and "latency" in incident.sentence
