"""How long after a signed click in Slack does the sleeping run's next step begin?

Run: python -m tests.benchmarks.bench_approval. The last line is JSON. The whole sandbox: a drill is started, sleeps,
its card is in Slack; the click is sent as Slack sends it, signed, over HTTP. Measured by this machine's clock from the
click to the start of the next step (a task run), with two stations between: the gateway's acknowledgement, and the
moment the run's own process says in the journal that it goes on.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx

from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.runs import ActionKind
from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.slack_people import APP, PEOPLE, TEAM
from deployments.sandbox.state import State
from tests.contract.gateway.conftest import encode, signed

T = TypeVar("T")
ROUNDS = 20
PATIENCE_S = 90
_READING_S = 2.0  # who decides has read the card: by then the process that asked has gone
_PAUSE_S = 0.25  # every moment is read out of what was recorded, and whoever asks oftener slows what is measured
NEEDED = ("registration", "gateway", "slack", "worker")
_USER = next(iter(PEOPLE))


def main() -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        home = Path(folder) / "sandbox"
        bring_up(home, only=NEEDED, tied=True)
        try:
            state = State.at(home)
            os.environ.update(state.environment())
            with open_journal() as journal:
                result = _measure(state, journal)
        finally:
            take_down(home)
    sys.stdout.write(json.dumps(result) + "\n")


def _measure(state: State, journal: PostgresJournal) -> dict[str, Any]:
    journal.enrol("shift-lead", b"never opened")
    journal.link_slack("shift-lead", TEAM, _USER, 1)
    figures = dict[str, list[float]]()
    api = httpx.Client(base_url=state.environment()["PREFECT_API_URL"])  # to open one costs the processor 50 ms
    deployment = api.get("/deployments/name/approval-drill/drill").json()["id"]
    for number in range(ROUNDS + 1):
        run = _asleep(api, journal, deployment)
        found = _click(state, journal, api, run)
        sys.stdout.write(f"{number:>3}: {', '.join(f'{name} {took:.2f}' for name, took in found.items())}\n")
        sys.stdout.flush()
        for name, took in found.items() if number else ():  # the first one warms
            figures.setdefault(name, []).append(took)
        _until(lambda: journal.run(run).state.is_over)  # noqa: B023
    medians = {f"{name}_s_median": round(statistics.median(values), 3) for name, values in figures.items()}
    most = round(max(figures["click_to_next_step"]), 3)
    return {"bench": "approval", "rounds": ROUNDS, **medians, "click_to_next_step_s_max": most, "cores": os.cpu_count()}


def _asleep(api: httpx.Client, journal: PostgresJournal, deployment: str) -> UUID:
    made = api.post(f"/deployments/{deployment}/create_flow_run", json={"parameters": {"platform": "hearth"}})
    run = UUID(made.json()["id"])
    _until(lambda: journal.find_run(run) is not None and journal.sent_message(run, "approval:1") is not None)
    _until(lambda: api.get(f"/flow_runs/{run}").json()["state"]["name"] == "Suspended")
    _until(lambda: not journal.is_executing(run))
    time.sleep(_READING_S)
    return run


def _click(state: State, journal: PostgresJournal, api: httpx.Client, run: UUID) -> dict[str, float]:
    question, place = journal.approvals(run)[0], journal.sent_message(run, "approval:1")
    assert place is not None
    click = {
        "type": "block_actions",
        "user": {"id": _USER, "team_id": TEAM, "name": "bench"},
        "api_app_id": APP,
        "team": {"id": TEAM, "domain": "sandbox"},
        "container": {
            "type": "message",
            "message_ts": place.reference,
            "channel_id": place.channel_reference,
        },
        "trigger_id": uuid4().hex,
        "actions": [{"action_id": "approval.approve", "block_id": "b", "type": "button", "value": str(question.id)}],
    }
    body, content_type = encode("interactive", click)
    secret = state.read_ready("slack")["signing_secret"]
    url = state.read_ready("gateway")["interactivity_url"]
    clicked_at = datetime.now(UTC)
    answer = api.post(url, content=body, headers=signed(body, content_type, secret))
    answer.raise_for_status()
    stations = {
        "click_acknowledged": datetime.now(UTC),
        "click_to_running": _until(lambda: _went_on(journal, run, clicked_at)),
        "click_to_next_step": _until(lambda: _next_step(api, run, clicked_at)),
    }
    return {name: (at - clicked_at).total_seconds() for name, at in stations.items()}


def _went_on(journal: PostgresJournal, run: UUID, after: datetime) -> datetime | None:
    moved = [a for a in journal.actions(run) if a.kind is ActionKind.RUN_MOVED and a.data.get("state") == "running"]
    return next((each.at for each in moved if each.at > after), None)


def _next_step(api: httpx.Client, run: UUID, after: datetime) -> datetime | None:
    wanted = {"task_runs": {"flow_run_id": {"any_": [str(run)]}}}
    begun = [each["start_time"] for each in api.post("/task_runs/filter", json=wanted).json()]
    later = [at for at in map(datetime.fromisoformat, filter(None, begun)) if at > after]
    return min(later, default=None)


def _until(found: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := found()):
        if time.monotonic() > deadline:
            sys.exit(f"waited {PATIENCE_S} s in vain")
        time.sleep(_PAUSE_S)
    return value


if __name__ == "__main__":
    main()
