"""When may a run not be forked? In doubt, and with a Prefect that is not known from inside."""

from __future__ import annotations

import sys

import prefect
import pytest

from deployments.worker.coldness import differing, installed_packages, why_cold
from deployments.worker.guard import KNOWN_VERSIONS, why_not_known

OURS = {"PATH": "/bin", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


def test_the_locked_prefect_is_known():
    assert prefect.__version__ in KNOWN_VERSIONS
    assert why_not_known() is None


@pytest.mark.parametrize("version", ["3.8.7", "3.8.9", "3.9.0", "3.8.8.dev1", "4.0.0"])
def test_any_other_prefect_means_cold(version):
    assert f"Prefect {version} is not known from inside" in why_not_known(version)


def test_the_same_environment_may_be_forked():
    assert why_cold(None, OURS | {"TRIAL": "yes"}, OURS) is None
    assert why_cold(f"{sys.executable} -m prefect.engine", OURS, OURS) is None


@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONOPTIMIZE", "OMP_NUM_THREADS", "LC_ALL", "MALLOC_ARENA_MAX"],
)
def test_what_acts_at_import_is_too_late(name):
    assert why_cold(None, OURS | {name: "x"}, OURS) == f"{name} would be set too late for a fork"
    assert differing(OURS, OURS | {name: "x"}) == [name]  # and what the run is not to have


def test_a_changed_value_is_too_late_and_all_are_named():
    wanted = OURS | {"PYTHONHASHSEED": "1", "LANG": "fr_FR.UTF-8"}
    assert why_cold(None, wanted, OURS) == "LANG, PYTHONHASHSEED would be set too late for a fork"


@pytest.mark.parametrize("command", ["python -m prefect.engine", "nice -n 5 python -m prefect.engine", "true"])
def test_a_command_of_its_own_is_its_own(command):
    assert why_cold(command, OURS, OURS) == "its command is its own"


@pytest.mark.parametrize("yes", ["true", "1", "Yes", " on "])
def test_packages_for_one_run_are_not_in_a_fork(yes):
    wanted = OURS | {"PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": yes}
    assert "its packages are installed for it" in why_cold(None, wanted, OURS)


def test_installed_packages_are_seen():
    names = " ".join(name for name, _ in installed_packages())
    assert "prefect-3" in names
    assert installed_packages() == installed_packages()
