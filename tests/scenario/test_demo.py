"""The first command a newcomer types: it tells its stories to the end, and dies without leaving anything."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from deployments.sandbox.state import CHECKOUT, State
from tests.scenario.sandbox.conftest import left, remove_databases, soon_left

pytestmark = pytest.mark.scenario

DEMO = [sys.executable, "-c", "from deployments.cli import main; main()", "demo"]


@pytest.fixture
def home():
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    home.chmod(0o755)
    yield home
    remove_databases(home)
    shutil.rmtree(home)


def start(home, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "VIGIE_"))}
    return subprocess.Popen(
        DEMO, cwd=CHECKOUT, env=environment | {"VIGIE_HOME": str(home), "COLUMNS": "160"} | more,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_what_cannot_start_ends_it_with_1_and_leaves_nothing(home):
    (home / "tls").mkdir()
    for name in ("ca.pem", "ca.key.pem"):
        (home / "tls" / name).write_text("not a certificate")
    said, _ = (failed := start(home, STAY="0")).communicate(timeout=120)
    assert failed.returncode == 1, said
    assert "The demonstration failed: " in said
    assert asyncio.run(soon_left(home)) == []


def test_killed_while_it_tells_it_leaves_nothing_and_the_next_one_tells_all(home):
    killed = start(home, STAY="1")
    for line in killed.stdout:
        if "is broken" in line:  # in the middle: a service is down, a sweep begins
            break
    assert left(home)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert asyncio.run(soon_left(home)) == []

    said, _ = (whole := start(home, STAY="0")).communicate(timeout=900)
    assert whole.returncode == 0, said
    assert said.count("Closed by evidence: hearth/device-api, storefront/web-fleet") == 1, said
    restarts, _, disaster = said.partition("The disaster: azure-west goes dark")
    assert restarts.count("says yes in Slack: Approve, one-time code") == 2, said
    assert disaster.count("says yes in Slack: Approve, typed word, one-time code") == 5, said  # of two, and of three
    assert said.count("its buttons are gone") == 3, said
    assert "all that can move out of azure-west is down (device-api, household-data)" in " ".join(disaster.split()), (
        said
    )
    for words in (
        "Clients write again: nobody could for",
        "and dc-west answers now",
        "Home again.",
        "Closed by evidence",
    ):
        assert words in disaster, said
    assert ", 0 are not in azure-west's database." in disaster, said
    assert "hearth-device-api is Running, 2 of 2 instances ready, 2 processes; started anew" in said
    for words in ("Prefect UI", "sweep hearth", "Custom run"):
        assert words in said
    assert left(home) == []
    assert not State.at(home).env_file.exists()
