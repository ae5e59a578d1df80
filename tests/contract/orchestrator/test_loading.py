"""Prefect is away for a moment, or says no, while a block is loaded over the wire."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from blocks.errors import Broken, Refused, Retryable
from blocks.journal.opening import configured_dsn
from tasks.approvals.keys import load_key
from tasks.core.opening import imported, load_block
from tasks.runs.catalogue import load_platform, load_rules

LOADS = {
    "platform": lambda: load_platform("hearth"),
    "rules": load_rules,
    "operator": lambda: load_block(imported("blocks.azure.block:AzureOperator"), "azure-hearth-operator"),
    "key": load_key,
    "journal": configured_dsn,
}


@pytest.fixture(autouse=True)
def _no_journal_is_set(monkeypatch):
    monkeypatch.delenv("VIGIE_JOURNAL_DSN", raising=False)


@pytest.fixture
def answering():
    """A Prefect that answers everything with one status; 0 is one that is not there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815  the name that the server calls

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def speaking_to(port: int):
    return temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api", PREFECT_CLIENT_MAX_RETRIES: 0})


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize(("status", "error"), [(500, Retryable), (503, Retryable), (401, Broken)])
def test_what_it_answers(answering, load, status, error):
    answering.status = status
    with speaking_to(answering.server_port), pytest.raises(error, match=str(status)):
        load()


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_nobody_listens(load):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with speaking_to(reserved.getsockname()[1]), pytest.raises(Retryable, match="did not answer"):
            load()


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_where_none_is_known_none_is_started(load):
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(Refused, match="PREFECT_API_URL") as refused:
        load()
    assert "run `vigie up`" in refused.value.next_step
