"""Planted secrets are looked for wherever a sweep leaves words: none may be there.

Every credential block gets a recognisable wrong secret, a whole sweep of each platform runs against it
(so that every refusal is worded by its adapter), the right blocks come back and the sweeps run again
(so that what was held back is told). Then everything that was written is searched.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from blocks.journal.block import open_journal
from blocks.ports.health import State
from blocks.watch.block import NAME, OutsideWatch
from deployments.sandbox.credentials import blocks_of, save_blocks
from tests.deploy.told import apply, with_lantern
from tests.sandbox_fixture import quiet

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]

PLANTED = "planted7secret"
FIELDS = {
    "azure-hearth-reader": {"client_secret": f"{PLANTED}-azure"},
    "aws-storefront-reader": {"aws_secret_access_key": f"{PLANTED}-aws", "aws_session_token": f"{PLANTED}-session"},
    "openstack-hearth-reader": {"application_credential_secret": f"{PLANTED}-openstack"},
    "postgres-hearth-reader": {"password": f"{PLANTED}-postgres"},
    "slack": {"bot_token": f"xoxb-{PLANTED}-slack"},
    "pagerduty-hearth": {"routing_key": f"{PLANTED}-pagerduty".ljust(32, "0")},
    "webhook-storefront": {"url": f"http://127.0.0.1:9/{PLANTED}-webhook", "signing_secret": f"{PLANTED}-signing"},
}
HEADER = "planted-value-of-a-header"  # in the catalogue of tests.deploy.told
CATALOGUE = ("events", "results")  # these hold the platform as it was reviewed in git, headers included


def sweep(platform):
    from flows.health_sweep import health_sweep

    return asyncio.run(health_sweep(platform))


def plain(value):
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def planted_blocks(right):
    found = {}
    for name, fields in FIELDS.items():
        kind = type(right[name]).model_fields
        typed = {
            field: SecretStr(value) if "Secret" in str(kind[field].annotation) else value
            for field, value in fields.items()
        }
        found[name] = right[name].model_copy(update=typed)
    return found


@pytest.fixture
def swept(sandbox, tmp_path):
    """The sweeps with planted secrets, then with the right ones; where their words lie, by place."""
    sandbox.forget()
    sandbox.break_("hearth/device-api", "kill")  # so that Slack and the pager hold something to be searched
    sweep("hearth")
    sandbox.mend()
    right = blocks_of(sandbox.state)
    planted = planted_blocks(right)
    marks = {path: path.stat().st_size for path in sandbox.state.logs.glob("*.log")}
    apply(with_lantern(tmp_path / "catalogue", every="1d"))
    asyncio.run(save_blocks(planted))
    OutsideWatch(url=f"http://127.0.0.1:9/{PLANTED}-watch/{{platform}}").save(NAME, overwrite=True)
    try:
        run = sandbox.run_deployment("hearth")  # by the worker: its process has a log of its own
        refused = {name: sweep(name) for name in ("storefront", "lantern")}
        assert sandbox.wait_for(run)["type"] == "COMPLETED"
        with open_journal() as journal:
            statuses = journal.load_statuses("hearth")
    finally:
        asyncio.run(save_blocks(right))
        OutsideWatch.delete(NAME)
    again = [sweep(name) for name in ("hearth", "storefront")]
    apply()
    quiet(sandbox)
    sandbox.mend()
    runs = [run, *(str(report.sweep) for report in [*refused.values(), *again])]
    return statuses, {
        "logs": [line for each in runs for line in logs_of(sandbox, each)],
        "runs": [str(row) for row in sandbox.call("/flow_runs/filter", {"flow_runs": {"id": {"any_": runs}}})],
        "tasks": [str(r) for r in sandbox.call("/task_runs/filter", {"flow_runs": {"id": {"any_": runs}}})],
        "artifacts": [str(row) for row in sandbox.call("/artifacts/filter", {})],
        "events": events_of(sandbox, runs),
        "journal": journal_text(sandbox),
        "Slack": [str(message) for message in sandbox.slack_messages()],
        "pager": [str(event) for event in sandbox.pager_events()],
        "evidence": stored(sandbox.home / "evidence"),
        "results": stored(Path(sandbox.environment["PREFECT_HOME"]) / "storage"),
        "components": component_logs(sandbox, marks),
    }


def logs_of(sandbox, run):
    """Every line of a run's log."""
    lines = sandbox.call("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200})
    assert 0 < len(lines) < 200, "all of them, or the search proves nothing"
    return [str(line) for line in lines]


def events_of(sandbox, runs):
    """Every event about the runs, to the last page."""
    wanted = {"any_resource": {"id": [f"prefect.flow-run.{run}" for run in runs]}}
    page = sandbox.call("/events/filter", {"filter": wanted, "limit": 50})
    found = page["events"]
    while page["next_page"]:
        page = httpx.get(page["next_page"], timeout=30).json()
        found += page["events"]
    assert len(found) == page["total"] > 50
    return [str(event) for event in found]


def journal_text(sandbox):
    """Every row of every table, as text."""
    with psycopg.connect(sandbox.environment["VIGIE_JOURNAL_DSN"]) as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        return [
            str(row[0])
            for (table,) in tables
            for row in connection.execute(f"SELECT t::text FROM {table} t").fetchall()
        ]


def stored(folder):
    """Files as their bytes, packed ones opened; bytes of pickles hold text as it is."""
    return [opened(path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]


def opened(content):
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    elif content[:1] == b"{":  # Prefect keeps a pickle as base64 in JSON
        content += base64.b64decode(json.loads(content).get("result") or "")
    return content.decode("latin-1")


def component_logs(sandbox, marks):
    """What each component wrote since; those that own a secret are the only ones that may name it."""
    return [
        path.read_bytes()[marks.get(path, 0) :].decode(errors="replace")
        for path in sandbox.state.logs.glob("*.log")
        if path.stem not in ("credentials", "registration")
    ]


def test_no_planted_secret_is_anywhere(swept, sandbox):
    statuses, places = swept
    # the secrets were used: readings that needed them are unknown, or say that the login failed
    unknown = {key.service for key, status in statuses.items() if status.state is State.UNKNOWN}
    assert {"message-ingestion", "archive", "private-cloud"} <= unknown
    assert statuses["household-data", "login"].state is not State.OK
    # the places hold what a sweep writes: an empty place would prove nothing
    empty = [place for place, texts in places.items() if not "".join(texts).strip()]
    assert not empty
    right = {
        plain(value)
        for block in blocks_of(sandbox.state).values()
        for value in block.model_dump().values()
        if isinstance(value, SecretStr)
    }
    found = {
        f"{place}: ...{text[max(0, text.index(secret) - 200) : text.index(secret) + 60]}"
        for place, texts in places.items()
        for text in texts
        for secret in (PLANTED, *right, *([] if place in CATALOGUE else [HEADER]))
        if secret in text
    }
    assert not found
