"""`vigie beat`: a mistyped name is no evidence of life, and a Prefect that is away costs no beat."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.events.clients import NullEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.loader import load_catalogue
from tests.unit.commands.conftest import words

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")


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
def prefect(journal, nobody_listens):
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


def test_a_declared_name_is_noted_and_nothing_else_is_said(vigie, journal, prefect):
    before = journal.now()
    result = vigie("beat", "hearth", "nightly-export")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith("hearth/nightly-export has reported at ")
    assert timedelta(0) <= journal.last_beat("hearth", "nightly-export") - before < timedelta(seconds=30)


@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("platform", "name", "said"),
    [
        ("heart", "nightly-export", "Prefect has no platform 'heart'; the nearest is 'hearth'"),
        ("hearth", "nightly", "no check of hearth waits for 'nightly'; the nearest is 'nightly-export'. Next: "),
        (
            "hearth",
            "zzz",
            "no check of hearth waits for 'zzz'. Next: hearth waits for household-digest, nightly-export",
        ),
        ("storefront", "nightly-export", "Next: storefront waits for none; another is declared in the catalogue first"),
    ],
)
def test_a_name_that_no_check_waits_for_is_refused_and_leaves_nothing(vigie, journal, platform, name, said):
    result = vigie("beat", platform, name)
    assert result.exit_code == 1
    assert said in words(result)
    assert journal.platforms() == []


@pytest.mark.parametrize("status", [401, 503])
def test_with_prefect_in_trouble_the_beat_is_kept_and_that_nobody_checked_is_said(vigie, journal, prefect, status):
    prefect.status = status
    result = vigie("beat", "hearth", "nightly-export")
    assert result.exit_code == 0
    assert journal.last_beat("hearth", "nightly-export") is not None
    assert "a check waits for hearth/nightly-export could not be looked up: Prefect answered " in words(result)
    assert "could not" not in result.stdout


def test_with_no_prefect_at_all_too(vigie, journal):
    result = vigie("beat", "hearth", "nightly-export")
    assert journal.last_beat("hearth", "nightly-export") is not None
    assert (result.exit_code, "PREFECT_API_URL is not set" in result.stderr) == (0, True)
