"""What the AWS adapter says when the world is broken: the resources, the API, the credentials, the network."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import timedelta

import pytest

from blocks.aws.prober import open_prober
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.health import FindingCode, MissingCode, State
from blocks.ports.network import Routes
from tests.contract.aws.conftest import credentials_for, make_catalogue, probe_of

CHECK_OF_EACH_API = [
    ("fleet", "capacity"),  # query, XML
    ("balancer", "targets"),
    ("orders", "queue"),  # JSON
    ("orders-db", "state"),
    ("carts", "state"),
    ("fleet", "cpu"),  # CBOR
    ("balancer", "five-hundreds"),
]


def numbers(reading):
    return {m.name: m.value for m in reading.measurements}


# -- the resources ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "check", "words"),
    [
        ("orders-db", "state", "aws.rds_instance shop-orders is stopped"),
        ("carts", "state", "shop-carts does not exist"),
        ("orders", "state", "shop-orders does not exist"),
        ("orders", "queue", "shop-orders does not exist"),
    ],
)
async def test_a_killed_resource_is_a_critical_finding_and_mends(prober, broken, service, check, words):
    with broken(service, "kill"), broken(service, "kill"):
        reading = await prober.probe(probe_of(service, check))
        assert reading.finding is not None
        assert (reading.finding.code, reading.finding.state) == (FindingCode.RESOURCE_STATE, State.CRITICAL)
        assert words in reading.finding.text
    assert (await prober.probe(probe_of(service, check))).finding is None


async def test_a_stopped_fleet_has_no_capacity_and_no_healthy_target(prober, broken):
    with broken("fleet", "kill"):
        capacity, targets = [
            await prober.probe(probe_of(*each)) for each in (("fleet", "capacity"), ("balancer", "targets"))
        ]
        assert numbers(capacity) == {"in_service": 0.0, "desired_count": 3.0, "in_service_count": 0.0}
        assert numbers(targets) == {"healthy": 0.0, "healthy_count": 0.0}
    assert numbers(await prober.probe(probe_of("balancer", "targets")))["healthy"] == 100.0


async def test_a_balancer_without_targets_serves_nobody(prober, broken):
    with broken("balancer", "kill"):
        assert numbers(await prober.probe(probe_of("balancer", "targets"))) == {"healthy": 0.0, "healthy_count": 0.0}
    assert numbers(await prober.probe(probe_of("balancer", "targets")))["healthy_count"] == 3.0


@pytest.mark.parametrize(
    ("service", "check"), [("fleet", "cpu"), ("balancer", "errors"), ("orders-db", "space"), ("carts", "throttled")]
)
async def test_a_metric_spike_crosses_the_critical_limit_and_calms(prober, broken, service, check):
    probe = probe_of(service, check)
    critical = probe.check.value.critical
    with broken(service, "metric-spike"):
        assert critical.crossed_by((await prober.probe(probe)).measurements[0].value)
    assert not critical.crossed_by((await prober.probe(probe)).measurements[0].value)


async def test_a_queue_that_fills_up_is_deep_and_old(prober, broken):
    with broken("orders", "metric-spike"):
        measured = numbers(await prober.probe(probe_of("orders", "queue")))
        assert measured["depth"] > 100
        assert measured["age"] > 300
    assert numbers(await prober.probe(probe_of("orders", "queue"))) == {"depth": 0.0, "age": 0.0}


async def test_an_alarm_is_a_critical_finding_with_its_reason(prober, broken):
    with broken("balancer", "metric-spike"):
        reading = await prober.probe(probe_of("balancer", "five-hundreds"))
        assert reading.finding.code is FindingCode.ALARM
        assert "shop-5xx is in ALARM: Threshold crossed" in reading.finding.text
    assert (await prober.probe(probe_of("balancer", "five-hundreds"))).finding is None


# -- no evidence --------------------------------------------------------------------------------


async def test_a_metric_without_data_is_missing_and_never_zero(prober):
    reading = await prober.probe(probe_of("fleet", "cpu", dimensions={"AutoScalingGroupName": "other"}))
    assert reading.missing.code is MissingCode.NO_DATA
    assert reading.measurements == ()
    assert "AWS/EC2/CPUUtilization in the last 5min" in reading.missing.text


async def test_an_alarm_that_does_not_exist_is_a_mistake_in_the_catalogue(prober):
    with pytest.raises(Broken, match="no CloudWatch alarm named 'typo'") as caught:
        await prober.probe(probe_of("balancer", "five-hundreds", alarm="typo"))
    assert caught.value.code == MissingCode.PROBE_FAILED


async def test_a_metric_without_namespace_is_a_mistake_in_the_catalogue(prober):
    with pytest.raises(Broken, match="Namespace/MetricName"):
        await prober.probe(probe_of("fleet", "cpu", metric="CPUUtilization"))


# -- the API ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error", "code"),
    [
        ("throttle", Retryable, MissingCode.THROTTLED),
        ("credentials", Refused, MissingCode.CREDENTIALS),
        ("denied", Refused, MissingCode.CREDENTIALS),
        ("region-down", Retryable, MissingCode.API_UNREACHABLE),
        ("error", Retryable, MissingCode.API_UNREACHABLE),
        ("garbage", Broken, MissingCode.UNEXPECTED_ANSWER),
    ],
)
async def test_a_broken_api_is_told_apart_from_a_broken_service(prober, broken, how, error, code):
    with broken("ireland", how):
        asked = [prober.probe(probe_of(*each)) for each in CHECK_OF_EACH_API]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [error] * len(outcomes)
    assert {outcome.code for outcome in outcomes} == {code}
    assert [outcome.where for outcome in outcomes] == [f"AWS eu-west-1, {'/'.join(each)}" for each in CHECK_OF_EACH_API]
    assert all(outcome.next_step for outcome in outcomes)


async def test_one_api_down_leaves_the_others_alone(prober, broken):
    with broken("orders-db", "throttle"):
        with pytest.raises(Retryable):
            await prober.probe(probe_of("orders-db", "state"))
        assert (await prober.probe(probe_of("carts", "state"))).measurements


async def test_an_expired_token_says_so(prober, broken):
    with broken("ireland", "credentials"), pytest.raises(Refused, match="expired"):
        await prober.probe(probe_of("fleet", "capacity"))


async def test_a_hung_api_costs_a_check_its_timeout_and_nothing_hangs_after(prober, broken):
    with broken("ireland", "slow"):
        begun = time.monotonic()
        probes = [prober.probe(probe_of("fleet", "capacity", timeout=timedelta(seconds=1))) for _ in range(12)]
        outcomes = await asyncio.gather(*probes, return_exceptions=True)
        assert time.monotonic() - begun < 3
    assert {type(outcome) for outcome in outcomes} == {Retryable}
    assert {outcome.code for outcome in outcomes} == {MissingCode.API_UNREACHABLE}
    assert "no answer within 1s" in str(outcomes[0])
    assert (
        numbers(await prober.probe(probe_of("fleet", "capacity", timeout=timedelta(seconds=30))))["in_service"] == 100.0
    )


async def test_a_closed_port_is_an_unreachable_api(aws):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        credentials = credentials_for(aws, endpoint_url=f"https://127.0.0.1:{taken.getsockname()[1]}")
        async with open_prober(credentials, routes=Routes(), clock=SystemClock()) as prober:
            with pytest.raises(Retryable, match="could not be reached") as caught:
                await prober.probe(probe_of("fleet", "capacity"))
    assert caught.value.code == MissingCode.API_UNREACHABLE


# -- the credentials and settings ---------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [{"aws_access_key_id": "AKIAUNKNOWN000000000"}, {"aws_secret_access_key": "planted-secret-1234"}]
)
async def test_wrong_keys_are_refused_and_no_secret_is_told(aws, wrong):
    async with open_prober(credentials_for(aws, **wrong), routes=Routes(), clock=SystemClock()) as prober:
        asked = [
            prober.probe(probe_of(*each)) for each in (("fleet", "capacity"), ("orders", "queue"), ("fleet", "cpu"))
        ]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [(type(outcome), outcome.code) for outcome in outcomes] == [(Refused, MissingCode.CREDENTIALS)] * 3
    assert not any("planted" in str(outcome) or aws.reader.secret in str(outcome) for outcome in outcomes)


async def test_an_unknown_authority_is_broken_and_not_retried(aws, tmp_path):
    from deployments.sandbox.authority import ensure_authority

    other = ensure_authority(tmp_path).ca_file
    async with open_prober(credentials_for(aws, ca_file=other), routes=Routes(), clock=SystemClock()) as prober:
        with pytest.raises(Broken, match="certificate could not be verified"):
            await prober.probe(probe_of("fleet", "capacity"))


async def test_the_routes_authority_is_trusted_when_the_block_names_none(aws):
    routes = Routes(ca_file=str(aws.ca_file))
    async with open_prober(credentials_for(aws, ca_file=None), routes=routes, clock=SystemClock()) as prober:
        assert (await prober.probe(probe_of("fleet", "capacity"))).measurements


async def test_the_region_is_that_of_the_site(aws):
    """Nothing of the shop stands in Frankfurt: a prober that asked the block's own region would find it."""
    elsewhere = make_catalogue(region="eu-central-1")
    async with open_prober(credentials_for(aws), routes=Routes(), clock=SystemClock()) as prober:
        reading = await prober.probe(probe_of("orders-db", "state", catalogue=elsewhere))
    assert "does not exist" in reading.finding.text


async def test_a_kind_that_is_not_measured_on_aws_is_refused(prober):
    from blocks.catalogue.model import QuotaCheck

    probe = probe_of("fleet", "capacity")
    quota = QuotaCheck(kind="quota", name="quota", quota="L-1216C47A")
    with pytest.raises(Broken, match="quota are not made on AWS"):
        await prober.probe(type(probe)(probe.platform, probe.service, quota))
