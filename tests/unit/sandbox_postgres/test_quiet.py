"""A demonstration forgets former changes of mind, of its own platforms only, and never under a running sweep."""

from __future__ import annotations

import threading

import pytest

from blocks.errors import Broken
from blocks.journal.adapter import PostgresJournal
from blocks.ports.health import CheckKey, CheckStatus
from deployments.sandbox.quiet import forget_flapping
from deployments.sandbox.state import State, write_json
from tests.contract.journal.words import assess
from tests.postgres_fixture import journal_dsn, journal_template, postgres_server  # noqa: F401

KEY = CheckKey("device-api", "health")
RESTLESS = {KEY: CheckStatus(flap_changes=0b1011, flapping=True, sentence="200 in 20 ms", fresh=False)}


@pytest.fixture
def journal(journal_dsn):  # noqa: F811
    with PostgresJournal(journal_dsn) as opened:
        for platform in ("hearth", "storefront"):
            assess(opened, platform=platform, statuses=RESTLESS)
        yield opened


@pytest.fixture
def state(tmp_path, journal_dsn):  # noqa: F811
    state = State.at(tmp_path)
    write_json(state.ready / "control-database.json", {"name": "control-database", "journal_dsn": journal_dsn})
    return state


def test_only_the_changes_of_mind_of_these_platforms_are_forgotten(journal, state):
    assert forget_flapping(state, ["hearth"]) == 1
    calm = journal.load_statuses("hearth")[KEY]
    assert (calm.flap_changes, calm.flapping) == (0, False)
    assert calm.sentence == "200 in 20 ms"
    assert journal.load_statuses("storefront")[KEY].flapping
    assert forget_flapping(state, ["hearth"]) == 0


def test_it_waits_for_the_sweep_that_would_write_its_memory_back(journal, state):
    done = threading.Event()
    with journal.sweep_lock("hearth"):
        waiting = threading.Thread(target=lambda: (forget_flapping(state, ["hearth"]), done.set()))
        waiting.start()
        assert not done.wait(1.2)
        assess(journal, statuses=RESTLESS)
    waiting.join(20)
    assert done.is_set()
    assert not journal.load_statuses("hearth")[KEY].flapping


def test_without_a_journal_it_says_so(tmp_path):
    with pytest.raises(Broken, match="journal is not ready"):
        forget_flapping(State.at(tmp_path), ["hearth"])
