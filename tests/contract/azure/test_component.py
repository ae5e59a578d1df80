"""The simulator as the sandbox runs it: its own process, the shipped catalogue, every Azure check of it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blocks.azure.block import AzureReader
from blocks.azure.prober import open_prober
from blocks.catalogue.kinds import prober_for
from blocks.catalogue.loader import load_catalogue
from blocks.clock import SystemClock
from blocks.ports.health import Probe, Reading
from blocks.ports.network import Routes
from tests.conftest import conformance_dir

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def ready(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """What the component wrote when it was ready; the process is ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deployments.sandbox.azure", "--state", str(tmp_path),
        cwd=ROOT, env=os.environ | {"VIGIE_CONFORMANCE": str(conformance_dir())},
    )  # fmt: skip
    file = tmp_path / "ready" / "azure.json"
    try:
        async with asyncio.timeout(60):
            while not file.exists():
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield json.loads(file.read_text())
    finally:
        process.terminate()
        assert await process.wait() == 0


@cache
def azure_probes() -> tuple[Probe, ...]:
    platform = load_catalogue(ROOT / "deployments" / "catalogue").platforms["hearth"]
    return tuple(
        Probe(platform, service, check)
        for service in platform.services.values()
        for check in service.checks.values()
        if prober_for(service.kind, check.kind) == "azure"
    )


def block_of(ready: dict[str, Any]) -> AzureReader:
    return AzureReader(**{name: ready[name] for name in AzureReader.model_fields if name in ready})


async def sweep(ready: dict[str, Any]) -> dict[tuple[str, str], Reading]:
    async with open_prober(block_of(ready), routes=Routes(), clock=SystemClock()) as prober:
        readings = await asyncio.gather(*(prober.probe(probe) for probe in azure_probes()))
    return {tuple(reading.key): reading for reading in readings}  # type: ignore[misc]


def over_limit(probe: Probe, reading: Reading) -> bool:
    limits = probe.check.limits()
    return any(
        limit is not None and limit.crossed_by(one.value)
        for one in reading.measurements
        if one.name in limits
        for limit in (limits[one.name].warning, limits[one.name].critical)
    )


async def test_all_azure_checks_of_the_shipped_catalogue_are_well_then_break_then_mend(ready: dict[str, Any]) -> None:
    well = await sweep(ready)
    assert len(well) >= 15
    assert [key for key, reading in well.items() if reading.finding or reading.missing] == []
    assert [probe.key for probe in azure_probes() if over_limit(probe, well[probe.key])] == []

    trusting = ssl.create_default_context(cafile=ready["ca_file"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:

        async def control(what: str, **content: str) -> None:
            async with session.post(f"https://{ready['address']}/_sandbox/{what}", json=content) as answer:
                assert answer.status == 200, await answer.text()

        names = {probe.service.resource.rsplit("/", 1)[1] for probe in azure_probes()}
        for name in names:
            await control("break", target=name, how="metric-spike")
        spiked = await sweep(ready)
        assert {probe.service.name for probe in azure_probes() if over_limit(probe, spiked[probe.key])} == {
            probe.service.name for probe in azure_probes()
        }
        for name in names:
            await control("mend", target=name)
            await control("break", target=name, how="kill")
        killed = await sweep(ready)
        assert {key[0] for key, reading in killed.items() if reading.finding} == {key[0] for key in killed}
        for name in names:
            await control("mend", target=name)
        assert not [key for key, reading in (await sweep(ready)).items() if reading.finding or reading.missing]
        async with session.get(f"https://{ready['address']}/_sandbox/traffic") as answer:
            traffic = await answer.json()
    assert (traffic["violations"], traffic["unknown"]) == ([], [])
    assert len(traffic["exchanges"]) >= 60


async def test_the_reader_that_the_sandbox_hands_out_has_its_rights(ready: dict[str, Any]) -> None:
    assert all(one.allowed for one in await block_of(ready).examine() if one.action != "*/write")
