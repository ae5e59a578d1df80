"""What a killed worker leaves written is what the next one reads, and only one may hold it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.errors import Refused
from deployments.worker.leftovers import Ledger, Leftover, started_at


@contextmanager
def held(home: Path, name: str = "one") -> Iterator[tuple[Ledger, list[Leftover]]]:
    """One life of a worker: its ledger, and what it found in it."""
    ledger = Ledger(home, "vigie", name)
    try:
        yield ledger, ledger.hold()
    finally:
        ledger.release()


def test_what_was_taken_and_begun_is_read_by_the_next_life(tmp_path):
    taken, begun, struck = uuid4(), uuid4(), uuid4()
    with held(tmp_path) as (ledger, found):
        assert found == []
        ledger.take(taken)
        ledger.begin(begun, os.getpid())
        ledger.take(struck)
        ledger.strike(struck)
    with held(tmp_path) as (_, found):
        left = {each.flow_run_id: each for each in found}
    assert set(left) == {taken, begun}
    assert (left[taken].pid, left[taken].alive) == (None, False)
    assert (left[begun].pid, left[begun].alive) == (os.getpid(), True)


def test_another_process_with_the_same_id_is_not_the_run(tmp_path):
    with held(tmp_path) as (ledger, _):
        ledger.begin(run := uuid4(), os.getpid())
        written = ledger.folder / f"{run}.json"
        written.write_text(written.read_text().replace(str(started_at(os.getpid())), "1"))
    with held(tmp_path) as (_, (found,)):
        assert found.pid == os.getpid()
        assert not found.alive


def test_a_second_worker_of_the_same_name_is_refused(tmp_path):
    with held(tmp_path):
        with pytest.raises(Refused, match=f"already running here.*{os.getpid()}"):
            Ledger(tmp_path, "vigie", "one").hold()
        with held(tmp_path, "two") as (_, found):
            assert found == []
    with held(tmp_path) as (_, found):
        assert found == []
