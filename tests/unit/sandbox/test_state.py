"""The folder of a sandbox: private where secrets are, never half written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from deployments.sandbox.state import State, read_json, write_json


def test_what_is_ready_can_be_read_back(tmp_path):
    state = State.at(tmp_path)
    state.write_ready("shop", "127.0.0.1:80", control="127.0.0.1:81")
    assert state.address("shop") == "127.0.0.1:80"
    assert state.read_ready("shop") == {
        "name": "shop",
        "pid": os.getpid(),
        "address": "127.0.0.1:80",
        "control": "127.0.0.1:81",
    }
    assert state.is_ready("shop")


def test_a_component_whose_process_is_gone_is_not_ready_but_keeps_its_address(tmp_path):
    state = State.at(tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    state.write_ready("shop", "127.0.0.1:80", pid=gone.pid)
    assert not state.is_ready("shop")
    state.note_end("shop")
    assert state.read_ready("shop")["pid"] == 0
    assert state.address("shop") == "127.0.0.1:80"


def test_what_is_said_anew_is_read_at_once_however_soon(tmp_path):
    state = State.at(tmp_path)
    for port in range(1000, 1300):
        state.write_ready("shop", f"127.0.0.1:{port}")
        assert state.address("shop") == f"127.0.0.1:{port}"


def test_what_stood_for_long_is_read_anew_when_it_is_replaced_and_nobody_spoils_it(tmp_path):
    state = State.at(tmp_path)
    state.write_ready("shop", "127.0.0.1:80")
    long_ago = (state.ready / "shop.json").stat().st_mtime - 60
    os.utime(state.ready / "shop.json", (long_ago, long_ago))
    state.read_ready("shop")["address"] = "spoilt"
    assert state.address("shop") == "127.0.0.1:80"
    state.write_ready("shop", "127.0.0.1:81")
    assert state.address("shop") == "127.0.0.1:81"
    (state.ready / "shop.json").unlink()
    assert state.read_ready("shop") == {}


def test_nothing_is_ready_in_a_new_folder(tmp_path):
    state = State.at(tmp_path / "new")
    assert not state.is_ready("shop")
    assert state.address("shop") == ""
    assert state.environment() == {}


def test_the_environment_survives_and_only_its_owner_reads_it(tmp_path):
    state = State.at(tmp_path)
    state.write_environment({"A": "postgresql://u:p=@h/d", "B": "two words"})
    assert state.environment() == {"A": "postgresql://u:p=@h/d", "B": "two words"}
    assert stat.S_IMODE(state.env_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.ready.stat().st_mode) == 0o700


def test_a_shell_understands_the_environment(tmp_path):
    state = State.at(tmp_path)
    state.write_environment({"WORDS": "two words & more"})
    said = subprocess.run(
        ["sh", "-c", f". {state.env_file}; echo $WORDS"], capture_output=True, text=True, check=True
    ).stdout
    assert said == "two words & more\n"


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"n": 1})
    with pytest.raises(TypeError):
        write_json(path, {"n": object()})
    assert read_json(path) == {"n": 1}
    assert read_json(tmp_path / "absent.json") == {}
