"""One whole sandbox for a test session: the real Prefect server, worker, databases, sites and clouds.

Scheduled sweeps are paused, so that a test decides when a sweep runs. Flows called in this process
use the sandbox's Prefect server and journal; `run_deployment` lets its worker run them.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deployments.sandbox.breaking import break_service, mend_service
from deployments.sandbox.lifecycle import bring_up, order, take_down
from deployments.sandbox.state import State

SEEN = "sweep, reading, check_status, check_change, service_status, sli_bucket, incident, incident_event, delivery"
DEPLOYMENT = "/deployments/name/health-sweep/sweep"
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

_up: list[Path] = []


@dataclass
class Sandbox:
    """The running sandbox, as a test speaks to it."""

    home: Path
    state: State

    @property
    def environment(self) -> dict[str, str]:
        return self.state.environment()

    @property
    def api(self) -> str:
        return self.environment["PREFECT_API_URL"]

    def call(self, path: str, body: Any = None, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        answer = plain_client().request(method, self.api + path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def page(self, name: str) -> str:
        """The address of Slack's or the pager's page."""
        from deployments.sandbox.lifecycle import look

        return look(self.home).addresses[name].rstrip("/")

    def break_(self, service: str, how: str) -> None:
        break_service(self.state, service, how)

    def mend(self) -> None:
        mend_service(self.state)

    def forget(self) -> None:
        """Empty the journal of what was seen, decided and told: the next sweep is a platform's first."""
        with psycopg.connect(self.environment["VIGIE_JOURNAL_DSN"]) as connection:
            connection.execute("ALTER TABLE incident_event DISABLE TRIGGER incident_event_not_emptied")
            connection.execute(f"TRUNCATE {SEEN}")
            connection.execute("ALTER TABLE incident_event ENABLE TRIGGER incident_event_not_emptied")
            connection.execute("UPDATE platform SET event_count = DEFAULT, event_hash = DEFAULT")

    # -- what people would see
    def slack_messages(self) -> list[dict[str, Any]]:
        ready = self.state.read_ready("slack")
        ca = str(self.home / "tls" / "ca.pem")
        found: list[dict[str, Any]] = []
        import ssl

        with httpx.Client(verify=ssl.create_default_context(cafile=ca), timeout=10) as client:
            headers = {"Authorization": f"Bearer {ready['token']}"}
            base = f"https://{ready['address']}/api"
            channels = client.get(f"{base}/conversations.list", headers=headers).json()["channels"]
            for channel in channels:
                params = {"channel": channel["id"], "limit": 200, "include_all_metadata": True}
                history = client.get(f"{base}/conversations.history", params=params, headers=headers).json()
                found += [{**message, "channel_name": channel["name"]} for message in history["messages"]]
        return found

    def pager_events(self) -> list[dict[str, Any]]:
        answer = plain_client().get(f"{self.page('Pager')}/events").json()
        return answer["events"] if "events" in answer else answer["ringing"]

    # -- runs by the worker
    def run_deployment(self, platform: str) -> str:
        deployment = self.call(DEPLOYMENT)["id"]
        return self.call(f"/deployments/{deployment}/create_flow_run", {"parameters": {"platform": platform}})["id"]

    def wait_for(self, run: str, *names: str, patience_s: float = 120) -> dict[str, Any]:
        """Wait until the run is in one of the named states, or in any final one."""
        deadline = time.monotonic() + patience_s
        while True:
            state = self.call(f"/flow_runs/{run}")["state"]
            if state["name"] in names or state["type"] in FINAL:
                return state
            assert time.monotonic() < deadline, f"run {run} is still {state['name']}"
            time.sleep(0.4)


@cache
def plain_client() -> httpx.Client:
    """One for all of a session's calls without TLS: opening one costs more processor time than fifty calls."""
    return httpx.Client(timeout=30)


@pytest.fixture(scope="session")
def whole_sandbox(tmp_path_factory):
    """The sandbox, up for the whole session and gone after it, even when the session is killed."""
    running = os.environ.get("VIGIE_TEST_SANDBOX")  # one that is up already, for whoever works on these tests
    home = Path(running) if running else tmp_path_factory.mktemp("vigie")
    with in_turn():
        bring_up(home, tied=not running)
    if not running:
        _up.append(home)
    sandbox = Sandbox(home, State.at(home))
    quiet(sandbox)
    if not running and os.environ.get("VIGIE_TEST_LONG") != "1":
        order(sandbox.state, "rest", "clients")  # only moves are measured by them, and ten rows a second cost much
    yield sandbox
    put_away()


def as_is(schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule for PATCH: Prefect empties the parameters of one that is changed without naming them."""
    return {key: schedule[key] for key in ("active", "parameters", "schedule", "slug")}


def quiet(sandbox: Sandbox) -> None:
    """Pause every schedule by hand and forget the runs that it has planned."""
    for deployment in sandbox.call("/deployments/filter", {}):
        for schedule in deployment["schedules"]:
            path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
            sandbox.call(path, as_is(schedule) | {"active": False}, "PATCH")
    for row in sandbox.call("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}):
        sandbox.call(f"/flow_runs/{row['id']}", method="DELETE")


@contextmanager
def in_turn() -> Generator[None]:
    """One start at a time on this machine: three at once on two cores each wait longer than anybody's patience."""
    with (Path(tempfile.gettempdir()) / f"vigie-tests-{os.getuid()}.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def put_away() -> None:
    """Take down the sandbox that this session started; nothing when there is none."""
    while _up:
        take_down(_up.pop())


@pytest.fixture
def sandbox(whole_sandbox, monkeypatch):
    """The sandbox with nothing broken, this process speaking to its Prefect server and journal."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_UI_URL, temporary_settings

    environment = whole_sandbox.environment
    monkeypatch.setenv("VIGIE_HOME", str(whole_sandbox.home))
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", environment["VIGIE_JOURNAL_DSN"])
    monkeypatch.setenv("SSL_CERT_FILE", environment["SSL_CERT_FILE"])
    monkeypatch.setenv("PREFECT_API_URL", environment["PREFECT_API_URL"])
    updates = {
        PREFECT_API_URL: environment["PREFECT_API_URL"],
        PREFECT_HOME: Path(environment["PREFECT_HOME"]),
        PREFECT_UI_URL: environment["PREFECT_UI_URL"],
    }
    whole_sandbox.mend()
    with temporary_settings(updates=updates):
        yield whole_sandbox
    whole_sandbox.mend()


def environment_of(sandbox: Sandbox) -> dict[str, str]:
    """For subprocesses: the operator's shell after `vigie up`."""
    return os.environ | sandbox.environment
