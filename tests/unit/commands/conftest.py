"""A journal of its own and a Prefect that answers what the test says: the operator's shell without a sandbox."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from blocks.journal.adapter import PostgresJournal
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401


def words(result):
    """What was printed, whatever the width of the terminal."""
    return " ".join(result.output.split())


@pytest.fixture
def journal(journal_dsn, monkeypatch):  # noqa: F811
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", journal_dsn)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with PostgresJournal(journal_dsn) as opened:
        yield opened


@pytest.fixture
def vigie():
    from deployments.cli import app

    def run(*arguments):
        return CliRunner().invoke(app, list(arguments))

    return run


class _Api(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, asked, self.headers.get("Authorization")))
        state = asked["flow_runs"]["state"]
        rows = [r for r in self.server.runs if _matches(r["state"], state)]
        body = self.server.body if self.server.body is not None else json.dumps(rows).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tests read `asked`."""


def _matches(state, wanted):
    return state["type"] in wanted.get("type", {}).get("any_", []) or state["name"] in wanted.get("name", {}).get(
        "any_", []
    )


@pytest.fixture
def prefect_api(journal, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    server.asked, server.runs, server.status, server.body = [], [], 200, None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_address[1]}/api")
    monkeypatch.delenv("PREFECT_UI_URL", raising=False)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
