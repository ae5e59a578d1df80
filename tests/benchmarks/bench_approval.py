"""How long after a signed click in Slack does the sleeping run go on?

Run: python -m tests.benchmarks.bench_approval. The last line is JSON. The whole sandbox: a drill is started, sleeps,
its card is in Slack; the click is sent as Slack sends it, signed, over HTTP. Measured by the journal's clock from the
click to the moment the run's process says that it goes on, and by this machine's to the gateway's acknowledgement.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.ports.runs import ActionKind
from deployments.sandbox.lifecycle import bring_up, take_down
from deployments.sandbox.slack_people import APP, PEOPLE, TEAM
from deployments.sandbox.state import State
from tests.contract.gateway.conftest import encode, signed

ROUNDS = 7
PATIENCE_S = 90
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
    api, gone_on_s, acknowledged_s = state.environment()["PREFECT_API_URL"], list[float](), list[float]()
    deployment = httpx.get(f"{api}/deployments/name/approval-drill/drill").json()["id"]
    for number in range(ROUNDS + 1):
        run = _asleep(api, journal, deployment)
        went_on, acknowledged = _click(state, journal, run)
        if number:  # the first one warms
            gone_on_s.append(went_on)
            acknowledged_s.append(acknowledged)
        _until(lambda: journal.run(run).state.is_over)  # noqa: B023
    return {
        "rounds": ROUNDS,
        "click_to_running_s_median": round(statistics.median(gone_on_s), 3),
        "click_to_running_s_max": round(max(gone_on_s), 3),
        "click_acknowledged_s_median": round(statistics.median(acknowledged_s), 3),
        "cpu_count": os.cpu_count(),
    }


def _asleep(api: str, journal: PostgresJournal, deployment: str) -> UUID:
    made = httpx.post(f"{api}/deployments/{deployment}/create_flow_run", json={"parameters": {"platform": "hearth"}})
    run = UUID(made.json()["id"])
    _until(lambda: journal.find_run(run) is not None and journal.sent_message(run, "approval:1") is not None)
    _until(lambda: httpx.get(f"{api}/flow_runs/{run}").json()["state"]["name"] == "Suspended")
    _until(lambda: not journal.is_executing(run))
    return run


def _click(state: State, journal: PostgresJournal, run: UUID) -> tuple[float, float]:
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
    clicked_at, begun = journal.now(), time.monotonic()
    url = state.read_ready("gateway")["interactivity_url"]
    answer = httpx.post(url, content=body, headers=signed(body, content_type, secret))
    acknowledged = time.monotonic() - begun
    answer.raise_for_status()
    _until(lambda: _went_on(journal, run, clicked_at) is not None)
    went_on = _went_on(journal, run, clicked_at)
    assert went_on is not None
    return (went_on - clicked_at).total_seconds(), acknowledged


def _went_on(journal: PostgresJournal, run: UUID, after: Any) -> Any:
    moved = [a for a in journal.actions(run) if a.kind is ActionKind.RUN_MOVED and a.data.get("state") == "running"]
    return next((each.at for each in moved if each.at > after), None)


def _until(holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"waited {PATIENCE_S} s in vain")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
