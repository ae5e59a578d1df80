"""Registering is left out only when nothing is different: neither code, nor components, nor what Prefect says."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.sandbox.furnished import Furnished, code_digest
from deployments.sandbox.state import CHECKOUT, State

COMPONENTS = frozenset({"azure", "pager"})


class _Api(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = self.server.known[self.path.split("/")[2]]
        page = rows[asked["offset"] :][: asked["limit"]]
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(page).encode())

    def log_message(self, *_):
        """Nothing to say."""


@pytest.fixture
def prefect():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    server.status = 200
    server.known = {
        "deployments": [
            {
                "id": "1",
                "name": "sweep",
                "updated": "a",
                "status": "READY",
                "last_polled": "a",
                "schedules": [{"active": True, "updated": "a"}],
            }
        ],
        "automations": [{"name": f"{number}", "enabled": True, "updated": "a"} for number in range(201)],
        "block_documents": [{"name": "journal", "updated": "a"}],
        "block_types": [{"slug": "vigie-journal"}],
        "block_schemas": [{"checksum": "c"}],
        "work_pools": [{"name": "vigie", "type": "vigie", "status": "READY"}],
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path):
    state = State.at(tmp_path)
    state.write_ready("azure", "127.0.0.1:1", client_secret="planted", control="127.0.0.1:9")
    state.write_ready("pager", "127.0.0.1:2")
    return state


def furnished(home, prefect) -> Furnished:
    return Furnished(home, f"http://127.0.0.1:{prefect.server_address[1]}/api")


def test_what_is_as_it_was_left_is_not_told_again(home, prefect):
    assert not furnished(home, prefect).may_hold()
    assert not furnished(home, prefect).holds(COMPONENTS)
    furnished(home, prefect).remember(COMPONENTS)
    assert furnished(home, prefect).may_hold()
    assert furnished(home, prefect).holds(COMPONENTS)


def _lives_on(home, prefect):
    """A worker polls, a component is another process: nobody changed anything."""
    prefect.known["deployments"][0] |= {"updated": "b", "status": "NOT_READY", "last_polled": "b"}
    prefect.known["deployments"][0]["schedules"][0]["updated"] = "b"
    prefect.known["work_pools"][0]["status"] = "NOT_READY"
    prefect.known["automations"].reverse()
    again = {"control": "127.0.0.1:10", "page": "http://127.0.0.1:11/", "copy": "127.0.0.1:12", "server_pid": 7}
    home.write_ready("azure", "127.0.0.1:1", client_secret="planted", **again)
    home.write_ready("slack", "127.0.0.1:3")


def test_what_changes_by_itself_is_no_change(home, prefect):
    furnished(home, prefect).remember(COMPONENTS)
    _lives_on(home, prefect)
    assert furnished(home, prefect).holds(COMPONENTS)


CHANGES = {
    "a schedule is off": lambda _, api: api.known["deployments"][0]["schedules"][0].update(active=False),
    "a deployment is gone": lambda _, api: api.known["deployments"].clear(),
    "the last automation is off": lambda _, api: api.known["automations"][-1].update(enabled=False),
    "somebody saved a block": lambda _, api: api.known["block_documents"][0].update(updated="b"),
    "a schema is another": lambda _, api: api.known["block_schemas"][0].update(checksum="d"),
    "the pool is gone": lambda _, api: api.known["work_pools"].clear(),
    "Prefect does not say": lambda _, api: setattr(api, "status", 500),
    "a component moved": lambda home, _: home.write_ready("pager", "127.0.0.1:3"),
    "a secret is another": lambda home, _: home.write_ready("azure", "127.0.0.1:1", client_secret="another"),
    "a line of the network moved": lambda home, _: (home.home / "relays.json").write_text("{}"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_is_told_again(home, prefect, change):
    furnished(home, prefect).remember(COMPONENTS)
    change(home, prefect)
    assert not furnished(home, prefect).holds(COMPONENTS)


def test_a_prefect_that_did_not_say_what_it_knows_is_told_again(home, prefect):
    prefect.status = 503
    furnished(home, prefect).remember(COMPONENTS)
    prefect.status = 200
    assert not furnished(home, prefect).may_hold()
    assert not furnished(home, prefect).holds(COMPONENTS)


@pytest.mark.parametrize(
    "path",
    ["prefect.yaml", "requirements.lock", "flows/failover.py", "deployments/catalogue/hearth.yaml", "blocks/new.py"],
)
def test_each_file_that_decides_what_is_registered_counts(tmp_path, path):
    for name in ("blocks", "tasks", "flows", "deployments"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prefect.yaml", "requirements.lock"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
    before = code_digest(tmp_path)
    (tmp_path / "docs.txt").write_text("nobody registers this")
    assert code_digest(tmp_path) == before
    with (tmp_path / path).open("a") as file:
        file.write("\n# another\n")
    assert code_digest(tmp_path) != before
