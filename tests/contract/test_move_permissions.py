"""What docs promise that a move in Azure needs is exactly what it uses: the operator's acts and the reader's looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blocks.azure.actions import (
    CAPACITY_LOOKS,
    COMPUTE_ACTIONS,
    COMPUTE_LOOKS,
    CREDENTIAL_ACTIONS,
    CREDENTIAL_LOOKS,
    TRAFFIC_ACTION,
    TRAFFIC_LOOKS,
)
from tests.contract.computing import COMPUTING, DEEDS
from tests.contract.switching import SWITCHING
from tests.contract.test_compute_port import effect_of, evidence_of, intend

PAGE = (Path(__file__).parents[2] / "docs" / "permissions-azure.md").read_text()
ACTING = "acting"


def used(calls):
    """(by the operator, by the reader), in lower case."""
    acts = {action for who, action in calls if who == ACTING}
    return acts, {action for who, action in calls if who != ACTING}


def lower(actions):
    return {action.lower() for action in actions}


@pytest.mark.parametrize("kind", sorted(COMPUTE_ACTIONS))
def test_starting_stopping_and_resizing_use_exactly_what_is_documented(tmp_path, kind):
    with COMPUTING[kind](tmp_path) as cloud:
        for deed in DEEDS:
            change = cloud.change(deed)
            mark = intend(change)
            change.act(mark)
            if deed != "stop":
                evidence_of(cloud, deed, mark)
            effect_of(cloud, deed, mark)
        change.find_evidence(intend(change))
        cloud.compute().look(cloud.service)
        calls = cloud.calls()
    acts, looks = used(calls)
    assert acts == lower(COMPUTE_ACTIONS[kind].values())
    assert looks == lower(COMPUTE_LOOKS[kind])


def test_looking_at_the_quota_uses_exactly_what_is_documented(tmp_path):
    with COMPUTING["azure.virtual_machine"](tmp_path) as cloud:
        cloud.compute().capacity(cloud.site)
        calls = cloud.calls()
    assert used(calls) == (set(), lower(CAPACITY_LOOKS))


def test_shifting_traffic_uses_exactly_what_is_documented(tmp_path):
    with SWITCHING["azure.traffic_manager"](tmp_path) as switching:
        change = switching.change()
        mark = intend(change)
        change.find_evidence(mark)
        change.act(mark)
        assert change.read_effect(mark).reached
        calls = [(one["caller"], one["method"], one["path"].lower()) for one in switching.simulator.traffic.exchanges]
    assert {(who, method) for who, method, path in calls if path.endswith("/hearth-api")} == {
        (ACTING, "PUT"),
        ("reading", "GET"),
    }
    assert {path.rpartition("/providers/")[2] for who, method, path in calls if not path.endswith("/hearth-api")} == {
        "microsoft.insights/eventtypes/management/values"
    }


def test_the_page_lists_each_act_of_a_move_and_each_look():
    listed = dict(re.findall(r"^\| move: ([^|]+?) \| (.+) \|$", PAGE, re.MULTILINE))
    words = {"azure.app_service": "App Service", "azure.virtual_machine": "virtual machine"}
    wanted = {
        f"{deed} {word}": {COMPUTE_ACTIONS[kind][deed]}
        for kind, word in words.items()
        for deed in COMPUTE_ACTIONS[kind]
    }
    wanted |= {f"look at {word}": set(COMPUTE_LOOKS[kind]) for kind, word in words.items()}
    wanted |= {"look at quota": set(CAPACITY_LOOKS), "look at Traffic Manager": set(TRAFFIC_LOOKS)}
    wanted |= {"shift Traffic Manager": {TRAFFIC_ACTION}}
    wanted |= {"look at credential": set(CREDENTIAL_LOOKS), "take and give credential": set(CREDENTIAL_ACTIONS)}
    assert {name: set(re.findall(r"`([^`]+)`", actions)) for name, actions in listed.items()} == wanted
