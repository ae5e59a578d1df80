"""The stores' settings: PostgreSQL and Redis themselves take them."""

from __future__ import annotations

import subprocess

import pytest

from deployments.sandbox.postgres_place import find_place, leave_place
from tests.conftest import needs_program
from tests.deploy.places.spoken import PLACES

POSTGRESQL = PLACES / "stores" / "postgresql.conf"
REDIS = PLACES / "stores" / "redis.conf"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    wanted = tmp_path_factory.mktemp("stores") / "data"
    place = find_place(wanted)
    yield place
    leave_place(place, wanted)


def shown(place, file, setting):
    """What PostgreSQL makes of one setting of a file, without starting."""
    asked = {"config_file": file, "data_directory": file.parent, "hba_file": "/dev/null", "ident_file": "/dev/null"}
    options = [option for name, value in asked.items() for option in ("-c", f"{name}={value}")]
    return subprocess.run(
        [place.bin_dir / "postgres", "-C", setting, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def without_tls(tmp_path):
    """The wheel's PostgreSQL is built without TLS and says so; the one line that asks for it is left out."""
    file = tmp_path / "postgresql.conf"
    file.write_text(POSTGRESQL.read_text().replace("\nssl = on\n", "\n"))
    assert file.read_text() != POSTGRESQL.read_text()
    return file


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"), ("max_connections", "150")],
)
def test_postgresql_understands_its_settings(place, without_tls, setting, value):
    ran = shown(place, without_tls, setting)
    assert (ran.returncode, ran.stdout.strip()) == (0, value), ran.stderr


def test_postgresql_would_tell_a_mistake(place, without_tls):
    without_tls.write_text(without_tls.read_text().replace("max_wal_senders", "max_wall_senders"))
    ran = shown(place, without_tls, "fsync")
    assert ran.returncode != 0
    assert "max_wall_senders" in ran.stderr


def test_redis_takes_its_settings_and_evicts_nothing(tmp_path):
    import redis

    program = needs_program("redis-server")
    socket = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [program, REDIS, "--port", "0", "--unixsocket", socket, "--dir", tmp_path], stdout=subprocess.DEVNULL
    )
    try:
        client = redis.Redis(unix_socket_path=str(socket))
        _await(client)
        said = client.config_get("maxmemory-policy") | client.config_get("appendonly")
        client.close()
    finally:
        server.terminate()
        server.wait(timeout=20)
    assert said == {"maxmemory-policy": "noeviction", "appendonly": "yes"}


def _await(client):
    import time

    import redis

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            client.ping()
        except redis.exceptions.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("redis-server did not answer within 20 s")
