"""A command answers at once: `--help` of everything, nothing heavy imported, the night's picture in a blink."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest
import typer

HEAVY = ("prefect", "pandas", "great_expectations", "boto3", "azure", "openstack", "sqlalchemy")


def commands():
    from deployments.cli import app

    def walk(command, path):
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))

    return sorted(walk(typer.main.get_command(app), ()))


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_everything_explains_itself(vigie, path):
    result = vigie(*path, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output
    described = result.output.split("\n\n")[1].strip()
    assert described
    assert not described.startswith("Options:")


def test_the_commands_of_the_design_are_there():
    wanted = ["up", "status", "down", "demo", "now", "ack", "silence", "beat", "apply"]
    groups = [("catalogue", "check"), ("blocks", "check"), ("journal", "verify"), ("sandbox", "break")]
    assert {(name,) for name in wanted} | set(groups) <= set(commands())


def imported_by(arguments, env):
    code = (
        "import sys\nfrom deployments.cli import main\n"
        f"sys.argv = ['vigie', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stderr.strip().splitlines()[-1]


def test_help_imports_nothing_heavy():
    assert imported_by(["--help"], dict(os.environ)) == "[]"


def test_now_imports_nothing_heavy_and_is_quick(prefect_api):
    assert imported_by(["now"], dict(os.environ)) == "[]"
    took = []
    for _ in range(3):
        began = _spent()
        subprocess.run(_command("now"), check=True, capture_output=True)
        took.append(_spent() - began)
    assert min(took) < 2, took


def _command(*arguments):
    return [sys.executable, "-c", "from deployments.cli import main; main()", *arguments]


def _spent():
    """CPU seconds of finished children: the machine is shared, so wall time would blame others' work on us."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("command", [("now",), ("beat", "hearth", "nightly-export"), ("journal", "verify")], ids=str)
def test_with_no_journal_known_it_says_so_and_starts_nothing(command, tmp_path):
    """Without an address Prefect would start a server of its own, empty, and the night would look quiet."""
    done = _alone(tmp_path, *command)
    assert done.returncode == 1
    assert "no journal is known here" in done.stderr
    assert "vigie up" in done.stderr
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize("command", [("plan", "failover", "hearth"), ("paper", "hearth")], ids=str)
def test_with_no_prefect_known_a_plan_says_so_and_starts_nothing(command, tmp_path):
    done = _alone(tmp_path, *command)
    assert done.returncode == 1
    assert done.stderr == (
        "no Prefect server is known here: PREFECT_API_URL is not set. "
        "Next: run `vigie up`, or set the address of your Prefect server\n"
    )
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize("command", [("now",), ("runs", "list"), ("plan", "failover", "hearth")], ids=str)
def test_with_prefect_down_where_the_journal_s_address_is_kept_one_sentence_says_so(command, tmp_path):
    done = _alone(tmp_path, *command, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert "Prefect did not answer (ConnectError)" in said
    assert "Next: see that the Prefect server runs" in said


def _alone(folder, *command, **more):
    """A shell that knows nothing but what `more` says."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "VIGIE_"))}
    own = {"HOME": str(folder), "VIGIE_HOME": str(folder / "none"), "PREFECT_HOME": str(folder / "p")}
    return subprocess.run(_command(*command), env=known | own | more, capture_output=True, text=True, check=False)
