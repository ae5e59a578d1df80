"""Where a limit holds, what is due while one of ours is becoming pending may be one too many: it waits."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.workers.process import ProcessWorker

from deployments.worker.limits import has_a_limit
from deployments.worker.worker import WarmWorker

FIRST, SECOND, THIRD = uuid4(), uuid4(), uuid4()


class Client:
    """What the worker asks of a pool."""

    def __init__(self, pool=None, queues=(None,)):
        self.pool, self.queues, self.asked = pool, queues, 0

    async def read_work_pool(self, name):
        self.asked += 1
        return SimpleNamespace(name=name, concurrency_limit=self.pool)

    async def read_work_queues(self, work_pool_name):
        return [SimpleNamespace(pool=work_pool_name, concurrency_limit=limit) for limit in self.queues]


@pytest.mark.parametrize(
    ("pool", "queues", "limited"),
    [(None, [None], False), (1, [None], True), (None, [None, 3], True), (0, [], True), (None, [None] * 200, True)],
)
async def test_a_limit_of_the_pool_or_of_any_queue(pool, queues, limited):
    assert await has_a_limit(Client(pool, queues), "vigie") is limited


@pytest.fixture
def looked(monkeypatch, tmp_path):
    """`await looked(due, taken=..., begun=..., limit=...)` -> the worker and the ids of what it would take."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))

    async def look(due, *, taken=(), begun=(), limit=1, meanwhile=None):
        worker = WarmWorker(work_pool_name="vigie", name="one")
        worker._client = Client(limit)
        worker._taken |= {each: float("inf") for each in taken}
        worker._begun |= dict.fromkeys(begun)

        async def answer(self):
            if meanwhile is not None:
                worker._taken.pop(meanwhile)
            return [SimpleNamespace(flow_run=SimpleNamespace(id=each)) for each in due]

        monkeypatch.setattr(ProcessWorker, "_get_scheduled_flow_runs", answer)
        return worker, [each.flow_run.id for each in await worker._get_scheduled_flow_runs()]

    return look


async def test_the_next_is_left_while_one_that_was_taken_is_not_among_what_is_due(looked):
    worker, found = await looked([SECOND], taken=[FIRST])
    assert found == []
    assert worker._left_some
    assert not worker._stream.wake.is_set()


async def test_without_a_limit_it_is_taken(looked):
    worker, found = await looked([SECOND], taken=[FIRST], limit=None)
    assert (found, worker._left_some) == ([SECOND], False)


@pytest.mark.parametrize(("taken", "due"), [([], [FIRST]), ([FIRST], [FIRST, SECOND]), ([FIRST, SECOND], [SECOND])])
async def test_nobody_is_asked_where_the_answer_is_plain(looked, taken, due):
    worker, found = await looked(due, taken=taken)
    assert (found, worker._client.asked) == (due, 0)


async def test_one_that_has_begun_while_we_asked_lets_us_look_again_at_once(looked):
    worker, found = await looked([SECOND], taken=[FIRST], meanwhile=FIRST)
    assert found == []
    assert worker._stream.wake.is_set()


async def test_what_is_here_is_not_due(looked):
    _, found = await looked([FIRST, THIRD], begun=[FIRST])
    assert found == [THIRD]


@pytest.mark.parametrize("left", [True, False])
async def test_the_begin_of_a_run_lets_us_look_again_only_where_something_was_left(monkeypatch, tmp_path, left):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    worker = WarmWorker(work_pool_name="vigie", name="one")
    worker._left_some, worker._taken = left, {FIRST: float("inf")}
    worker._ledger = SimpleNamespace(strike=lambda run: None)
    seen = []

    async def forked(flow_run, configuration, status):
        seen.append((worker._stream.wake.is_set(), dict(worker._taken)))
        return "done"

    monkeypatch.setattr(worker, "_run_forked", forked)
    monkeypatch.setattr(worker, "get_flow_run_logger", lambda run: None)
    assert await worker.run(SimpleNamespace(id=FIRST), None) == "done"
    assert seen == [(left, {})]
