"""Looking and planning open readers' blocks; an operator's is opened by the act that changes something, and only then.

What an act and a look use of an opened adapter is in the contracts; this is the opening before them.
"""

from __future__ import annotations

from typing import Any

import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.ports.network import Routes
from deployments.sandbox.state import CHECKOUT
from tasks.recovery import opening as recovery
from tasks.recovery.opening import Parts
from tasks.restarts import opening as restarts

PLATFORMS = load_catalogue(CHECKOUT / "deployments" / "catalogue").platforms
HEARTH = Parts(PLATFORMS["hearth"])
RESTARTED = {
    ("hearth", "device-api"): "azure-hearth-operator",
    ("hearth", "household-digest"): "azure-hearth-operator",
    ("hearth", "device-api-recovery"): "openstack-hearth-operator",
    ("storefront", "web-fleet"): "aws-storefront-operator",
}
MOVED = {
    "member": (lambda: HEARTH.member("household", "azure-west"), "postgres-hearth-operator"),
    "compute in Azure": (lambda: HEARTH.compute("azure-west"), "azure-hearth-operator"),
    "compute in the private cloud": (lambda: HEARTH.compute("dc-west"), "openstack-hearth-operator"),
    "Traffic Manager": (lambda: HEARTH.traffic("api"), "azure-hearth-operator"),
    "a name": (lambda: HEARTH.traffic("database-name"), "dns-hearth-operator"),
    "a right": (lambda: HEARTH.credential("archive-writer"), "azure-hearth-operator"),
}


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the blocks that were opened so far."""
    names: list[str] = []

    def load(block_class: Any, name: str) -> Any:
        names.append(name)
        return block_class.model_construct()

    for module in (restarts, recovery):
        monkeypatch.setattr(module, "load_block", load)
        monkeypatch.setattr(module, "load_routes", Routes)
    return names


def operator_of(adapter: Any) -> Any:
    """What the adapter calls when it acts."""
    return adapter.operator if hasattr(adapter, "operator") else adapter.access.operator


@pytest.mark.parametrize("which", RESTARTED, ids="/".join)
def test_who_restarts_has_opened_its_reader_alone(opened, which):
    platform, service = PLATFORMS[which[0]], which[1]
    restarter = restarts.open_restarter(platform, restarts.find_service(platform, service))
    assert opened == [platform.sites[platform.services[service].site].credentials]
    operator_of(restarter)()
    assert opened[1:] == [RESTARTED[which]]


@pytest.mark.parametrize("part", MOVED)
def test_so_has_what_is_moved(opened, part):
    opening, operator = MOVED[part]
    adapter = opening()
    assert not [name for name in opened if name.endswith("-operator")]
    read = len(opened)
    operator_of(adapter)()
    assert opened[read:] == [operator]


def test_so_has_the_database_host(opened):
    member: Any = HEARTH.member("household", "dc-west")
    assert not [name for name in opened if name.endswith("-operator")]
    member.host_operator()
    assert opened[-1] == "database-host-hearth-operator"
