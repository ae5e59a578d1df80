"""Where the socket of an isolated server may be: short, and open to the account that the server runs as."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from deployments.dbhost.config import HostConfig
from deployments.dbhost.isolated import _room


def config(data_dir: Path, run_as: str = "") -> HostConfig:
    files = dict.fromkeys(("certificate", "reader_token_file", "operator_token_file", "state_dir"), data_dir)
    return HostConfig.model_construct(name="db", data_dir=data_dir, run_as=run_as, **files)


@pytest.fixture
def closed(monkeypatch):
    """A temporary folder that only its owner passes through, as the sandbox's own is."""
    with tempfile.TemporaryDirectory(prefix="c-") as folder:
        Path(folder).chmod(0o700)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_our_own_account_takes_the_temporary_folder(closed):
    assert _room(config(closed / "data")) == closed


def test_another_account_is_led_past_a_folder_that_is_closed_to_it(closed, as_root):
    assert _room(config(closed / "data", run_as="nobody")) == Path("/var/tmp")


def test_a_path_too_long_for_a_socket_is_passed_over(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert len(str(_room(config(long / "data")))) < 70
    assert os.access(_room(config(long / "data")), os.W_OK)
