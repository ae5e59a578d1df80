"""The whole sandbox: Prefect, worker, journal, sites and clouds, furnished and registered."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deployments.sandbox.lifecycle import Picture, bring_up, look, take_down
from deployments.sandbox.names import connect_map
from deployments.sandbox.parts import WORK_POOL, chosen_parts
from deployments.sandbox.state import State
from tests.sandbox_fixture import quiet

pytestmark = pytest.mark.scenario

_PAGE = "http://127.0.0.1"


@pytest.fixture
def home(sandbox) -> Path:
    return sandbox.home


@pytest.fixture
def up(home: Path) -> Picture:
    return look(home)


def _ask(home: Path, path: str, body: Any = None) -> Any:
    address = State.at(home).environment()["PREFECT_API_URL"]
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_every_component_is_there_and_well(home, up):
    assert {each.name for each in up.components} == {part.name for part in chosen_parts()}
    assert look(home).healthy


def test_the_addresses_answer(up):
    assert set(up.addresses) == {"Prefect UI", "Slack", "Pager"}
    for page in up.addresses.values():
        assert page.startswith(_PAGE)
        with urllib.request.urlopen(page, timeout=20) as answer:
            assert answer.status == 200


def test_a_worker_polls_the_pool(home, up):
    workers = _ask(home, f"/work_pools/{WORK_POOL}/workers/filter", {})
    assert [each["status"] for each in workers] == ["ONLINE"]


def test_prefect_keeps_its_data_in_postgresql_and_calls_nobody(home, up):
    settings = _ask(home, "/admin/settings")
    assert settings["server"]["analytics_enabled"] is False
    dsn = State.at(home).read_ready("control-database")["prefect_dsn"]
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute("SELECT count(*) FROM work_pool").fetchone() or (0,)
    assert count >= 1


def test_the_journal_has_its_tables(home, up):
    with psycopg.connect(State.at(home).environment()["VIGIE_JOURNAL_DSN"]) as connection:
        row = connection.execute("SELECT to_regclass('sweep') IS NOT NULL").fetchone()
    assert row == (True,)


def test_the_catalogues_credential_blocks_are_filled_in(home, up):
    saved = {each["name"]: each for each in _ask(home, "/block_documents/filter", {})}
    wanted = {"azure-hearth-reader", "aws-storefront-reader", "openstack-hearth-reader", "postgres-hearth-reader"}
    wanted |= {"probe-network", "slack", "pagerduty-hearth", "webhook-storefront", "journal"}
    wanted |= {"azure-hearth-operator", "aws-storefront-operator", "openstack-hearth-operator"}
    assert wanted - set(saved) == set()
    assert saved["probe-network"]["data"]["connect_to"] == connect_map(State.at(home))


def test_no_secret_is_in_a_log(home, up):
    state = State.at(home)
    ready = [state.read_ready(name) for name in ("control-database", "household-primary", "azure", "aws", "slack")]
    secrets = {ready[1]["reader_password"], ready[2]["client_secret"], ready[3]["secret_access_key"], ready[4]["token"]}
    secrets |= {ready[0]["journal_dsn"].split(":")[2].split("@")[0]}
    secrets |= {ready[2]["operator_client_secret"], ready[3]["operator_secret_key"]}
    logs = "".join(path.read_text(errors="replace") for path in state.logs.glob("*.log"))
    assert [secret for secret in secrets if secret in logs] == []


def test_the_bundle_trusts_the_sandbox_and_the_world(home, up):
    context = ssl.create_default_context(cafile=State.at(home).environment()["SSL_CERT_FILE"])
    subjects = [dict(item[0] for item in each["subject"]) for each in context.get_ca_certs()]
    assert any("vigie" in each.get("organizationName", "") for each in subjects)
    assert len(subjects) > 50


def test_a_second_start_finds_everything_again_at_the_same_address(sandbox, home, up):
    take_down(home)
    again = bring_up(home, tied=True)
    quiet(sandbox)  # starting registers, and registering wakes the schedules
    assert again.healthy
    assert again.addresses["Prefect UI"] == up.addresses["Prefect UI"]
    assert again.seconds > 0
