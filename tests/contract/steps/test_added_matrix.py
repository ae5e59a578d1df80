"""A call and a deployment of a plan's own, killed before or after every single call that the step makes.

The address is a real HTTP server that outlives every process and keeps keys, or counts; Prefect is scripted as its API
behaves: under one key there is one run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID, uuid4

import pytest

from blocks.catalogue.recovery import AddedStep
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.network.call import AddressCall, no_secret
from blocks.orchestrator.deployed import DeploymentRun
from blocks.ports.changes import EvidenceKind
from blocks.ports.network import Routes
from blocks.ports.orchestration import FlowRunView, RunPhase, Startable
from tasks.core.change import Stopped, perform
from tasks.recovery.added import why_not_run
from tasks.recovery.instead import NotApproved, TakenAtTheirWord
from tests.contract.steps.world import FastWatch, mortals


class Address(ThreadingHTTPServer):
    """Counts what it was asked, and does something once a key; `statuses` are answered first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests, self.done = 0, list[str]()
        self.statuses: list[int] = []


class _Handler(BaseHTTPRequestHandler):
    server: Address

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        key = self.headers.get("Idempotency-Key") or f"request {self.server.requests}"
        if status == 200 and key not in self.server.done:
            self.server.done.append(key)
        self.send_response(status)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"warm")

    do_PUT = do_POST  # noqa: N815  the names that the server calls

    def log_message(self, *_):
        pass


@pytest.fixture
def address() -> Iterator[Address]:
    server = Address()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def calling(address: Address, **step) -> AddressCall:
    declared = AddedStep.model_validate(
        {
            "name": "warm", "kind": "call", "when": "after", "phase": "start", "text": "warm the cache",
            "url": f"http://127.0.0.1:{address.server_port}/warm", "method": "POST", "expect_body": "warm",
            "timeout": "60s",
        }
        | step
    )  # fmt: skip
    return AddressCall(
        step=declared, text="warm the cache", within=timedelta(minutes=1), secret=no_secret, routes=Routes(),
        clock=SystemClock(),
    )  # fmt: skip


KEYED, TWICE = {"idempotency_header": "Idempotency-Key"}, {"method": "PUT", "repeatable": True}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [KEYED, TWICE], ids=["by its key", "harmless twice"])
def test_a_call_killed_at_every_call(journal, begin, address, step, after):
    for mortal in mortals(rows=6, after=after):
        address.done.clear()
        address.requests = 0
        order = begin(f"p{mortal.die_at}", item="call:warm:dc-west")
        with mortal:
            perform(mortal.wrap(journal), order, mortal.wrap(calling(address, **step)), FastWatch())
        done = perform(journal, order, calling(address, **step), FastWatch())
        assert done.is_done
        assert 1 <= address.requests <= 1 + mortal.died, mortal.calls[-1]
        assert len(address.done) == (1 if step is KEYED else address.requests)


def test_what_passes_is_waited_for_with_pauses_and_not_for_ever(journal, begin, address):
    address.statuses = [503, 503, 503]
    watch = FastWatch()
    assert perform(journal, begin(), calling(address, **KEYED), watch).is_done
    assert (address.requests, watch.at) == (4, 6)
    address.statuses = [503] * 100
    with pytest.raises(Broken, match=r"within 0:01:00: .* answered 503"):
        perform(journal, begin("storefront"), calling(address, **KEYED), FastWatch())
    assert len(address.statuses) > 60, "so often and no more"


def test_an_answer_that_was_not_expected_fails_and_a_retry_asks_again(journal, begin, address):
    order = begin()
    address.statuses = [500]
    with pytest.raises(Broken, match="answered 500"):
        perform(journal, order, calling(address, **KEYED), FastWatch())
    assert not journal.step(order.run, order.key).is_done
    assert perform(journal, order, calling(address, **KEYED), FastWatch()).is_done
    assert address.done == [order.key]


# -- a deployment ------------------------------------------------------------------------------------


@dataclass
class Prefect:
    """Runs by key. Each look takes a run one state further along `course`."""

    known: bool = True
    tags: tuple[str, ...] = ()
    course: list[RunPhase] = field(default_factory=lambda: [RunPhase.PENDING, RunPhase.RUNNING, RunPhase.COMPLETED])
    runs: dict[str, UUID] = field(default_factory=dict)
    looks: dict[UUID, int] = field(default_factory=dict)
    started: list[dict] = field(default_factory=list)
    loses_answers: int = 0

    @contextmanager
    def opened(self):
        yield self

    def deployment(self, name: str) -> Startable | None:
        schema = {"properties": {"site": {"type": "string"}}, "required": ["site"]}
        flow = name.partition("/")[0]
        return (
            Startable(id=UUID(int=9), name=name, flow=flow, description="", tags=self.tags, schema=schema)
            if self.known
            else None
        )

    def start_once(self, deployment, parameters, *, key):
        if key not in self.runs:
            self.runs[key] = uuid4()
            self.started.append(dict(parameters))
        if self.loses_answers:
            self.loses_answers -= 1
            raise Retryable("the answer was lost")
        return self.runs[key]

    def started_as(self, key):
        return self.runs.get(key)

    def view(self, run):
        seen = min(self.looks.get(run, 0), len(self.course) - 1)
        self.looks[run] = seen + 1
        phase = self.course[seen]
        return FlowRunView(
            id=run, name="brave-otter", phase=phase, state_name=phase.value.title(), message="no cache to be warmed",
            since=datetime(2026, 11, 28, tzinfo=UTC), deployment=UUID(int=9), url="https://prefect.example/runs/1",
        )  # fmt: skip


def running(prefect: Prefect, **changes) -> DeploymentRun:
    given = {"site": "dc-west"}
    made = DeploymentRun(
        opened=prefect.opened, name="caches/warm", parameters=given, text="warm the caches", within=timedelta(minutes=5),
        why_not=lambda found: why_not_run("caches/warm", found, given, {"failover"}),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_deployment_killed_at_every_call_runs_once(journal, begin, after):
    for mortal in mortals(rows=8, after=after):
        prefect = Prefect()
        order = begin(f"p{mortal.die_at}", item="run-deployment:warm:dc-west")
        with mortal:
            perform(mortal.wrap(journal), order, mortal.wrap(running(prefect)), FastWatch())
        done = perform(journal, order, running(prefect), FastWatch())
        assert done.is_done
        assert prefect.started == [{"site": "dc-west"}], mortal.calls[-1]
        assert (done.evidence.kind, done.evidence.reference) == (EvidenceKind.OPERATION, str(prefect.runs[order.key]))


def test_an_answer_that_was_lost_starts_no_other_run(journal, begin):
    order, prefect = begin(), Prefect(loses_answers=1)
    with pytest.raises(Retryable):
        perform(journal, order, running(prefect), FastWatch())
    assert perform(journal, order, running(prefect), FastWatch()).is_done
    assert len(prefect.started) == 1


@pytest.mark.parametrize("end", [RunPhase.FAILED, RunPhase.CRASHED, RunPhase.CANCELLED])
def test_a_run_that_ends_badly_fails_the_step_with_what_it_said_and_its_own_retry_is_followed(journal, begin, end):
    order, prefect = begin(), Prefect(course=[RunPhase.RUNNING, end])
    with pytest.raises(
        Broken, match=rf"run brave-otter of caches/warm ended as {end.value.title()}: no cache to be warmed"
    ):
        perform(journal, order, running(prefect), FastWatch())
    with pytest.raises(Broken, match="ended as"):
        perform(journal, order, running(prefect), FastWatch())
    prefect.course = [RunPhase.SCHEDULED, RunPhase.RUNNING, RunPhase.COMPLETED]  # a person retried that run
    prefect.looks.clear()
    assert perform(journal, order, running(prefect), FastWatch()).is_done
    assert len(prefect.started) == 1


def test_a_run_that_takes_too_long_fails_and_goes_on_being_followed(journal, begin):
    order, prefect = begin(), Prefect(course=[RunPhase.SUSPENDED])
    with pytest.raises(Broken, match=r"within 0:05:00: run brave-otter of caches/warm waits for somebody"):
        perform(journal, order, running(prefect), FastWatch())
    prefect.course = [RunPhase.COMPLETED]
    assert perform(journal, order, running(prefect), FastWatch()).is_done


def test_a_run_that_prefect_forgot_is_told_and_not_started_again(journal, begin):
    order, prefect = begin(), Prefect(course=[RunPhase.FAILED])
    with pytest.raises(Broken):
        perform(journal, order, running(prefect), FastWatch())
    prefect.runs.clear()
    with pytest.raises(Broken, match="no longer has the run"):
        perform(journal, order, running(prefect), FastWatch())
    assert len(prefect.started) == 1


@pytest.mark.parametrize("prefect", [Prefect(known=False), Prefect(tags=("runbook",))], ids=["unknown", "a runbook"])
def test_what_must_not_be_started_is_refused_without_an_intent(journal, begin, prefect):
    order = begin()
    with pytest.raises(Refused):
        perform(journal, order, running(prefect), FastWatch())
    assert (journal.steps(order.run), prefect.started) == ([], [])


def test_a_stop_waits_for_the_run_and_parks_before_the_next_step(journal, begin):
    order, prefect = begin(), Prefect()

    class Meanwhile(FastWatch):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            journal.request_stop(order.run, who="operator", reason="the customer calls")

    assert perform(journal, order, running(prefect), Meanwhile()).is_done
    with pytest.raises(Stopped, match="before: warm the caches"):
        perform(journal, begin(run=order.run, item="another"), running(prefect), FastWatch())


# -- in place of it ----------------------------------------------------------------------------------


def test_what_is_no_longer_what_was_approved_does_nothing_wherever_it_is_entered(journal, begin):
    order, prefect = begin(), Prefect(loses_answers=1)
    with pytest.raises(Retryable):
        perform(journal, order, running(prefect), FastWatch())
    for at in (order, begin(run=order.run, item="another")):
        with pytest.raises(Refused, match=r"not the one that was approved: the catalogue says now 'warm others'"):
            perform(journal, at, NotApproved("warm the caches", "warm others"), FastWatch())
    assert [step.is_done for step in journal.steps(order.run)] == [False]


def test_done_by_hand_is_taken_at_their_word_and_kept_with_it(journal, begin):
    order, prefect = begin(), Prefect(course=[RunPhase.FAILED])
    with pytest.raises(Broken):
        perform(journal, order, running(prefect), FastWatch())
    journal.claim_by_hand(order.run, order.key, who="ben")
    done = perform(journal, order, TakenAtTheirWord("warm the caches", "ben"), FastWatch())
    assert (done.is_done, done.by_hand) == (True, "ben")
    assert done.outcome == "ben said that it is done; it cannot be read back"
    assert len(prefect.started) == 1
