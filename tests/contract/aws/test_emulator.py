"""The emulator answers what the shipped catalogue asks, in AWS's own shapes, and as a process of its own."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blocks.aws.block import READER_ACTIONS
from blocks.aws.prober import open_prober
from blocks.catalogue.quantities import limit_in
from blocks.clock import SystemClock
from blocks.ports.health import Probe
from blocks.ports.network import Routes
from tests.contract.aws.conftest import ask, credentials_for

ROOT = Path(__file__).parents[3]
ON_AWS = {"resource_state", "metric", "alarm", "target_health", "capacity", "queue"}


def crossed(check, reading) -> bool:
    measured = {m.name: m for m in reading.measurements}
    for name, limits in check.limits().items():
        for limit in (limits.warning, limits.critical):
            if limit and name in measured and limit_in(limit, measured[name].unit).crossed_by(measured[name].value):
                return True
    return reading.finding is not None


def plausible(check, reading) -> bool:
    percents = [m.value for m in reading.measurements if m.unit.value == "%"]
    return all(0 <= value <= 100 for value in percents)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The emulator as `vigie up` starts it, on the shipped catalogue."""
    from blocks.catalogue.loader import load_catalogue

    home = tmp_path_factory.mktemp("shipped")
    ready = home / "ready" / "aws.json"
    process = subprocess.Popen([sys.executable, "-m", "deployments.sandbox.aws", "--state", str(home)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while not ready.exists():
            assert process.poll() is None, "the emulator ended before it was ready"
            assert time.monotonic() < deadline, "the emulator was not ready within two minutes"
            time.sleep(0.1)
        yield load_catalogue(ROOT / "deployments" / "catalogue"), json.loads(ready.read_text()), home
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


class Running:
    """What the conftest's functions need of an emulator, for one in another process."""

    def __init__(self, ready, home):
        self.address = ready["address"]
        self.ca_file = home / "tls" / "ca.pem"
        self.reader = type("Key", (), {"key_id": ready["access_key_id"], "secret": ready["secret_access_key"]})


def shipped_probes(catalogue):
    for platform in catalogue.platforms.values():
        for service in platform.services.values():
            for check in service.checks.values():
                if service.kind.startswith("aws.") and check.kind in ON_AWS:
                    yield Probe(platform, service, check)


async def test_every_shipped_check_is_well_and_each_service_can_be_killed_and_mended(shipped):
    catalogue, ready, home = shipped
    running = Running(ready, home)
    probes = list(shipped_probes(catalogue))
    assert {probe.service.kind for probe in probes} >= {"aws.autoscaling_group", "aws.load_balancer", "aws.sqs_queue"}
    async with open_prober(credentials_for(running), routes=Routes(), clock=SystemClock()) as prober:

        async def troubled(service=None):
            asked = [probe for probe in probes if service in (None, probe.service.name)]
            readings = [(probe.check, await prober.probe(probe)) for probe in asked]
            assert all(plausible(check, reading) for check, reading in readings)
            assert not [reading for _, reading in readings if reading.missing]
            return [(reading.service, reading.check) for check, reading in readings if crossed(check, reading)]

        assert await troubled() == []
        for service in sorted({probe.service.name for probe in probes}):
            for how in ("kill", "metric-spike"):
                ask(running, "break", target=service, how=how)
                seen = await troubled(service)
                ask(running, "mend", target=service)
                assert seen, f"{service}: {how} is seen by no check"
        assert await troubled() == []


def test_secrets_of_the_sandbox_are_readable_by_their_owner_only(shipped):
    _, _, home = shipped
    for path in (home / "ready" / "aws.json", home / "aws" / "keys.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_own_answers_have_the_shape_of_the_vendors_model(aws):
    """moto lacks two answers; ours are parsed by botocore and checked against its service models."""
    from botocore.validate import validate_parameters

    clients = {name: _client(aws, name) for name in ("iam", "sts")}
    for name, operation, call in (
        ("sts", "GetCallerIdentity", lambda c: c.get_caller_identity()),
        (
            "iam",
            "SimulatePrincipalPolicy",
            lambda c: c.simulate_principal_policy(PolicySourceArn=aws.reader.arn, ActionNames=["sqs:GetQueueUrl"]),
        ),
    ):
        answer = call(clients[name])
        answer.pop("ResponseMetadata")
        assert answer
        validate_parameters(answer, clients[name].meta.service_model.operation_model(operation).output_shape)
    for client in clients.values():
        client.close()


def test_an_action_that_moto_lacks_is_501_and_not_invented(aws):
    from botocore.exceptions import ClientError

    client = _client(aws, "autoscaling", admin=True)
    with pytest.raises(ClientError) as caught:
        client.describe_account_limits()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    told = caught.value.response["Error"]["Message"]
    assert "sandbox" in told
    assert "describe_account_limits" in told, "what moto says it lacks is told"
    client.close()


def test_unsigned_requests_are_refused(aws):
    connection = http.client.HTTPSConnection(
        aws.address, context=ssl.create_default_context(cafile=str(aws.ca_file)), timeout=30
    )
    connection.request("POST", "/", body="Action=DescribeAutoScalingGroups&Version=2011-01-01")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 403
    assert b"InvalidClientTokenId" in body


@pytest.mark.parametrize(("target", "how"), [("nobody", "kill"), ("fleet", "melt"), ("ireland", "kill")])
def test_breaking_what_cannot_be_broken_is_refused_with_what_can(aws, target, how):
    import urllib.error

    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(aws, "break", target=target, how=how)
    assert caught.value.code == 400
    told = caught.value.read().decode()
    assert "there are" in told or "possible" in told
    caught.value.close()


def _client(aws, service, *, admin=False):
    import boto3

    key = aws.admin if admin else aws.reader
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=f"https://{aws.address}",
        verify=str(aws.ca_file),
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
    )


def test_the_policy_is_enforced_and_not_only_simulated(aws):
    from botocore.exceptions import ClientError

    client = _client(aws, "sqs")
    with pytest.raises(ClientError, match="not authorized to perform: sqs:ListQueues"):
        client.list_queues()
    client.close()
    assert "sqs:ListQueues" not in READER_ACTIONS
