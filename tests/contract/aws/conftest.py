"""One emulator for all AWS contract tests, seeded from a catalogue of its own; one prober a test."""

from __future__ import annotations

import json
import ssl
import urllib.request
from contextlib import contextmanager

import pytest

from blocks.aws.block import READER_ACTIONS
from blocks.aws.prober import open_prober
from blocks.catalogue.model import Catalogue
from blocks.clock import SystemClock
from blocks.ports.health import Probe
from blocks.ports.network import Routes

CHECKS = {
    "fleet": {
        "kind": "aws.autoscaling_group",
        "resource": "shop-web",
        "checks": {
            "capacity": {"kind": "capacity"},
            "state": {"kind": "resource_state"},
            "cpu": {"kind": "metric", "metric": "AWS/EC2/CPUUtilization", "unit": "%", "value": {"critical": "> 90 %"}},
        },
    },
    "balancer": {
        "kind": "aws.load_balancer",
        "resource": "shop-web",
        "checks": {
            "targets": {"kind": "target_health", "target_group": "shop-web"},
            "state": {"kind": "resource_state"},
            "errors": {
                "kind": "metric",
                "metric": "AWS/ApplicationELB/HTTPCode_ELB_5XX_Count",
                "aggregation": "total",
                "unit": "count",
                "value": {"critical": "> 100 count"},
            },
            "five-hundreds": {"kind": "alarm", "alarm": "shop-5xx"},
        },
    },
    "orders": {
        "kind": "aws.sqs_queue",
        "resource": "shop-orders",
        "checks": {
            "state": {"kind": "resource_state"},
            "queue": {"kind": "queue", "depth": {"critical": "> 100 count"}, "age": {"critical": "> 5 min"}},
            "age-only": {"kind": "queue", "age": {"critical": "> 5 min"}},
        },
    },
    "orders-db": {
        "kind": "aws.rds_instance",
        "resource": "shop-orders",
        "checks": {
            "state": {"kind": "resource_state"},
            "space": {
                "kind": "metric",
                "metric": "AWS/RDS/FreeStorageSpace",
                "aggregation": "minimum",
                "unit": "bytes",
                "value": {"critical": "< 1 GiB"},
            },
        },
    },
    "carts": {
        "kind": "aws.dynamodb_table",
        "resource": "shop-carts",
        "checks": {
            "state": {"kind": "resource_state"},
            "throttled": {
                "kind": "metric",
                "metric": "AWS/DynamoDB/ThrottledRequests",
                "aggregation": "maximum",
                "unit": "count",
                "value": {"critical": "> 10 count"},
            },
            "count": {
                "kind": "metric",
                "metric": "AWS/DynamoDB/SuccessfulRequestLatency",
                "aggregation": "count",
                "unit": "count",
                "value": {"critical": "> 1000 count"},
            },
        },
    },
}


def make_catalogue(services=CHECKS, region="eu-west-1") -> Catalogue:
    named = {
        name: {
            **service,
            "name": name,
            "site": "ireland",
            "checks": {c: {**v, "name": c} for c, v in service["checks"].items()},
        }
        for name, service in services.items()
    }
    site = {"name": "ireland", "provider": "aws", "region": region, "role": "primary", "credentials": "aws-shop-reader"}
    platform = {"name": "shop", "customer": "shop", "sites": {"ireland": site}, "services": named}
    return Catalogue.model_validate({"platforms": {"shop": platform}})


def probe_of(service: str, check: str, *, catalogue=None, **changes) -> Probe:
    platform = (catalogue or make_catalogue()).platforms["shop"]
    found = platform.services[service]
    return Probe(platform, found, found.checks[check].model_copy(update=changes))


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    from deployments.sandbox.aws import AwsEmulator
    from deployments.sandbox.state import State

    with AwsEmulator(State.at(tmp_path_factory.mktemp("aws")), make_catalogue(), actions=READER_ACTIONS) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def ca_file(aws):
    return aws.ca_file


def credentials_for(aws, **changes):
    from prefect_aws import AwsCredentials
    from prefect_aws.client_parameters import AwsClientParameters

    endpoint = changes.pop("endpoint_url", f"https://{aws.address}")
    given = {
        "aws_access_key_id": aws.reader.key_id,
        "aws_secret_access_key": aws.reader.secret,
        "region_name": "eu-west-1",
        "aws_client_parameters": AwsClientParameters(
            endpoint_url=endpoint,
            verify_cert_path=changes.pop("ca_file", aws.ca_file),
            config=changes.pop("config", None),
        ),
    }
    return AwsCredentials(**{**given, **changes})


@pytest.fixture
async def prober(aws):
    async with open_prober(credentials_for(aws), routes=Routes(), clock=SystemClock()) as opened:
        yield opened


def ask(aws, route, **body):
    request = urllib.request.Request(
        f"https://{aws.address}/_sandbox/{route}",
        data=json.dumps(body).encode() if body else None,
        method="POST" if body else "GET",
    )
    with urllib.request.urlopen(
        request, context=ssl.create_default_context(cafile=str(aws.ca_file)), timeout=30
    ) as answer:
        return json.load(answer)


@pytest.fixture
def broken(aws):
    @contextmanager
    def breaking(target, how):
        ask(aws, "break", target=target, how=how)
        try:
            yield
        finally:
            ask(aws, "mend", target=target)

    return breaking
