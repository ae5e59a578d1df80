"""A journal of its own and a Prefect that answers what the test says: the operator's shell without a sandbox."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.events.clients import NullEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import CliRunner

from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.loader import load_catalogue
from blocks.journal.adapter import PostgresJournal
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")


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


class _Saved(BaseHTTPRequestHandler):
    """A Prefect that holds platforms, or answers everything with one status."""

    def do_GET(self):
        *_, last = self.path.partition("?")[0].split("/")
        found = list(self.server.documents.values()) if last == "block_documents" else self.server.documents.get(last)
        body = json.dumps(found if found is not None else {"detail": "Block document not found"}).encode()
        self.send_response(self.server.status or (404 if found is None else 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing to say."""


@pytest.fixture
def nobody_listens():
    """Whoever uses a saved block tells Prefect so, in the background and long after the test."""
    EventsWorker.set_client_override(NullEventsClient)
    yield
    EventsWorker.drain_all()
    EventsWorker.set_client_override(None)


@pytest.fixture
def applied(journal, nobody_listens):
    """Prefect after `vigie apply`; `status` is what it answers instead."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Saved)
    server.documents = {name: _document(name) for name in CATALOGUE.platforms}
    server.status = 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
        yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _document(name):
    platform = CATALOGUE.platforms[name]
    block = PlatformBlock.of(platform, CATALOGUE.customers[platform.customer])
    document = block._to_block_document(name=name, block_schema_id=uuid4(), block_type_id=uuid4())
    return document.model_dump(mode="json") | {"id": str(uuid4())}
