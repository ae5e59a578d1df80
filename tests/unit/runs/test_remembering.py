"""What a run has just read from Prefect it is not asked for again, for seconds; nobody else has anything of it."""

from __future__ import annotations

import threading
import time

import pytest

from tasks.core import remembering
from tasks.core.remembering import KEPT_FOR_S, remembered


class Saved:
    """Something saved in Prefect, and how often it was read."""

    def __init__(self):
        self.reads, self.fault, self.takes_s = 0, None, 0.0

    def load(self):
        self.reads += 1
        time.sleep(self.takes_s)
        if self.fault:
            raise self.fault
        return object()


@pytest.fixture
def saved():
    return Saved()


@pytest.fixture
def now(monkeypatch):
    """A clock that a test sets."""
    clock = {"now": 100.0}
    monkeypatch.setattr(remembering.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(remembering, "_kept", {})
    monkeypatch.setattr(remembering, "_turns", {})
    return clock


@pytest.fixture
def in_run(monkeypatch):
    return lambda run: monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run)


def test_once_a_run_for_some_seconds(now, in_run, saved):
    in_run("one")
    first = remembered("reader", "hearth", saved.load)
    now["now"] += KEPT_FOR_S - 0.01
    assert remembered("reader", "hearth", saved.load) is first
    now["now"] += 0.02
    assert remembered("reader", "hearth", saved.load) is not first
    assert saved.reads == 2


def test_another_run_kind_or_name_is_another_thing(now, in_run, saved):
    in_run("one")
    for kind, name in (("reader", "hearth"), ("operator", "hearth"), ("reader", "storefront")):
        remembered(kind, name, saved.load)
    in_run("two")
    remembered("reader", "hearth", saved.load)
    assert saved.reads == 4


def test_outside_of_a_run_nothing_is_kept(now, monkeypatch, saved):
    monkeypatch.delenv("PREFECT__FLOW_RUN_ID", raising=False)
    remembered("reader", "hearth", saved.load)
    remembered("reader", "hearth", saved.load)
    assert saved.reads == 2


def test_what_could_not_be_read_is_asked_for_again(now, in_run, saved):
    in_run("one")
    saved.fault = ValueError("absent")
    with pytest.raises(ValueError, match="absent"):
        remembered("reader", "hearth", saved.load)
    saved.fault = None
    remembered("reader", "hearth", saved.load)
    assert saved.reads == 2


def test_side_by_side_they_wait_for_one_answer(now, in_run, saved):
    in_run("one")
    saved.takes_s, found = 0.1, []
    threads = [
        threading.Thread(target=lambda: found.append(remembered("reader", "hearth", saved.load))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (saved.reads, len(set(map(id, found))), len(found)) == (1, 1, 8)


def test_it_does_not_grow_for_ever(now, in_run, saved):
    for number in range(1000):
        in_run(str(number))
        remembered("reader", "hearth", saved.load)
    assert len(remembering._kept) <= 256
