"""What could not be run is said in one line and counted; where everything must be there, its absence fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE_DATA = "tests/unit/health/test_statemachine.py::test_flapping_as_icinga"
A_PROGRAM = "tests/deploy/places/test_systemd.py::test_systemd_would_tell_a_mistake"
TAKES_LONG = "tests/scenario/runs/test_restart.py"


def suite(*arguments, **variables):
    """A few tests as `make test` runs them; the exit code, and the lines that say what is absent."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "VIGIE_"))}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=kept | variables, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("absent here")]


def test_all_that_is_absent_is_counted_once_in_one_line_whatever_runs_side_by_side(tmp_path):
    left = (ROOT / TAKES_LONG).read_text().count("\ndef test_")
    code, said = suite(OUTSIDE_DATA, A_PROGRAM, TAKES_LONG, "-n", "2", VIGIE_CONFORMANCE="nowhere", PATH=str(tmp_path))
    line = "outside data statemachine (1), program systemd-analyze (3), time: whole runbooks, workers, sandboxes, databases and browsers"
    assert (code, said) == (0, [f"absent here, tests not run: {line} (make test-kills) ({left})"])


def test_where_everything_must_be_there_an_absent_program_fails(tmp_path):
    code, said = suite(A_PROGRAM, PATH=str(tmp_path), VIGIE_REQUIRE_OPTIONAL="1")
    assert (code, len(said)) == (1, 1)
