"""The sandbox's journal gets its tables before anybody writes to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from blocks.journal.adapter import PostgresJournal
from tests.postgres_fixture import new_database, postgres_server  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]


def _run(state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deployments.sandbox.journal", "--state", str(state)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_tables_are_made_and_made_again(tmp_path, postgres_server):  # noqa: F811
    dsn = new_database(postgres_server)
    (tmp_path / "ready").mkdir()
    (tmp_path / "ready" / "control-database.json").write_text(json.dumps({"journal_dsn": dsn}))
    for _ in range(2):
        done = _run(tmp_path)
        assert done.returncode == 0, done.stderr
    with PostgresJournal(dsn) as journal:
        assert journal.open_incidents() == []


def test_without_a_database_it_says_so(tmp_path):
    done = _run(tmp_path)
    assert done.returncode != 0
    assert "control database is not ready" in done.stderr
