"""People with phones, runbooks started as a person would start them, and processes that are really killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest

from blocks.catalogue.model import Platform, Service
from blocks.clock import SystemClock
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.changes import Mark, Restarter
from blocks.ports.network import Routes
from blocks.ports.runs import ActionKind, Run, RunState, Step
from tasks.runs.catalogue import load_platform
from tests.sandbox_fixture import Sandbox, plain_client


@dataclass
class Desk:
    """The sandbox as people at a service desk use it."""

    sandbox: Sandbox
    journal: PostgresJournal

    # -- starting and looking
    def start(self, deployment: str, **parameters: Any) -> UUID:
        """As the Prefect UI does it: a direct call of its API."""
        found = self.sandbox.call(f"/deployments/name/{deployment}")["id"]
        made = self.sandbox.call(f"/deployments/{found}/create_flow_run", {"parameters": parameters})
        return UUID(made["id"])

    def state(self, run: UUID, *names: str, patience_s: float = 120) -> dict[str, Any]:
        """Wait for one of these states of Prefect, or any final one."""
        return self.sandbox.wait_for(str(run), *names, patience_s=patience_s)

    def asleep(self, run: UUID) -> dict[str, Any]:
        """Wait until it sleeps with a form."""
        state = self.state(run, "Suspended")
        assert state["name"] == "Suspended", state
        self.until(lambda: self.has_left(run), "the process leaves")
        return state

    def retry(self, run: UUID) -> None:
        """As the Prefect UI's button does it."""
        self.until(lambda: self.has_left(run), "the process leaves")
        now = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        answer = self.sandbox.call(f"/flow_runs/{run}/set_state", {"state": now, "force": True})
        assert answer["status"] == "ACCEPT", answer

    def look_after(self) -> None:
        """What the schedule does every minute, now."""
        from flows.resume_runs import resume_runs

        resume_runs()

    def run(self, run: UUID) -> Run:
        return self.journal.run(run)

    def kinds(self, run: UUID) -> list[ActionKind]:
        return [each.kind for each in self.journal.actions(run)]

    def steps(self, run: UUID) -> list[Step]:
        return list(self.journal.steps(run))

    def task_runs(self, run: UUID) -> list[dict[str, Any]]:
        return self.sandbox.call("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [str(run)]}}})

    def logs(self, run: UUID) -> str:
        found = self.sandbox.call("/logs/filter", {"logs": {"flow_run_id": {"any_": [str(run)]}}, "limit": 200})
        return "\n".join(each["message"] for each in found)

    # -- the Prefect UI's door
    def form(self, run: UUID) -> dict[str, Any]:
        """The form that the UI shows for the suspended run: its schema and description."""
        keys = self.sandbox.call(f"/flow_runs/{run}")["state"]["state_details"]["run_input_keyset"]
        found = {
            name: plain_client().get(f"{self.sandbox.api}/flow_runs/{run}/input/{key}") for name, key in keys.items()
        }
        return {name: answer.json() if answer.status_code == 200 else None for name, answer in found.items()}

    def fill(self, run: UUID, **given: Any) -> str:
        """Send the form as the UI does; the word in the answer's body."""
        return self.sandbox.call(f"/flow_runs/{run}/resume", {"run_input": given})["status"]

    def code(self, name: str) -> str:
        """A fresh phone for this name, and its code."""
        from pyotp.totp import TOTP

        from tasks.approvals.codes import new_secret
        from tasks.approvals.keys import load_key

        secret = new_secret()
        self.journal.enrol(name, load_key().seal(secret))
        return TOTP(secret).at(self.journal.now().timestamp())

    def approve(self, run: UUID, *people: str) -> None:
        """Each says yes in the Prefect UI's form."""
        for name in people:
            self.asleep(run)
            assert self.fill(run, approver=name, code=self.code(name), answer="approve") == "ACCEPT"

    def calls(self, run: UUID) -> list[dict[str, Any]]:
        """What the pager shows of this run."""
        known = plain_client().get(f"{self.sandbox.page('Pager')}/events").json()["ringing"]
        return [each for each in known if each["dedup_key"].startswith(str(run))]

    # -- faults
    def process_of(self, run: UUID) -> psutil.Process | None:
        """The process that executes the run: the one at the other end of its lock's connection."""
        from blocks.journal.records import _lock_key

        high, low = divmod(_lock_key(run) % 2**64, 2**32)
        with psycopg.connect(self.sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
            row = connection.execute(
                "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
                "AND granted AND classid::bigint = %s AND objid::bigint = %s",
                (high, low),
            ).fetchone()
        if row is None:
            return None
        for each in psutil.net_connections("tcp4"):
            if each.laddr and each.laddr.port == row[0] and each.pid:
                return psutil.Process(each.pid)
        return None

    def kill(self, run: UUID) -> int:
        """-9, from outside, in the middle of whatever it does."""
        process = self.until(lambda: self.process_of(run), "somebody executes the run")
        os.kill(process.pid, signal.SIGKILL)
        return process.pid

    @contextmanager
    def held_up(self, run: UUID) -> Generator[None]:
        """Its process stands still, however long the others take."""
        process = self.until(lambda: self.process_of(run), "somebody executes the run")
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def has_left(self, run: UUID) -> bool:
        """No process of the run is left, and its worker has had a moment to see it."""
        if self.journal.is_executing(run):
            return False
        workers = Path(self.sandbox.environment["PREFECT_HOME"]) / "vigie-workers"
        if any(workers.glob(f"*/{run}.json")):  # the worker strikes off what has ended
            return False
        time.sleep(0.5)
        return True

    def when(self, run: UUID, kind: ActionKind, count: int = 1, patience_s: float = 60) -> None:
        """Wait until the journal holds this, looking every few milliseconds: with one cheap question."""
        held = "SELECT count(*) >= %s FROM action_event WHERE run_id = %s AND kind = %s"
        with psycopg.connect(self.sandbox.environment["VIGIE_JOURNAL_DSN"], autocommit=True) as connection:
            self.until(
                lambda: connection.execute(held, (count, run, kind.value)).fetchone() == (True,),
                f"{count} {kind}",
                patience_s,
                0.005,
            )

    def azure(self, how: str, target: str = "hearth-device-api") -> None:
        self._control("azure", "break", {"target": target, "how": how})

    def azure_whole(self) -> None:
        for target in ("*", "hearth-device-api"):
            self._control("azure", "mend", {"target": target})

    @contextmanager
    def refused_operator(self) -> Generator[None]:
        """Azure knows the operator's secret no more: looking works, changing does not."""
        from blocks.azure.block import AzureOperator

        whole = AzureOperator.load("azure-hearth-operator", _sync=True)
        wrong = AzureOperator(**(whole.model_dump() | {"client_secret": "no-longer-the-secret"}))
        wrong.save("azure-hearth-operator", overwrite=True, _sync=True)
        try:
            yield
        finally:
            AzureOperator(**whole.model_dump()).save("azure-hearth-operator", overwrite=True, _sync=True)

    def in_the_console(self, platform: str, service: str, item: str) -> None:
        """Somebody restarts it without vigie, by no request of ours; returns when it serves again."""
        known = load_platform(platform).platform
        found = known.services[service]
        change = _with_credentials_at_hand(known, found).restart(known, found, item)
        mark = Mark(key=uuid4().hex * 2, run=uuid4(), intended_at=self.journal.now(), baseline=change.read_baseline())
        change.act(mark)
        self.until(lambda: change.read_effect(mark).reached, f"{item} is restarted", pause_s=0.5)

    def restarts(self) -> int:
        """How often Azure was really asked to restart the app, and did."""
        with self._client() as client:
            answer = client.get(f"https://{self.sandbox.state.address('azure')}/_sandbox/traffic").json()
        done = [e for e in answer["exchanges"] if e["method"] == "POST" and e["path"].lower().endswith("/restart")]
        return sum(1 for each in done if each["status"] < 300)

    def _control(self, part: str, action: str, content: dict[str, Any]) -> None:
        with self._client() as client:
            client.post(
                f"https://{self.sandbox.state.address(part)}/_sandbox/{action}", json=content
            ).raise_for_status()

    def _client(self) -> httpx.Client:
        import ssl

        authority = str(self.sandbox.home / "tls" / "ca.pem")
        return httpx.Client(verify=ssl.create_default_context(cafile=authority), timeout=10)

    @staticmethod
    def until(found: Callable[[], Any], what: str, patience_s: float = 60, pause_s: float = 0.25) -> Any:
        deadline = time.monotonic() + patience_s
        while not (value := found()):
            assert time.monotonic() < deadline, f"waited {patience_s} s until {what}"
            time.sleep(pause_s)
        return value


def _with_credentials_at_hand(platform: Platform, service: Service) -> Restarter:
    """The product's own restarter; its operator is read here, because an adapter's thread has not this test's Prefect."""
    from prefect_aws import AwsCredentials

    from blocks.aws.restart import open_restarter as on_aws
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.azure.restart import open_restarter as on_azure

    site = platform.sites[service.site]
    if site.provider == "aws":
        reader, operator = (AwsCredentials.load(name, _sync=True) for name in (site.credentials, site.operator))
        return on_aws(reader, lambda: operator, routes=Routes(), clock=SystemClock())
    operator = AzureOperator.load(site.operator, _sync=True)
    return on_azure(
        AzureReader.load(site.credentials, _sync=True), lambda: operator, routes=Routes(), clock=SystemClock()
    )


@pytest.fixture
def desk(sandbox):
    """No run of an earlier test is open, and Azure is whole."""
    with open_journal() as journal:
        desk = Desk(sandbox, journal)
        for run in journal.runs(states=[s for s in RunState if not s.is_over]):
            journal.move_run(run.id, RunState.VOID, reason="of an earlier test")
        desk.azure_whole()
        yield desk
        desk.azure_whole()


@pytest.fixture
def slack(desk):
    """The sandbox's Slack with nothing broken, and nobody's phone known yet."""
    from tests.scenario.runs.slack_people import Slack

    people = Slack(desk, {})
    people.act("mend")
    people.act("app", mode="auto")
    yield people
    people.act("mend")
    people.act("app", mode="auto")


def expire_now(desk: Desk, run: UUID) -> None:
    """Time passes: the question was asked long ago."""
    with psycopg.connect(desk.sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
        connection.execute(
            "UPDATE approval SET asked_at = asked_at - %s, expires_at = clock_timestamp() WHERE run_id = %s",
            (timedelta(hours=1), run),
        )


def asked_before(desk: Desk, run: UUID, span: timedelta) -> None:
    """Time passes, and the question has not expired: it was asked that long before."""
    with psycopg.connect(desk.sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
        connection.execute("UPDATE approval SET asked_at = asked_at - %s WHERE run_id = %s", (span, run))
