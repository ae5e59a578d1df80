"""Prefect's server on its PostgreSQL and nothing else of the sandbox, for tests that need no platform.

from tests.prefect_fixture import prefect_home  # noqa: F401
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.state import State
from tests.sandbox_fixture import in_turn


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """The folder of a server that is up for the session and gone after it, even when the session is killed."""
    running = os.environ.get("VIGIE_TEST_SANDBOX")  # one that is up already, for whoever works on these tests
    home = Path(running) if running else tmp_path_factory.mktemp("prefect")
    with in_turn():
        bring_up(home, only=("prefect-server",), tied=not running)
    yield State.at(home)
    if not running:
        take_down(home)
