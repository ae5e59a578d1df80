"""`vigie up` and `vigie sandbox break`: what is mistyped is said at once, with what there is, and nothing is done."""

from __future__ import annotations

import os

import pytest
import typer

from deployments.sandbox.lifetimes import Identity
from deployments.sandbox.state import State, write_json
from deployments.sandbox.whole_sites import WAYS
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


@pytest.mark.parametrize("site", ["azure-west", "dc-west"])
def test_a_whole_site_is_broken_as_its_help_says_and_not_otherwise(vigie, home, site):
    possible = f"Next: --how kill or partition; of its cloud's interface alone: vigie sandbox break {site} --how "
    silent = vigie("sandbox", "break", "--site", site)
    assert (silent.exit_code, f"it is not said how {site} is to be broken. {possible}" in words(silent)) == (1, True)
    other = vigie("sandbox", "break", "--site", site, "--how", "throttle")
    assert (other.exit_code, f"cannot be broken by 'throttle'. {possible}throttle or refuse" in words(other)) == (
        1,
        True,
    )
    (helped,) = [param.help for param in _options("sandbox", "break") if param.name == "site"]
    assert helped.endswith(f": {' or '.join(WAYS)}.")


@pytest.mark.parametrize("how", WAYS)
def test_what_breaks_a_whole_site_asks_for_a_sandbox_that_runs(vigie, home, how):
    assert "no sandbox is running here" in words(vigie("sandbox", "break", "--site", "primary", "--how", how))


def test_of_a_service_it_must_be_said_how(vigie, home):
    said = words(vigie("sandbox", "break", "hearth/device-updates"))
    assert said == (
        "it is not said how device-updates is to be broken. Next: for device-updates choose among "
        "kill, slow, refuse, partition, expired-cert, wrong-body, with --how"
    )


def _options(*path):
    from deployments.cli import app

    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    return command.params
