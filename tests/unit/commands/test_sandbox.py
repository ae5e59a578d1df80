"""`vigie up` and `vigie sandbox break`: what is mistyped is said at once, with what there is, and nothing is done."""

from __future__ import annotations

import os

import pytest

from deployments.sandbox.lifetimes import Identity
from deployments.sandbox.state import State, write_json
from tests.unit.commands.conftest import words


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where a sandbox would be."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "sandbox"))
    return tmp_path / "sandbox"


@pytest.fixture
def already_up(home):
    """A sandbox that runs, as far as its record says: this process is its supervisor."""
    own = Identity.of(os.getpid())
    supervisor = {"pid": own.pid, "started": own.started}
    write_json(
        State.at(home).record, {"phase": "ready", "reason": "", "seconds": 1, "supervisor": supervisor, "parts": {}}
    )


@pytest.mark.parametrize("state", ["stopped", "up"])
def test_a_component_that_there_is_not_is_refused_before_anything_is_started(vigie, home, state, request):
    if state == "up":
        request.getfixturevalue("already_up")
    result = vigie("up", "--only", "sites,nonsense")
    assert result.exit_code == 1
    assert "the sandbox has no nonsense. Next: choose among aws, azure, " in words(result)
    assert "already running" not in words(result)
    assert not list(home.rglob("supervisor.log"))


def test_what_there_is_is_no_mistake(vigie, already_up):
    result = vigie("up", "--only", "sites")
    assert (result.exit_code, "already running" in result.output) == (0, True)
