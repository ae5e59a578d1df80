"""What the adapter says when Azure, its login or the road to it fails: bounded in time, memory and words."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from blocks.azure.connection import ANSWER_LIMIT_BYTES
from blocks.azure.failures import retry_after
from blocks.azure.prober import open_prober
from blocks.catalogue.model import MetricCheck, QuotaCheck, ResourceHealthCheck, ResourceStateCheck
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode
from blocks.ports.network import Routes
from deployments.sandbox.azure_buckets import Bucket
from tests.contract.azure.conftest import (
    ARCHIVE,
    HUB,
    MACHINE,
    RESOURCES,
    SECRET,
    SITE,
    Azure,
    FakeClock,
    probe_of,
    served,
)

STATE = ResourceStateCheck(kind="resource_state", timeout="5s")
CPU = MetricCheck(kind="metric", metric="Percentage CPU", unit="%", value={"warning": "> 80 %"}, timeout="5s")


async def failing(azure: Azure, resource: str, check: Any = STATE, **more: Any) -> VigieError:
    with pytest.raises(VigieError) as raised:
        await azure.probe(resource, check, **more)
    assert SECRET not in repr(raised.value)
    assert "Bearer" not in str(raised.value)
    assert raised.value.next_step
    return raised.value


async def test_a_throttled_read_that_asks_for_too_much_is_handed_on_at_once(azure: Azure) -> None:
    azure.break_("hearth-device-api", "throttle", retry_after=30)
    clock = FakeClock()
    error = await failing(azure, SITE, clock=clock)
    assert isinstance(error, Retryable)
    assert (error.code, error.retry_after, clock.slept) == (MissingCode.THROTTLED, timedelta(seconds=30), [])
    assert len(azure.paths()) == 1


async def test_a_short_throttle_is_waited_out_inside_the_check(azure: Azure) -> None:
    azure.break_("hearth-device-api", "throttle", retry_after=2, times=2)
    clock = FakeClock()
    reading = await azure.probe(SITE, STATE, clock=clock)
    assert reading.finding is None
    assert clock.slept == [2.0, 2.0]
    assert reading.elapsed_ms == 4000


async def test_waiting_ends_with_the_checks_time(azure: Azure) -> None:
    azure.break_("hearth-device-api", "throttle", retry_after=2)
    clock = FakeClock()
    error = await failing(azure, SITE, clock=clock)
    assert error.code == MissingCode.THROTTLED
    assert clock.slept == [2.0, 2.0]  # a third wait would pass the five seconds


async def test_the_subscriptions_bucket_of_reads_runs_dry_and_says_so(azure: Azure) -> None:
    azure.simulator.reads = Bucket(1, 0.01)
    await azure.probe(SITE, STATE)
    error = await failing(azure, MACHINE)
    assert isinstance(error, Retryable)
    assert error.code == MissingCode.THROTTLED
    assert error.retry_after is not None
    assert error.retry_after > timedelta(seconds=50)


@pytest.mark.parametrize(
    ("how", "kind", "code"),
    [
        ("region-down", Retryable, MissingCode.API_UNREACHABLE),
        ("error", Retryable, MissingCode.API_UNREACHABLE),
        ("garbage", Broken, MissingCode.UNEXPECTED_ANSWER),
        ("credentials", Refused, MissingCode.CREDENTIALS),
    ],
)
@pytest.mark.parametrize("resource", RESOURCES)
async def test_each_fault_has_its_own_error_and_the_others_are_unharmed(
    azure: Azure, resource: str, how: str, kind: type, code: str
) -> None:
    azure.break_(resource.rsplit("/", 1)[1], how)
    for check in (STATE, ResourceHealthCheck(kind="resource_health")):
        error = await failing(azure, resource, check)
        assert (type(error), error.code) == (kind, code)
    other = SITE if resource != SITE else HUB
    assert (await azure.probe(other, STATE)).finding is None


@pytest.mark.parametrize("how", ["garbage", "error", "credentials"])
async def test_lists_and_metrics_fail_as_clearly_as_single_reads(azure: Azure, how: str) -> None:
    azure.break_("hearth-hub", how)
    azure.break_("hearth-db-1", how)
    for resource, check in ((HUB, QuotaCheck(kind="quota", quota="TotalMessages")), (MACHINE, CPU)):
        error = await failing(azure, resource, check)
        assert error.code in (MissingCode.UNEXPECTED_ANSWER, MissingCode.API_UNREACHABLE, MissingCode.CREDENTIALS)


async def test_a_denied_action_is_named(azure: Azure) -> None:
    azure.break_("hearth-device-api", "credentials")
    assert "Microsoft.Sandbox/denied/read" in str(await failing(azure, SITE))


async def test_a_region_that_is_down_takes_its_resources_with_it(azure: Azure) -> None:
    azure.break_("westeurope", "region-down")
    for resource in RESOURCES:
        assert (await failing(azure, resource)).code == MissingCode.API_UNREACHABLE


async def test_an_azure_that_never_answers_is_left_after_the_checks_time(azure: Azure) -> None:
    azure.break_("hearth-device-api", "hang")
    began = time.monotonic()
    error = await failing(azure, SITE, ResourceStateCheck(kind="resource_state", timeout="300 ms"))
    assert time.monotonic() - began < 3
    assert isinstance(error, Retryable)
    assert error.code == MissingCode.API_UNREACHABLE
    assert "0.3 s" in str(error)


async def test_an_endless_answer_is_cut_off(azure: Azure) -> None:
    azure.break_("hearth-device-api", "endless")
    tracemalloc.start()
    error = await failing(azure, SITE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.code == MissingCode.UNEXPECTED_ANSWER
    assert peak < 5 * ANSWER_LIMIT_BYTES


async def test_an_unknown_route_is_never_taken_for_an_answer(azure: Azure) -> None:
    plan = SITE.replace("/sites/", "/certificates/")
    error = await failing(azure, plan, MetricCheck(kind="metric", metric="x", unit="%", value={"warning": "> 1 %"}))
    assert isinstance(error, Broken)


# -- who we are --------------------------------------------------------------------------------


async def test_a_wrong_secret_is_refused_with_entras_code(azure: Azure) -> None:
    error = await failing(azure, SITE, client_secret="another")
    assert isinstance(error, Refused)
    assert error.code == MissingCode.CREDENTIALS
    assert "AADSTS7000215" in str(error)
    assert "another" not in repr(error)


async def test_an_expired_secret_is_told_from_a_wrong_one(azure: Azure) -> None:
    azure.break_("azure", "credentials")
    assert "AADSTS7000222" in str(await failing(azure, SITE))


async def test_a_token_that_expires_midway_is_renewed_once_for_all(azure: Azure) -> None:
    async with open_prober(azure.block(), routes=Routes(), clock=SystemClock()) as prober:
        await prober.probe(probe_of(SITE, STATE))
        azure.break_("azure", "expired-token")
        readings = await asyncio.gather(*(prober.probe(probe_of(resource, STATE)) for resource in [*RESOURCES] * 3))
    assert all(reading.finding is None for reading in readings)
    assert azure.simulator.login.issued_count == 2


async def test_a_claims_challenge_is_answered(azure: Azure) -> None:
    async with open_prober(azure.block(), routes=Routes(), clock=SystemClock()) as prober:
        await prober.probe(probe_of(SITE, STATE))
        azure.break_("azure", "claims")
        assert (await prober.probe(probe_of(SITE, STATE))).finding is None
    assert azure.simulator.login.issued_count == 2


async def test_neither_secret_nor_token_reaches_a_log(azure: Azure, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await azure.probe(SITE, STATE)
    azure.break_("azure", "credentials")
    await failing(azure, SITE)
    assert "azure" in caplog.text
    assert SECRET not in caplog.text
    assert not [token for token in azure.simulator.login.tokens if token in caplog.text]


async def test_tokens_that_never_hold_end_in_a_refusal(azure: Azure) -> None:
    azure.simulator.login.lifetime_s = 0
    error = await failing(azure, SITE)
    assert isinstance(error, Refused)
    assert error.code == MissingCode.CREDENTIALS
    assert len(azure.paths()) == 2


async def test_one_token_and_one_connection_serve_a_whole_sweep(azure: Azure) -> None:
    async with open_prober(azure.block(), routes=Routes(), clock=SystemClock()) as prober:
        await asyncio.gather(*(prober.probe(probe_of(resource, STATE)) for resource in [*RESOURCES] * 10))
    assert azure.simulator.login.issued_count == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (500, "{}", Retryable, MissingCode.API_UNREACHABLE),
        (503, '{"error": "temporarily_unavailable"}', Retryable, MissingCode.API_UNREACHABLE),
        (200, "<html>captive portal</html>", Broken, MissingCode.UNEXPECTED_ANSWER),
        (200, "{}", Refused, MissingCode.CREDENTIALS),
        (429, '{"error": "throttled"}', Retryable, MissingCode.THROTTLED),
    ],
)
async def test_a_login_that_fails_is_not_a_wrong_secret(
    azure: Azure, tmp_path: Path, *, status: int, body: str, kind: type, code: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    (tmp_path / "login").mkdir()
    async with served(app, tmp_path / "login") as (address, ca_file):
        error = await failing(azure, SITE, authority_host=f"https://{address}", ca_file=joined(ca_file, azure.ca_file))
    assert (type(error), error.code) == (kind, code)


# -- the road there ----------------------------------------------------------------------------


async def test_an_untrusted_certificate_needs_a_person(azure: Azure) -> None:
    error = await failing(azure, SITE, ca_file=None)
    assert isinstance(error, Broken)
    assert (error.code, "certificate" in str(error)) == (MissingCode.API_UNREACHABLE, True)


async def test_the_routes_authority_is_used_when_the_block_has_none(azure: Azure) -> None:
    routes = Routes(ca_file=azure.ca_file)
    async with open_prober(azure.block(ca_file=None), routes=routes, clock=SystemClock()) as prober:
        assert (await prober.probe(probe_of(SITE, STATE))).finding is None


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"ca_file": "/nowhere/ca.pem"}, Broken, MissingCode.PROBE_FAILED),
        ({"client_secret": None}, Refused, MissingCode.CREDENTIALS),
        ({"authority_host": "http://127.0.0.1:1"}, Refused, MissingCode.CREDENTIALS),
        ({"tenant_id": "no/tenant"}, Refused, MissingCode.CREDENTIALS),
    ],
)
async def test_a_block_that_cannot_be_opened_says_so(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], kind: type, code: str
) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
    error = await failing(azure, SITE, **changes)
    assert (type(error), error.code) == (kind, code)
    with pytest.raises(kind):
        await azure.block(**changes).examine()


async def test_an_address_where_nobody_listens_is_out_of_reach(azure: Azure, unused_tcp_port: int) -> None:
    nowhere = f"https://127.0.0.1:{unused_tcp_port}"
    for changes in ({"arm_endpoint": nowhere}, {"authority_host": nowhere}):
        error = await failing(azure, ARCHIVE, **changes)
        assert isinstance(error, Retryable)
        assert error.code == MissingCode.API_UNREACHABLE


async def test_an_answer_that_breaks_off_is_out_of_reach(azure: Azure, tmp_path: Path) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.json_response({"access_token": "x", "expires_in": 3600})
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"id": "/sub')
        assert request.transport is not None
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", half)
    (tmp_path / "half").mkdir()
    async with served(app, tmp_path / "half") as (address, ca_file):
        here = f"https://{address}"
        error = await failing(azure, SITE, arm_endpoint=here, authority_host=here, ca_file=ca_file)
    assert error.code == MissingCode.API_UNREACHABLE


def joined(*files: str) -> str:
    """One file with the authorities of all."""
    both = Path(files[0]).with_name("both.pem")
    both.write_text("".join(Path(file).read_text() for file in files))
    return str(both)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_azure_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == (None if seconds is None else timedelta(seconds=seconds))
