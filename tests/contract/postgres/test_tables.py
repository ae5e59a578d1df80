"""What the suites say of a promoted database: each fault by its name, and no good news from a suite that did not run."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from blocks.catalogue.recovery import ReplicatedData
from blocks.errors import Retryable
from blocks.ports.network import Routes
from blocks.postgres.block import PostgresReader
from blocks.postgres.tables import judge_tables
from deployments.sandbox.postgres import PostgresServer

# the library warns of itself and of what it is built on
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
ADDRESS = "db1.tables.example:5432"
DEVICES = {
    "key": ["id"],
    "recent": "updated_at",
    "recent_within": "10min",
    "shrinks_at_most": "1 %",
    "references": {"household": "homes.id"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = PostgresServer.create(tmp_path_factory.mktemp("tables") / "db", name="tables", settings={"fsync": "off"})
    made.start()
    made.ensure_database("household")
    made.ensure_database("household", "looker")
    _run(made, "GRANT pg_read_all_data TO looker", database="postgres")
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def rows(server):
    _run(
        server,
        "DROP TABLE IF EXISTS devices, homes",
        "CREATE TABLE homes (id text)",
        "INSERT INTO homes SELECT 'home-' || n FROM generate_series(0, 100) n",
        "CREATE TABLE devices (id text, household text, updated_at timestamptz)",
        "INSERT INTO devices SELECT 'device-' || n, 'home-' || n / 4, now() FROM generate_series(1, 400) n",
    )


def _run(server, *statements, database="household"):
    import psycopg

    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def judge(server, known=400, *, tables=None, password=None):
    reader = PostgresReader(
        user="looker", password=SecretStr(password or server.passwords["looker"]), sslmode="disable"
    )
    data = ReplicatedData.model_validate(
        {
            "name": "household",
            "members": {"here": "db"},
            "hosts": {"here": "db1.tables.example:8443"},
            "database": "household",
            "tables": tables or {"devices": DEVICES},
        }
    )
    known_counts = {} if known is None else {"devices": known}
    return judge_tables(reader, Routes({ADDRESS: server.address}), ADDRESS, data, known_counts)


def test_what_is_as_it_should_be_has_no_fault(server):
    verdict = judge(server)
    assert verdict.faults == ()
    assert verdict.text == f"household on {ADDRESS}: 1 tables are as they should be"


@pytest.mark.parametrize(
    ("done", "fault"),
    [
        ("DELETE FROM devices WHERE id LIKE 'device-1%'", "devices: fewer than 396 rows (400 were known"),
        ("INSERT INTO devices SELECT * FROM devices LIMIT 1", "devices: id is not unique"),
        ("UPDATE devices SET id = NULL WHERE id = 'device-7'", "devices: id is missing in some rows"),
        ("UPDATE devices SET updated_at = now() - interval '11 min'", "devices: nothing in updated_at is younger than"),
        ("UPDATE devices SET household = 'gone' WHERE id = 'device-9'", "devices: household leads to rows of homes.id"),
        ("DROP TABLE devices", "table devices is not there"),
        ("DROP TABLE homes", "devices: could not be judged: household leads to rows of homes.id"),
    ],
)
def test_each_fault_is_named(server, done, fault):
    _run(server, done)
    verdict = judge(server)
    assert any(fault in each for each in verdict.faults), verdict.text


def test_a_table_that_we_may_not_read_is_no_verdict(server):
    _run(server, "REVOKE pg_read_all_data FROM looker")
    try:
        with pytest.raises(Retryable, match="may the reader read its tables"):
            judge(server)
    finally:
        _run(server, "GRANT pg_read_all_data TO looker")


def test_both_sides_of_the_rows_that_may_be_missing(server):
    assert not judge(server, 404).faults  # 399.96, so 399 suffice
    assert judge(server, 406).faults


def test_a_key_of_several_columns_is_one_key(server):
    tables = {"devices": {"key": ["id", "household"]}}
    assert not judge(server, tables=tables).faults
    _run(server, "INSERT INTO devices SELECT id, 'home-1', now() FROM devices")
    assert not any(
        "household is not unique" in each for each in judge(server, tables={"devices": {"key": ["id"]}}).faults
    )
    _run(server, "INSERT INTO devices SELECT * FROM devices")
    assert any("id, household is not unique" in each for each in judge(server, tables=tables).faults)


def test_an_unknown_count_is_not_held_against_it(server):
    _run(server, "DELETE FROM devices WHERE id LIKE 'device-1%'")
    assert judge(server, None).faults == ()


def test_a_database_that_refuses_us_is_no_verdict_and_names_no_password(server):
    with pytest.raises(Retryable) as caught:
        judge(server, password="wrong-27182")
    assert "wrong-27182" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
