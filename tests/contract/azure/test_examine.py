"""What `vigie blocks check` says about a reader: what it may, what it lacks, what it had better not have."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.azure.actions import (
    CHECK_ACTIONS,
    EXAMINE_ACTIONS,
    MOVE_ACTIONS,
    MOVE_LOOKS,
    RESTART_ACTIONS,
    RESTART_LOOKS,
)
from blocks.azure.block import OPERATOR, AzureOperator, AzureReader, judge_permissions, may
from blocks.errors import Refused, Retryable
from tests.contract.azure.conftest import GROUP, SECRET, Azure

NEEDED = {action for actions in (*CHECK_ACTIONS.values(), *RESTART_LOOKS.values(), MOVE_LOOKS) for action in actions}


def role(*actions: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"actions": list(actions), "notActions": list(without)}


@pytest.mark.parametrize(
    ("permissions", "action", "allowed"),
    [
        ([role("*/read")], "Microsoft.Web/sites/Read", True),
        ([role("*")], "Microsoft.Web/sites/write", True),
        ([role("Microsoft.Web/*/read")], "Microsoft.Web/sites/Read", True),
        ([role("Microsoft.Web/sites/Read")], "microsoft.web/SITES/read", True),
        ([role("Microsoft.Web/sites/Read")], "Microsoft.Web/sites/config/read", False),
        ([role("*", without=("Microsoft.Web/*/write",))], "Microsoft.Web/sites/write", False),
        ([role("*", without=("*/write",)), role("*/write")], "Microsoft.Web/sites/write", True),
        ([], "Microsoft.Web/sites/Read", False),
    ],
)
def test_actions_are_matched_as_azure_does(permissions: list[Any], action: str, allowed: bool) -> None:
    assert may(permissions, action) is allowed


async def test_a_reader_may_read_everything_it_needs_and_write_nothing(azure: Azure) -> None:
    found = {one.action: one for one in await azure.block().examine()}
    assert {action for action, one in found.items() if one.allowed} == NEEDED
    assert found["*/write"].allowed is False
    assert all("hearth-prod" in one.detail for one in found.values())


async def test_what_is_lacking_is_said(azure: Azure) -> None:
    azure.simulator.granted = sorted(NEEDED - {"Microsoft.Insights/metrics/read"} | set(EXAMINE_ACTIONS))
    lacking = [one for one in await azure.block().examine() if one.action in NEEDED and not one.allowed]
    assert [one.action for one in lacking] == ["Microsoft.Insights/metrics/read"]
    assert "NOT" in lacking[0].detail


async def test_a_reader_that_may_write_is_warned_about(azure: Azure) -> None:
    azure.simulator.granted = ["*/read", "Microsoft.Compute/virtualMachines/restart/action"]
    warned = [one for one in await azure.block().examine() if "WARNING" in one.detail]
    assert [(one.action, one.allowed) for one in warned] == [("Microsoft.Compute/virtualMachines/restart/action", True)]


async def test_every_visible_group_is_examined_page_by_page(azure: Azure) -> None:
    for number in range(4):
        address = GROUP.replace("hearth-prod", f"group-{number}") + "/Microsoft.Web/sites/x"
        azure.simulator.store.seed(address, "Microsoft.Web/sites", "westeurope")
    groups = {one.detail.split(":")[0] for one in await azure.block().examine()}
    assert groups == {"hearth-prod", "group-0", "group-1", "group-2", "group-3"}
    named = await azure.block(resource_groups=["group-2"]).examine()
    assert {one.detail.split(":")[0] for one in named} == {"group-2"}


async def test_a_reader_that_sees_nothing_is_told_so(azure: Azure) -> None:
    (only,) = await azure.block(subscription_id="33333333-3333-4333-8333-333333333333").examine()
    assert only.allowed is False
    assert "no resource group" in only.detail


async def test_a_refused_credential_is_refused_here_too(azure: Azure) -> None:
    with pytest.raises(Refused, match="AADSTS7000215"):
        await azure.block(client_secret="wrong").examine()


async def test_an_azure_that_is_down_is_not_a_lack_of_rights(azure: Azure) -> None:
    azure.break_("*", "region-down")
    with pytest.raises(Retryable):
        await azure.block().examine()


async def test_workload_identity_sends_the_workers_token(
    azure: Azure, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret in the block: the worker's federated token is what is sent, and the sandbox refuses it by name."""
    token_file = tmp_path / "token"
    token_file.write_text("federated-token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token_file))
    with pytest.raises(Refused, match="AADSTS7000215"):
        await azure.block(client_secret=None).examine()
    assert azure.simulator.login.assertions == ["federated-token"]


def test_an_operator_is_asked_for_restarts_and_moves_and_warned_about_more() -> None:
    duty = {*RESTART_ACTIONS.values(), *MOVE_ACTIONS}
    narrow = judge_permissions([role(*duty)], "group", OPERATOR)
    assert {one.action for one in narrow if one.allowed} == duty
    assert not [one for one in narrow if "WARNING" in one.detail]
    wide = {one.action: one.detail for one in judge_permissions([role("*")], "group", OPERATOR)}
    assert "an operator should not have this" in wide["Microsoft.Compute/virtualMachines/delete"]
    assert not [action for action in duty if "WARNING" in wide[action]]
    lacking = [one for one in judge_permissions([role("*/read")], "group", OPERATOR) if "NOT" in one.detail]
    assert {one.action for one in lacking} == duty
    assert not [one for one in lacking if one.allowed]


def test_judging_needs_no_azure() -> None:
    found = judge_permissions([role("*")], "group")
    assert sum("WARNING" in one.detail for one in found) >= 5


def test_the_secret_is_never_shown(azure: Azure) -> None:
    block = azure.block()
    assert SECRET not in repr(block) + str(block) + block.model_dump_json()


def test_every_field_says_what_to_fill_in() -> None:
    own = {name: field for name, field in AzureReader.model_fields.items() if not name.startswith("_")}
    assert all(field.description for field in own.values())
    assert AzureReader.get_block_type_slug() == "vigie-azure-reader"
    assert AzureOperator.get_block_type_slug() == "vigie-azure-operator"
    assert AzureReader.get_description()
