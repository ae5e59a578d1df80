"""Looks that are taken side by side."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from tasks.core.together import side_by_side

_WORD: ContextVar[str] = ContextVar("word", default="")


def test_they_wait_for_one_another_and_keep_their_order_and_context():
    _WORD.set("ours")
    both_there = threading.Barrier(2, timeout=30)

    def look(name):
        both_there.wait()  # never over, if one were taken after the other
        return name, _WORD.get()

    assert side_by_side([lambda: look("one"), lambda: look("two")]) == [("one", "ours"), ("two", "ours")]
    assert side_by_side([]) == []


def test_the_first_that_fails_is_told_when_all_have_ended():
    ended = list[str]()

    def fail():
        raise ValueError("dark")

    with pytest.raises(ValueError, match="dark"):
        side_by_side([fail, lambda: ended.append("other")])
    assert ended == ["other"]
