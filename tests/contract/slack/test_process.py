"""Slack and the pager as processes: up, found, killed, up again with everything, ended when told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def start(component: str, state: Path) -> tuple[subprocess.Popen, dict]:
    ready = state / "ready" / f"{component}.json"
    command = [sys.executable, "-m", f"deployments.sandbox.{component}", "--state", str(state)]
    process = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{component} ended by itself"
        if ready.exists() and json.loads(ready.read_text())["pid"] == process.pid:
            return process, json.loads(ready.read_text())
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"{component} was not ready in time")


def read(page: str) -> str:
    with urllib.request.urlopen(page, timeout=10) as answer:
        return answer.read().decode()


def end(process: subprocess.Popen, how: int) -> int:
    process.send_signal(how)
    return process.wait(timeout=20)


@pytest.mark.parametrize("component", ["slack", "pager"])
def test_it_comes_back_at_the_same_place_after_a_kill_and_ends_when_told(component, tmp_path):
    process, first = start(component, tmp_path)
    try:
        assert "<!doctype html>" in read(first["page"])
        assert (tmp_path / "ready" / f"{component}.json").stat().st_mode & 0o077 == 0
        end(process, signal.SIGKILL)
        process, second = start(component, tmp_path)
        assert {k: v for k, v in second.items() if k != "pid"} == {k: v for k, v in first.items() if k != "pid"}
        assert read(second["page"])
        assert end(process, signal.SIGTERM) == 0
    finally:
        if process.poll() is None:
            end(process, signal.SIGKILL)


def test_slack_has_the_channels_of_the_catalogue(tmp_path):
    process, ready = start("slack", tmp_path)
    try:
        assert ready["webhooks"]
        assert all(f"# {name}" in read(ready["page"]) for name in ready["webhooks"])
    finally:
        end(process, signal.SIGTERM)
