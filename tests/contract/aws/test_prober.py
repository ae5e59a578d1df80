"""What each check on AWS measures, on a well cloud and on a broken one."""

from __future__ import annotations

import pytest

from blocks.ports.health import Unit
from tests.contract.aws.conftest import probe_of

WELL = [
    ("fleet", "capacity", {"in_service": 100.0, "desired_count": 3.0, "in_service_count": 3.0}),
    ("fleet", "cpu", {"value": 36.0}),
    ("fleet", "state", {"available": 1.0}),
    ("balancer", "targets", {"healthy": 100.0, "healthy_count": 3.0}),
    ("balancer", "state", {"available": 1.0}),
    ("balancer", "five-hundreds", {"alarm": 0.0}),
    ("orders", "state", {"available": 1.0}),
    ("orders", "queue", {"depth": 0.0, "age": 0.0}),
    ("orders-db", "state", {"available": 1.0}),
    ("orders-db", "space", {"value": 2.0 * 2**30 + 1}),
    ("carts", "state", {"available": 1.0}),
    ("carts", "throttled", {"value": 4.0}),
]


async def test_a_well_cloud(prober):
    for service, check, expected in WELL:
        reading = await prober.probe(probe_of(service, check))
        assert {m.name: m.value for m in reading.measurements} == pytest.approx(expected), (service, check)
        assert (reading.finding, reading.missing) == (None, None)
        assert (reading.service, reading.check, reading.attempt) == (service, check, 1)
        assert reading.elapsed_ms > 0


async def test_totals_and_counts_are_of_the_whole_window(prober):
    total = await prober.probe(probe_of("balancer", "errors"))
    count = await prober.probe(probe_of("carts", "count"))
    assert total.measurements[0].value == pytest.approx(40.0)  # five minutes of 8
    assert count.measurements[0].value == 5.0
    assert count.measurements[0].unit is Unit.COUNT
