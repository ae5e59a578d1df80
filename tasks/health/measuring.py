"""What do some checks of a platform say right now, for a step that is not a sweep?

Nothing is recorded: who asks judges the answers at once and asks again. The rule is that of a sweep: every check has
one reading, and what had no answer is `missing`, never well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from blocks.catalogue.model import Platform
from blocks.ports.health import Probe, Reading


def measure(platform: Platform, probes: Sequence[Probe]) -> list[Reading]:
    """One reading a probe, in their order, within the platform's own bounds."""
    return asyncio.run(_measure(platform, probes))


async def _measure(platform: Platform, probes: Sequence[Probe]) -> list[Reading]:
    from tasks.health.probers import ProberPool, load_routes
    from tasks.health.probing import take_readings

    async with ProberPool(await load_routes()) as pool:
        return await take_readings(
            probes,
            pool.open_prober,
            at_once=platform.probes_at_once,
            per_host=platform.probes_per_host,
            within=platform.sweep_deadline,
        )
