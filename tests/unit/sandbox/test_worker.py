"""What was due or running when the sandbox ended is given an end before the worker starts."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deployments.sandbox.worker import settle_former_runs, settle_once


class Server:
    """Prefect's bulk route over a list of runs, two at a time."""

    def __init__(self):
        now = datetime.now(UTC)
        self.runs = [
            *({"type": "SCHEDULED", "name": "Late", "due": now - timedelta(hours=n)} for n in range(1, 6)),
            {"type": "SCHEDULED", "name": "Scheduled", "due": now - timedelta(seconds=5)},
            {"type": "SCHEDULED", "name": "Scheduled", "due": now + timedelta(minutes=5)},
            {"type": "SCHEDULED", "name": "AwaitingRetry", "due": now - timedelta(minutes=5)},
            {"type": "RUNNING", "name": "Running", "due": now - timedelta(minutes=9)},
            {"type": "COMPLETED", "name": "Completed", "due": now - timedelta(minutes=9)},
        ]

    def answer(self, path, asked):
        assert path == "/api/flow_runs/bulk_set_state"
        matching = [run for run in self.runs if _matches(run, asked["flow_runs"])][:2]
        for run in matching:
            run.update(asked["state"], name=asked["state"]["type"].title())
        return {"results": [{} for _ in matching]}


def _matches(run, which):
    state, due = which["state"], which.get("expected_start_time")
    named = run["name"] in state.get("name", {}).get("any_", [run["name"]])
    typed = run["type"] in state.get("type", {}).get("any_", [run["type"]])
    return named and typed and (due is None or run["due"] < datetime.fromisoformat(due["before_"]))


@pytest.fixture
def prefect():
    fake = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(fake.answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        fake.api = f"http://127.0.0.1:{server.server_port}/api"
        yield fake
        server.shutdown()
        thread.join()


def test_missed_sweeps_are_cancelled_cut_off_runs_crashed_and_all_others_left(prefect):
    settle_former_runs(prefect.api)
    assert [run["type"] for run in prefect.runs] == [
        *["CANCELLED"] * 6, "SCHEDULED", "SCHEDULED", "CRASHED", "COMPLETED"
    ]  # fmt: skip
    assert "Nothing is lost" in prefect.runs[0]["message"]


def test_a_worker_that_is_started_again_in_the_same_life_leaves_living_runs_alone(prefect, tmp_path):
    note = tmp_path / "settled"
    settle_once(note, "first life", prefect.api)
    begun = {"type": "RUNNING", "name": "Running", "due": datetime.now(UTC)}
    prefect.runs.append(begun)
    settle_once(note, "first life", prefect.api)
    assert begun["type"] == "RUNNING"
    settle_once(note, "second life", prefect.api)
    assert begun["type"] == "CRASHED"
