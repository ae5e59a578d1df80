"""What the table promises of the simulated clouds, Slack and the pager, they understand: break and mend."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.errors import VigieError
from deployments.sandbox.breaking import break_service, breaks, mend_service
from deployments.sandbox.faults import FAULTS, Tell, ways
from deployments.sandbox.lifecycle import bring_up, look, take_down
from deployments.sandbox.state import State

pytestmark = pytest.mark.scenario

_SIMULATORS = ("aws", "azure", "openstack", "slack", "pager")
_TOLD = [
    (service, how)
    for service in FAULTS
    for how, actions in ways(service).items()
    if all(isinstance(action, Tell) and action.component in _SIMULATORS for action in actions)
]


@pytest.fixture(scope="module")
def clouds() -> Iterator[State]:
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    bring_up(home, only=_SIMULATORS, tied=True)
    yield State.at(home)
    take_down(home)
    shutil.rmtree(home)


def test_every_order_of_the_table_is_understood_and_undone(clouds):
    refused: dict[str, str] = {}
    for service, how in _TOLD:
        try:
            break_service(clouds, service, how)
        except VigieError as error:
            refused[f"{service} {how}"] = str(error)
        mend_service(clouds, service)
    assert refused == {}
    assert breaks(clouds) == ()
    assert len(_TOLD) > 20


@pytest.mark.parametrize("component", _SIMULATORS)
def test_a_killed_simulator_comes_back_where_the_saved_blocks_expect_it(clouds, component):
    address, page = clouds.address(component), clouds.read_ready(component).get("page")
    break_service(clouds, component, "kill")
    assert not look(clouds.home).healthy
    assert not _anybody_gets(address), "a connection that goes out may be given the port"
    mend_service(clouds, component)
    assert clouds.address(component) == address
    assert clouds.read_ready(component).get("page") == page
    assert look(clouds.home).healthy


def _anybody_gets(address: str) -> bool:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        except OSError:
            return False
    return True
