"""When does a fork read its settings anew? Whenever anything they are read from is another; else it has them already."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.worker import prefect_private


@pytest.fixture
def read_anew(monkeypatch, tmp_path):
    """Where settings were read last, and every folder that they are read from anew."""
    read: list[str] = []
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "INFO")
    monkeypatch.setattr(prefect_private, "refresh", read.append)
    monkeypatch.setattr(prefect_private, "_sources", prefect_private._read_from(str(tmp_path)))
    return read


@pytest.mark.parametrize("name", ["PREFECT__FLOW_RUN_ID", "VIGIE_HOME", "PATH"])
def test_what_is_no_setting_changes_none(read_anew, monkeypatch, tmp_path, name):
    monkeypatch.setenv(name, "another")
    prefect_private.refresh_if_other(str(tmp_path))
    assert read_anew == []


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "PREFECT_LOGGING_LEVEL", "PREFECT_PROFILE", "NO_COLOR", "HOME"])
def test_another_variable_is_another_setting(read_anew, monkeypatch, tmp_path, name):
    monkeypatch.setenv(name, "another")
    prefect_private.refresh_if_other(str(tmp_path))
    assert read_anew == [str(tmp_path)]


def test_so_is_one_that_is_gone(read_anew, monkeypatch, tmp_path):
    monkeypatch.delenv("PREFECT_LOGGING_LEVEL")
    prefect_private.refresh_if_other(str(tmp_path))
    assert read_anew == [str(tmp_path)]


@pytest.mark.parametrize("name", [".env", "prefect.toml", "pyproject.toml"])
def test_what_lies_in_the_runs_folder_is_read(read_anew, tmp_path, name):
    (tmp_path / name).write_text("")
    prefect_private.refresh_if_other(str(tmp_path))
    assert read_anew == [str(tmp_path)]


def test_so_are_profiles_and_logging_that_were_changed(tmp_path):
    seen = prefect_private._read_from(str(tmp_path))
    assert {name for name, value in seen.items() if not isinstance(value, str)} >= {"profiles", "logging"}
    file = tmp_path / "profiles.toml"
    assert prefect_private._age(file) is None
    file.write_text("x")
    before = prefect_private._age(file)
    file.write_text("xy")
    assert prefect_private._age(file) != before


_FORKED = """
import os, sys
from deployments.worker import prefect_private
from prefect.settings import get_current_settings
os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
os.chdir("/")
prefect_private.refresh("/")
os.environ["PREFECT_LOGGING_LEVEL"] = sys.argv[1]
prefect_private.refresh_if_other("/")
print(get_current_settings().logging.level)
"""


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
def test_a_fork_has_its_own_level(level):
    done = subprocess.run(
        [sys.executable, "-c", _FORKED, level],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split()[-1] == level
