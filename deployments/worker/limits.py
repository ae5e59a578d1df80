"""Does a pool, or one of its queues, limit how many runs there are at once?

Where it does, one answer of the server may be one run too many. It counts what is pending or running, and passes over
a run whose row is locked. One of ours that is becoming pending at that very moment is passed over and not yet counted,
and the next is given in its stead. Prefect's worker asks every few seconds and hardly ever meets this; one that is
woken by each event does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

_MOST_READ = 200  # what Prefect gives of one question


async def has_a_limit(client: PrefectClient, pool: str) -> bool:
    """Whether the pool, or one of its queues, limits how many run at once; as it is now."""
    if (await client.read_work_pool(pool)).concurrency_limit is not None:
        return True
    queues = await client.read_work_queues(work_pool_name=pool)
    return len(queues) >= _MOST_READ or any(queue.concurrency_limit is not None for queue in queues)
