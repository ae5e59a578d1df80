"""A run is resumed when its announcement is out: counted first, shown, waited for, and only then begun again."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import pytest

from tasks.runs import caring

RUN = SimpleNamespace(id=uuid4(), platform="hearth")


class World:
    """The journal, Prefect, the channel and the clock, with everything that happens in its order."""

    def __init__(self, *, shown_after: int) -> None:
        self.happened: list[str] = []
        self.now, self._shown_after = 0.0, shown_after

    def count_resume(self, run) -> int:
        self.happened.append("counted")
        return 2

    def is_being_shown(self, run, purpose) -> bool:
        assert (run, purpose) == (RUN.id, "progress")
        self._shown_after -= 1
        if self._shown_after < 0:
            self.happened.append("out")
        return self._shown_after >= 0

    def retry(self, run, reason) -> None:
        self.happened.append(reason)

    def sleep(self, seconds) -> None:
        self.now += seconds


@pytest.fixture
def resumed(monkeypatch):
    """`resumed(shown_after=looks)` -> what happened."""

    def resume(*, shown_after):
        world = World(shown_after=shown_after)
        monkeypatch.setattr(caring, "time", SimpleNamespace(monotonic=lambda: world.now, sleep=world.sleep))
        monkeypatch.setattr(caring, "show_run", lambda run, platform: world.happened.append(f"shown for {platform}"))
        caring._resume(world, world, RUN, "it crashed")
        return world

    return resume


@pytest.mark.parametrize("looks", [0, 1, 7])
def test_it_waits_until_whoever_took_the_announcement_has_sent_it(resumed, looks):
    world = resumed(shown_after=looks)
    assert world.happened == ["counted", "shown for hearth", "out", "resumed automatically, attempt 2: it crashed"]


def test_a_door_that_is_down_keeps_nobody_from_working(resumed):
    world = resumed(shown_after=10_000)
    assert world.happened == ["counted", "shown for hearth", "resumed automatically, attempt 2: it crashed"]
    assert world.now == pytest.approx(caring._SHOWN_WITHIN_S, abs=0.2)
