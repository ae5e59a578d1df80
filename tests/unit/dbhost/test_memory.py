"""What a database host wrote down before it died is still there afterwards."""

from __future__ import annotations

import stat

import pytest

from blocks.errors import Broken
from deployments.dbhost.memory import Memory

KEY = "ab" * 32


def test_a_fence_survives_and_keeps_its_moment(tmp_path):
    first = Memory(tmp_path).raise_fence(KEY, "ordered")
    second = Memory(tmp_path).raise_fence("itself", "a peer is ahead")
    assert (second.by, second.since) == ("itself", first.since)
    assert Memory(tmp_path).fence == second
    Memory(tmp_path).lower_fence()
    assert Memory(tmp_path).fence is None


def test_a_fence_that_cannot_be_read_is_no_open_gate(tmp_path):
    Memory(tmp_path).raise_fence(KEY, "ordered")
    (tmp_path / "fence.json").write_text("{half")
    with pytest.raises(Broken, match="a person must say"):
        _ = Memory(tmp_path).fence


def test_an_order_is_carried_out_once_per_token(tmp_path):
    memory = Memory(tmp_path)
    operation, fresh = memory.begin(KEY, "fence", {})
    assert fresh
    assert memory.begin(KEY, "fence", {}) == (operation, False)
    done = memory.end(operation, "done", "stopped", {"timeline": 1})
    assert Memory(tmp_path).begin(KEY, "fence", {}) == (done, False)
    assert Memory(tmp_path).begin(KEY, "release", {})[1], "another order under the same key is another order"


@pytest.mark.parametrize("ended", ["failed", "interrupted"])
def test_an_order_that_failed_or_was_cut_off_is_taken_again_under_its_id(tmp_path, ended):
    memory = Memory(tmp_path)
    operation, _ = memory.begin(KEY, "follow", {"source": "db2"})
    if ended == "failed":
        memory.end(operation, "failed", "no answer", {})
    reopened = Memory(tmp_path)
    assert reopened.operation(KEY, "follow").state == ended
    again, fresh = reopened.begin(KEY, "follow", {"source": "db2"})
    assert (again.id, again.state, fresh) == (operation.id, "running", True)


def test_what_is_known_of_the_server_is_kept_and_only_its_owner_reads_it(tmp_path):
    Memory(tmp_path).note(role="primary", timeline=3)
    known = Memory(tmp_path).note(clean=False)
    assert (known.role, known.timeline, known.clean) == ("primary", 3, False)
    before = (tmp_path / "known.json").stat().st_mtime_ns
    Memory(tmp_path).note(role="primary")
    assert (tmp_path / "known.json").stat().st_mtime_ns == before
    assert stat.S_IMODE((tmp_path / "known.json").stat().st_mode) == 0o600
