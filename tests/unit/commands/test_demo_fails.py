"""A demonstration that did not find, or did not close, must not look as if it had."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from rich.console import Console

from blocks.errors import Broken
from deployments.commands.demo import EVERY, SHORT, _close, _found, _sweep, chapters
from tests.contract.journal.words import assess, begin, closed, opened

STORY = SHORT[0]
BOX = SimpleNamespace(prefect="http://prefect.example")


class _Prefect(BaseHTTPRequestHandler):
    """Each run that is started ends at once, in the next of the states the test named; the last one stays."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"id": self.server.run})
        self.server.started += 1

    def do_GET(self):
        if self.path.startswith("/api/deployments/name/"):
            return self._answer({"id": "deployment"})
        kinds = self.server.kinds
        kind = kinds.pop(0) if len(kinds) > 1 else kinds[0]
        return self._answer({"state": {"type": kind, "name": kind.title(), "message": "said by Prefect"}})

    def _answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing to say."""


@pytest.fixture
def prefect(journal, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Prefect)
    sweep = begin(journal)
    assess(journal, opened(STORY.root), sweep=sweep)
    journal.finish_sweep(sweep)
    server.run, server.kinds, server.started = str(sweep), ["COMPLETED"], 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_address[1]}/api")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_incident_must_name_the_root_of_the_story(journal):
    with pytest.raises(Broken, match=r"device-api was broken \(kill\) and no incident names device-api"):
        _found(STORY)
    assess(journal, opened("household-data"))
    with pytest.raises(Broken, match="no incident names device-api"):
        _found(STORY)
    assess(journal, opened("device-api"))
    assert _found(STORY).root == "device-api"


def test_what_stays_open_after_three_sweeps_ends_it(prefect):
    with pytest.raises(Broken, match="what was mended did not close: hearth/device-api: ") as failed:
        _close(Console(quiet=True), BOX, ["hearth"])
    assert failed.value.next_step == "read `vigie now`"
    assert prefect.started == 3


def test_what_is_closed_needs_one_sweep(prefect, journal):
    assess(journal, closed(STORY.root))
    _close(Console(quiet=True), BOX, ["hearth"])
    assert prefect.started == 1


def test_a_recovery_plan_that_was_never_tried_is_no_part_of_a_story(prefect, journal):
    assess(journal, closed(STORY.root))
    assess(journal, opened("readiness:last-drill"))
    _close(Console(quiet=True), BOX, ["hearth"])
    assert prefect.started == 1


@pytest.mark.parametrize("kind", ["FAILED", "CRASHED"])
def test_a_sweep_that_fails_ends_it_and_is_named(prefect, kind):
    prefect.kinds = [kind]
    with pytest.raises(Broken, match=f"the sweep of hearth ended {kind.title()}: said by Prefect") as failed:
        _sweep(Console(quiet=True), BOX, ["hearth"], "why")
    assert failed.value.where == f"http://prefect.example/runs/flow-run/{prefect.run}"


def test_a_sweep_that_came_too_late_is_started_again(prefect):
    prefect.kinds = ["CANCELLED", "RUNNING", "COMPLETED"]
    _sweep(Console(quiet=True), BOX, ["hearth"], "why")
    assert prefect.started == 2


def test_every_story_is_told_once_and_no_platform_twice_in_a_chapter():
    told = chapters(EVERY)
    assert sorted(str(story) for chapter in told for story in chapter) == sorted(map(str, EVERY))
    assert all(len({story.platform for story in chapter}) == len(chapter) for chapter in told)
