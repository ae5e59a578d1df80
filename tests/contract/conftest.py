"""Adapters are held to their contracts on the event loop that a sweep gives them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import uvloop

from tests.contract.clouds import CLOUDS, Cloud, emulated_aws


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The emulated AWS that the tests of restarts share."""
    with emulated_aws(tmp_path_factory.mktemp("restarts")) as opened:
        yield opened


@pytest.fixture(params=sorted(CLOUDS))
def cloud(request: pytest.FixtureRequest, tmp_path) -> Iterator[Cloud]:
    """One cloud with a service that can be restarted, for each kind that is."""
    given = request.getfixturevalue("emulator") if request.param.startswith("aws.") else tmp_path
    with CLOUDS[request.param](given) as opened:
        yield opened
