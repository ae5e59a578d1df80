"""What each check on the private cloud measures, on a well cloud and on a broken one."""

from __future__ import annotations

import pytest

from tests.contract.openstack.conftest import probe_of

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")


def numbers(reading):
    return {m.name: m.value for m in reading.measurements}


async def test_a_well_cloud(prober):
    server = await prober.probe(probe_of("standby", "active"))
    services = await prober.probe(probe_of("cloud", "services"))
    assert (numbers(server), server.finding, server.missing) == ({"available": 1.0}, None, None)
    assert (numbers(services), services.finding) == ({"up": 100.0, "down_count": 0.0}, None)
    assert server.elapsed_ms > 0


@pytest.mark.parametrize(
    ("quota", "used", "limit", "pct"),
    [("cores", 8, 64, 12.5), ("ram", 16384, 131072, 12.5), ("instances", 2, 32, 6.25)],
)
async def test_quotas(prober, quota, used, limit, pct):
    reading = await prober.probe(probe_of("cloud", quota))
    assert numbers(reading) == {"used": pct, "used_count": used, "limit_count": limit}
