"""`vigie blocks check`: every credential opens and says what it may; a wrong one does not, and no secret is printed."""

from __future__ import annotations

import asyncio
import json

import pytest
from pydantic import SecretStr

from deployments.sandbox.credentials import blocks_of, save_blocks
from tests.deploy.told import vigie

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect and the SDKs its blocks import warn about each other
]

WRONG = "planted-and-wrong"
SECRETS = {  # block -> the field that opens it
    "azure-hearth-reader": "client_secret",
    "azure-hearth-operator": "client_secret",
    "openstack-hearth-reader": "application_credential_secret",
    "openstack-hearth-operator": "application_credential_secret",
    "postgres-hearth-reader": "password",
    "database-host-hearth-reader": "token",
    "database-host-hearth-operator": "token",
    "slack": "bot_token",
    "pagerduty-hearth": "routing_key",
}


def check(*options):
    result = vigie("blocks", "check", "--json", *options)
    return result, {row["block"].rpartition("/")[2]: row for row in json.loads(result.output)}


def test_every_block_opens_and_says_what_it_may_do(prefect):
    result, found = check()
    assert result.exit_code == 0
    assert set(found) == set(blocks_of(prefect.state))
    opens = {name: row["opens"] for name, row in found.items()}
    assert opens.pop("webhook-storefront") is None  # it cannot be tried without ringing
    assert opens.pop("dns-hearth-operator") is None  # only a change tries it
    assert set(opens.values()) == {True}
    assert all(row["capabilities"] for row in found.values())
    allowed = {(name, c["action"]): c["allowed"] for name, row in found.items() for c in row["capabilities"]}
    assert allowed["aws-storefront-reader", "cloudwatch:GetMetricData"] is True
    assert allowed["aws-storefront-reader", "ec2:TerminateInstances"] is False
    assert allowed["azure-hearth-reader", "*/write"] is False
    assert allowed["aws-storefront-operator", "autoscaling:TerminateInstanceInAutoScalingGroup"] is True
    assert allowed["aws-storefront-reader", "autoscaling:TerminateInstanceInAutoScalingGroup"] is False
    assert allowed["azure-hearth-operator", "Microsoft.Web/sites/restart/Action"] is True
    assert allowed["openstack-hearth-operator", "identity:authenticate"] is True
    assert not [c for row in found.values() for c in row["capabilities"] if "WARNING" in c["detail"]]
    assert allowed["postgres-hearth-reader", "log in to db1.hearth.example:5432/household"] is True
    assert allowed["postgres-hearth-reader", "write to tables"] is False
    no_secret_in(prefect, result.output)


def test_what_a_former_start_saved_is_left_alone_unless_it_differs_or_somebody_touched_it(prefect, tmp_path):
    note, name = tmp_path / "blocks.json", "pagerduty-hearth"
    right = {name: blocks_of(prefect.state)[name]}
    path = f"/block_types/slug/{right[name].get_block_type_slug()}/block_documents/name/{name}"

    def saved():
        return prefect.call(path)["updated"]

    asyncio.run(save_blocks(right, note))
    first = saved()
    asyncio.run(save_blocks(right, note))
    assert saved() == first
    asyncio.run(save_blocks(right))  # somebody saves it meanwhile
    touched = saved()
    assert touched != first
    asyncio.run(save_blocks(right, note))
    assert saved() != touched
    wrong = {name: right[name].model_copy(update={"events_url": "https://elsewhere.example/v2"})}
    asyncio.run(save_blocks(wrong, note))
    assert "elsewhere" in str(prefect.call(path)["data"])
    asyncio.run(save_blocks(right, note))
    assert "elsewhere" not in str(prefect.call(path)["data"])


def test_a_wrong_secret_does_not_open_and_is_not_printed(prefect):
    right = blocks_of(prefect.state)
    wrong = {name: right[name].model_copy(update={field: SecretStr(WRONG)}) for name, field in SECRETS.items()}
    asyncio.run(save_blocks(wrong))
    try:
        result, found = check()
        people = vigie("blocks", "check")
    finally:
        asyncio.run(save_blocks({name: right[name] for name in wrong}))
    assert (result.exit_code, people.exit_code) == (1, 1)
    assert {name for name, row in found.items() if row["opens"] is False} == set(SECRETS)
    for name in SECRETS:
        (line,) = (line for line in people.output.splitlines() if line.split(":")[0].endswith(f"/{name}"))
        assert "does not open" in line
    for said in (result.output, people.output):
        assert WRONG not in said
        no_secret_in(prefect, said)


def no_secret_in(sandbox, text):
    for block in blocks_of(sandbox.state).values():
        for value in block.model_dump().values():
            if isinstance(value, SecretStr):
                assert value.get_secret_value() not in text


def test_without_prefect_one_sentence_and_exit_1(prefect):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = vigie("blocks", "check")
    assert result.exit_code == 1
    assert result.output.startswith("Prefect does not answer")
