"""The ECS pool against the emulator: prefect-aws's own worker registers and runs what our template says, with our policy.

The emulator refuses every action that the policy does not name; nothing really runs in it.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from blocks.catalogue.model import Catalogue
from tests.deploy.places.spoken import PLACES
from tests.deploy.places.test_pools import GIVEN, configuration_of, flow_run  # noqa: F401  a fixture

pytestmark = pytest.mark.filterwarnings("ignore")  # what prefect-aws says about itself
POLICIES = sorted((PLACES / "ecs").glob("*-policy.json"))
ONLY_IN_POLICIES = {"iam:PassRole", "s3:GetObject", "s3:PutObject"}


def statements(name):
    return json.loads((PLACES / "ecs" / name).read_text())["Statement"]


def actions(*names):
    found = [s["Action"] for name in names for s in statements(name)]
    return tuple(sorted(a for each in found for a in ([each] if isinstance(each, str) else each)))


def served(tmp_path_factory, allowed):
    from deployments.sandbox.aws import AwsEmulator
    from deployments.sandbox.state import State

    state = State.at(tmp_path_factory.mktemp("ecs"))
    return AwsEmulator(state, Catalogue.model_validate({"platforms": {}}), actions=allowed)


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with served(tmp_path_factory, actions("worker-policy.json")) as emulator:
        yield emulator


@pytest.fixture(scope="module", autouse=True)
def slow_enough():
    """The emulator moves a task on each time somebody looks; it shall be seen running."""
    from moto.moto_api import state_manager

    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 50})
    yield
    state_manager.unset_transition("ecs::task")


@pytest.fixture(scope="module")
def network(aws):
    return private_network(aws)


def private_network(aws):
    """A cluster and a private subnet, made by the account's owner; the worker only looks at them."""
    ec2, ecs = aws._client("ec2", "eu-west-1"), aws._client("ecs", "eu-west-1")
    ecs.create_cluster(clusterName="vigie")
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})  # the emulator's tasks need it
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.40.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="runs", Description="runs", VpcId=vpc)["GroupId"]
    private = {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "DISABLED"}
    return {"vpc_id": vpc, "network_configuration": private}


async def configured(aws, network, run):
    from prefect_aws import AwsCredentials
    from prefect_aws.client_parameters import AwsClientParameters
    from prefect_aws.workers.ecs_worker import ECSWorker

    credentials = AwsCredentials(
        aws_access_key_id=aws.reader.key_id,
        aws_secret_access_key=aws.reader.secret,
        region_name="eu-west-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=f"https://{aws.address}", verify_cert_path=aws.ca_file),
    )
    values = {**GIVEN["ecs"], **network, "task_watch_poll_interval": 0.05}
    made = await configuration_of("ecs", ECSWorker, values)
    made.aws_credentials = credentials
    made.prepare_for_flow_run(flow_run=run)
    return ECSWorker(work_pool_name="vigie"), made


async def started(aws, network, run):
    """(task, task definition) as they stand in the emulator once the worker has started the run."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_LOGGING_TO_API_ENABLED,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
        temporary_settings,
    )

    # without a server: one would be started only to receive the worker's log
    alone = {PREFECT_LOGGING_TO_API_ENABLED: False, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}
    with temporary_settings({PREFECT_API_AUTH_STRING: "lookout:planted-9c2e", **alone}):
        worker, made = await configured(aws, network, run)
        client = made.aws_credentials.get_client("ecs")
        logger = worker.get_flow_run_logger(run)
        task, cluster, _, _ = worker._create_task_and_wait_for_start(logger, client, made, run)
    owner = aws._client("ecs", "eu-west-1")
    task = owner.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
    return task, owner.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]


async def test_the_worker_starts_what_the_template_says_with_the_permissions_of_its_policy(aws, network, flow_run):  # noqa: F811
    task, definition = await started(aws, network, flow_run)
    container = definition["containerDefinitions"][0]
    assert container["image"] == GIVEN["ecs"]["image"]
    assert container["stopTimeout"] == 120
    assert (definition["family"], definition["networkMode"]) == ("vigie", "awsvpc")
    assert definition["executionRoleArn"] == GIVEN["ecs"]["execution_role_arn"]
    assert container["logConfiguration"]["logDriver"] == "awslogs"
    override = task["overrides"]["containerOverrides"][0]
    assert override["command"] == ["prefect", "flow-run", "execute"]
    variables = {each["name"]: each["value"] for each in override["environment"]}
    assert variables["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"] == "s3-bucket/vigie-results"


async def test_the_password_reaches_a_run_as_a_secret_only(aws, network, flow_run):  # noqa: F811
    task, definition = await started(aws, network, flow_run)
    arn = GIVEN["ecs"]["prefect_api_auth_string_secret_arn"]
    assert definition["containerDefinitions"][0]["secrets"] == [{"name": "PREFECT_API_AUTH_STRING", "valueFrom": arn}]
    assert "planted-9c2e" not in json.dumps([task, definition], default=str)


async def test_the_policy_allows_what_the_worker_does_and_hardly_more(aws, network, flow_run):  # noqa: F811
    """What was not called is named, with the reason why it is there all the same."""
    from tests.contract.aws.conftest import ask

    await started(aws, network, flow_run)
    called = {call["action"] for call in ask(aws, "traffic")["calls"] if not call["refused"]}
    unused = {
        "ecs:StopTask",  # a run that is cancelled
        "ecs:TagResource",  # asked by AWS when a task is started with tags
        "iam:PassRole",  # asked by AWS when a task is started with roles
    }
    assert set(actions("worker-policy.json")) == called | unused


@pytest.mark.parametrize("missing", ["ecs:RegisterTaskDefinition", "ec2:DescribeSubnets"])
async def test_one_permission_less_starts_nothing(tmp_path_factory, flow_run, missing):  # noqa: F811
    rest = tuple(action for action in actions("worker-policy.json") if action != missing)
    refused = pytest.raises(Exception, match=f"not authorized to perform: {missing}")
    with served(tmp_path_factory, rest) as emulator, refused:
        await started(emulator, private_network(emulator), flow_run)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_iam_takes_the_policy(aws, policy):
    iam = aws._client("iam", "eu-west-1")
    made = iam.create_policy(PolicyName=policy.stem, PolicyDocument=policy.read_text())
    assert made["Policy"]["PolicyName"] == policy.stem


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_every_action_is_one_that_aws_has(policy):
    import botocore.session

    session = botocore.session.get_session()
    for action in actions(policy.name):
        service, _, operation = action.partition(":")
        known = session.get_service_model(service).operation_names
        assert operation in known or action in ONLY_IN_POLICIES, action


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_no_star_where_a_resource_can_be_named(policy):
    """On these AWS accepts no resource, or the statement names the cluster in its condition."""
    unnamed = {"ec2:Describe*", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecr:GetAuthorizationToken"}
    for statement in statements(policy.name):
        if statement["Resource"] == "*" and "Condition" not in statement:
            said = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert [a for a in said if not any(fnmatchcase(a, pattern) for pattern in unnamed)] == []
