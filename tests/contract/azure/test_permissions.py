"""The least permissions that docs promise are exactly those that the checks use on the wire."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from blocks.azure.actions import CHECK_ACTIONS, EXAMINE_ACTIONS, MOVE_LOOKS, RESTART_LOOKS
from blocks.catalogue.kinds import KINDS
from blocks.catalogue.model import (
    IotConnectedCheck,
    IotMessageRateCheck,
    MetricCheck,
    QuotaCheck,
    ResourceHealthCheck,
    ResourceStateCheck,
)
from blocks.errors import Broken
from tests.contract.azure.conftest import HUB, MACHINE, RESOURCES, Azure

PAGE = Path(__file__).resolve().parents[3] / "docs" / "permissions-azure.md"
METRIC: dict[str, Any] = {"kind": "metric", "unit": "%", "value": {"warning": "> 80 %"}}
CHECKS: dict[str, list[tuple[str, Any]]] = {
    "resource_health": [(resource, ResourceHealthCheck(kind="resource_health")) for resource in RESOURCES],
    "resource_state": [(resource, ResourceStateCheck(kind="resource_state")) for resource in RESOURCES],
    "metric": [
        (MACHINE, MetricCheck(metric="Percentage CPU", **METRIC)),
        (MACHINE, MetricCheck(metric="No such", **METRIC)),
    ],
    "iot_connected": [(HUB, IotConnectedCheck(kind="iot_connected", connected={"warning": "< 90 %"}))],
    "iot_message_rate": [(HUB, IotMessageRateCheck(kind="iot_message_rate", against_last_week={"warning": "< 70 %"}))],
    "quota": [(HUB, QuotaCheck(kind="quota", quota="TotalMessages"))],
}


def action(method: str, path: str) -> str:
    """The action Resource Manager checks for a read: the types of the last provider, and `read`."""
    assert method == "GET"
    if "/providers/" not in path:
        return "microsoft.resources/subscriptions/resourcegroups/read"
    provider, *rest = path.lower().rsplit("/providers/", 1)[1].split("/")
    return "/".join([provider, *rest[::2], "read"]) if rest[-1] != "current" else f"{provider}/{rest[0]}/read"


async def used(azure: Azure, checks: list[tuple[str, Any]]) -> set[str]:
    azure.simulator.traffic.forget()
    for resource, check in checks:
        if getattr(check, "metric", "") == "No such":
            with pytest.raises(Broken, match="No such"):
                await azure.probe(resource, check)
        else:
            await azure.probe(resource, check)
    return {action(one["method"], one["path"]) for one in azure.simulator.traffic.exchanges}


async def test_each_check_kind_uses_exactly_the_actions_it_is_said_to_need(azure: Azure) -> None:
    for kind, checks in CHECKS.items():
        assert await used(azure, checks) == {action.lower() for action in CHECK_ACTIONS[kind]}, kind


async def test_examining_uses_exactly_the_actions_it_is_said_to_need(azure: Azure) -> None:
    await azure.block().examine()
    seen = {action(one["method"], one["path"]) for one in azure.simulator.traffic.exchanges}
    assert seen == {action.lower() for action in EXAMINE_ACTIONS}


def test_every_check_kind_of_azure_is_tried_here() -> None:
    kinds = {check for kind in KINDS.values() if kind.provider == "azure" for check in kind.checks}
    assert kinds == set(CHECKS) == set(CHECK_ACTIONS)


def test_the_page_lists_the_actions_of_each_check_kind() -> None:
    listed: dict[str, set[str]] = {}
    for kind, actions in re.findall(r"^\| `([^`]+)` \|[^|]*\| (.+) \|$", PAGE.read_text(), re.MULTILINE):
        listed.setdefault(kind, set()).update(re.findall(r"`([^`]+)`", actions))
    assert listed.pop("vigie blocks check") == set(EXAMINE_ACTIONS)
    assert listed == {kind: set(actions) for kind, actions in CHECK_ACTIONS.items()}


def test_the_role_to_copy_has_all_of_them_and_no_more() -> None:
    role = json.loads(PAGE.read_text().split("```json")[1].split("```")[0])
    looks = (*CHECK_ACTIONS.values(), *RESTART_LOOKS.values(), MOVE_LOOKS)
    needed = {action for actions in looks for action in actions} | set(EXAMINE_ACTIONS)
    assert set(role["Actions"]) == needed
    assert not [one for one in role["Actions"] if "*" in one or not one.lower().endswith("/read")]
