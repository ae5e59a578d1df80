"""The templates of container pools are what their script makes, and refuse a run that leaves something to a guess."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest

from deployments.places.pools import TEMPLATES, written
from tests.deploy.places.spoken import CHECKOUT, PLACES


def template(place):
    return json.loads((PLACES / place / "base-job-template.json").read_text())


GIVEN = {
    "ecs": {
        "cluster": "vigie",
        "image": "registry.vigie.example/vigie:0.1.0",
        "execution_role_arn": "arn:aws:iam::123456789012:role/vigie-execution",
        "task_role_arn": "arn:aws:iam::123456789012:role/vigie-run",
        "prefect_api_auth_string_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vigie/prefect-auth-a",
        "vpc_id": "vpc-1",
        "network_configuration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"},
    },
    "aci": {
        "image": "registry.vigie.example/vigie:0.1.0",
        "resource_group_name": "vigie",
        "subscription_id": "33333333-3333-4333-8333-333333333333",
        "subnet_ids": [
            "/subscriptions/s/resourceGroups/vigie/providers/Microsoft.Network/virtualNetworks/v/subnets/runs"
        ],
        "identities": [
            "/subscriptions/s/resourceGroups/vigie/providers/Microsoft.ManagedIdentity/userAssignedIdentities/run"
        ],
    },
}


@pytest.mark.parametrize("place", TEMPLATES)
def test_the_file_is_what_the_script_makes_of_the_installed_package(place):
    assert (PLACES / place / "base-job-template.json").read_text() == written(TEMPLATES[place]())


def test_the_script_says_that_nothing_is_stale():
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "deployments.places.pools", "--check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("place", TEMPLATES)
def test_what_is_given_suffices_and_nothing_less_does(place):
    schema = template(place)["variables"]
    judge = jsonschema.Draft202012Validator(schema)
    judge.validate(GIVEN[place])
    for name in GIVEN[place]:
        rest = {key: value for key, value in GIVEN[place].items() if key != name}
        assert [e.validator for e in judge.iter_errors(rest)] == ["required"], name
    assert sorted(schema["required"]) == sorted(GIVEN[place])


@pytest.mark.parametrize("place", TEMPLATES)
def test_prefect_itself_takes_the_template(place):
    """The same check that the API makes when a work pool is created."""
    from prefect.client.schemas.actions import WorkPoolCreate

    assert WorkPoolCreate(name="vigie", type=place, base_job_template=template(place)).base_job_template


@pytest.mark.parametrize("place", TEMPLATES)
def test_every_placeholder_has_a_variable(place):
    from prefect.utilities.templating import find_placeholders

    made = template(place)
    placeholders = {found.name for found in find_placeholders(made["job_configuration"])}
    assert placeholders <= set(made["variables"]["properties"])


async def configuration_of(place, worker_class, values):
    """What the worker makes of the template; nothing in it asks Prefect's API, so none has to be there."""
    from prefect.client.orchestration import PrefectClient

    return await worker_class.job_configuration.from_template_and_values(
        base_job_template=template(place), values=values, client=PrefectClient("http://127.0.0.1:9/api")
    )


async def prepared(place, worker_class, flow_run, deployment_env):
    """The configuration of a run, as the worker would start it."""
    configuration = await configuration_of(place, worker_class, {**GIVEN[place], "env": deployment_env})
    configuration.prepare_for_flow_run(flow_run=flow_run)
    return configuration


@pytest.fixture
def flow_run():
    from uuid import uuid4

    from prefect.client.schemas.objects import FlowRun

    return FlowRun(id=uuid4(), flow_id=uuid4(), name="quiet-lookout")


@pytest.mark.filterwarnings("ignore")  # what prefect-azure says about itself
async def test_a_container_group_is_one_that_azure_has_words_for(flow_run):
    """Every key of the group is one of the SDK's model, the password is a secure value and the network is ours."""
    from azure.mgmt.containerinstance import models
    from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings
    from prefect_azure.workers.container_instance import AzureContainerWorker

    with temporary_settings({PREFECT_API_AUTH_STRING: "lookout:planted-4b1d"}):
        made = await prepared("aci", AzureContainerWorker, flow_run, {"A": "1"})
    resource = made.arm_template["resources"][0]
    group = models.ContainerGroup.deserialize({**resource, "location": "westeurope"})
    assert _unknown(resource, group.serialize(keep_readonly=True)) == ["apiVersion"]
    container = group.containers[0]
    assert container.command == ["/usr/bin/tini", "prefect", "flow-run", "execute"]
    environment = {each.name: each for each in container.environment_variables}
    assert environment["PREFECT_API_AUTH_STRING"].secure_value == "lookout:planted-4b1d"
    assert json.dumps(resource).count("planted-4b1d") == 1
    assert environment["A"].value == "1"
    assert group.ip_address is None
    assert [subnet.id for subnet in group.subnet_ids] == GIVEN["aci"]["subnet_ids"]
    assert (group.restart_policy, group.os_type) == ("Never", "Linux")


def _unknown(given, understood):
    """Keys that the SDK's model dropped, because it has no such word."""
    if isinstance(given, dict):
        lost = [key for key in given if not isinstance(understood, dict) or key not in understood]
        return lost + [k for key in given if key not in lost for k in _unknown(given[key], understood[key])]
    if isinstance(given, list):
        return [key for one, other in zip(given, understood, strict=True) for key in _unknown(one, other)]
    return []


@pytest.mark.filterwarnings("ignore")  # what prefect-azure says about itself
async def test_a_word_that_azure_does_not_know_would_be_told(flow_run):
    from azure.mgmt.containerinstance import models
    from prefect_azure.workers.container_instance import AzureContainerWorker

    made = await prepared("aci", AzureContainerWorker, flow_run, {})
    resource = made.arm_template["resources"][0]
    resource["properties"]["restartPolice"] = "Never"
    group = models.ContainerGroup.deserialize({**resource, "location": "westeurope"})
    assert _unknown(resource, group.serialize(keep_readonly=True)) == ["apiVersion", "restartPolice"]
