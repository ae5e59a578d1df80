"""Every setting named in a place, or on its page, is one that the installed programs read: no typos."""

from __future__ import annotations

import inspect
import re
from functools import cache

import pytest

from tests.deploy.places.spoken import CHECKOUT, PLACES

DOCS = CHECKOUT / "docs" / "placing.md"
FILES = sorted(p for p in PLACES.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
NAME = re.compile(r"\bPREFECT_[A-Z][A-Z0-9_]*\b")
OURS = re.compile(r"\bVIGIE_[A-Z][A-Z0-9_]*\b")


@cache
def known_to_prefect() -> frozenset[str]:
    """Settings of the server and client, of prefect-redis, and the one that Prefect reads by itself."""
    from prefect.server.utilities import encryption
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings
    from prefect_redis.cleanup_queue import RedisWorkerCleanupQueueSettings
    from prefect_redis.client import RedisMessagingSettings

    names = set(_get_settings_fields(Settings))
    for model in (RedisMessagingSettings, RedisWorkerCleanupQueueSettings):
        names |= {f"{model.model_config['env_prefix']}{field}".upper() for field in model.model_fields}
    return frozenset(names | set(NAME.findall(inspect.getsource(encryption))))


def read_by_vigie() -> set[str]:
    sources = [p for folder in ("blocks", "deployments") for p in (CHECKOUT / folder).rglob("*.py")]
    return {name for path in sources for name in OURS.findall(path.read_text()) if PLACES not in path.parents}


def test_a_typo_would_be_told():
    assert "PREFECT_API_URL" in known_to_prefect()
    assert "PREFECT_SERVER_ENCRYPTION_KEY" in known_to_prefect()
    assert "PREFECT_REDIS_MESSAGING_URL" in known_to_prefect()
    assert "PREFECT_REDIS_MESAGING_URL" not in known_to_prefect()
    assert "PREFECT_SERVER_DATABASE_POOL_SIZE" not in known_to_prefect()


@pytest.mark.parametrize("file", [*FILES, DOCS], ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_setting_of_prefect_exists(file):
    assert sorted(set(NAME.findall(file.read_text())) - known_to_prefect()) == []


@pytest.mark.parametrize("file", [*FILES, DOCS], ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_variable_of_ours_is_read_somewhere(file):
    assert sorted(set(OURS.findall(file.read_text())) - read_by_vigie()) == []


def test_the_servers_settings_load_and_mean_what_they_say(monkeypatch):
    from prefect.settings.models.root import Settings

    from tests.deploy.places.test_systemd import environment

    for name, value in environment("server.env").items():
        monkeypatch.setenv(name, value)
    server = Settings().server
    assert server.database.sqlalchemy.pool_size == 10
    assert server.database.migrate_on_start is False
    assert server.database.sqlalchemy.connect_args.application_name == "prefect"


@pytest.mark.parametrize("module", ["messaging", "ordering", "lease_storage", "cleanup_queue"])
def test_what_the_servers_share_through_redis_can_be_loaded(module):
    """The installed prefect-redis has each part that server.env names, for this version of Prefect."""
    from importlib import import_module

    from tests.deploy.places.test_systemd import environment

    named = f"prefect_redis.{module}"
    assert named in environment("server.env").values()
    exported = {
        "messaging": ("Publisher", "Consumer", "Cache"),
        "ordering": ("CausalOrdering",),
        "lease_storage": ("ConcurrencyLeaseStorage",),
        "cleanup_queue": ("WorkerCleanupQueue",),
    }[module]
    assert [name for name in exported if not hasattr(import_module(named), name)] == []
