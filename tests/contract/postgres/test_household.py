"""The sandbox's services find the database that takes writes wherever it is, and read at home."""

from __future__ import annotations

import pytest

from deployments.sandbox.household import DATABASES, TABLES, Household, UnavailableError
from deployments.sandbox.names import ACROSS
from deployments.sandbox.state import State
from tests.contract.postgres.hosts import carry_out, eventually, running_pair

HOME, AWAY = DATABASES


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("found")) as opened:
        yield opened


def _state(folder, pair) -> State:
    lines = {HOME: pair.west.server.address, AWAY: pair.east.server.address}
    relays = {DATABASES[site]: line for site, line in lines.items()} | {ACROSS[site]: lines[site] for site in lines}
    state = State.at(folder)
    state.write_ready("relay", "127.0.0.1:1", relays=relays)
    state.write_ready("household-primary", "", app_dsn=pair.west.server.dsn("household", "app"))
    return state


def _digests(host) -> set[str]:
    return {site for (site,) in host.rows("SELECT DISTINCT site FROM digests")}


async def test_the_whole_story(pair, tmp_path):
    west, east = pair.member(pair.west), pair.member(pair.east)
    pair.west.rows(TABLES[-1])
    pair.west.rows("ALTER TABLE digests OWNER TO app")
    state = _state(tmp_path, pair)
    sites = {site: Household(state, site) for site in (HOME, AWAY)}

    for site, household in sites.items():
        await household.add_digest(site)
    assert _digests(pair.west) == {HOME, AWAY}

    # drained, then promoted and closed: who reads goes on, who writes is told the truth
    carry_out(west.drain())
    for change in (None, east.promote()):
        if change is not None:
            carry_out(change)
        for site, household in sites.items():
            assert site == HOME or await household.count() == 50  # what was left behind may have fenced itself
            with pytest.raises(UnavailableError, match="no database takes writes"):
                await household.add_digest(site)

    carry_out(east.open())
    for site, household in sites.items():
        await household.add_digest(f"{site} again")
    assert _digests(pair.east) == {HOME, AWAY, f"{HOME} again", f"{AWAY} again"}

    # a site that is dead keeps nobody in the other one
    pair.west.kill()
    for site, household in sites.items():
        await household.add_digest(site)
        assert await household.count() == 50
    pair.east.rows("ALTER SYSTEM SET default_transaction_read_only = on")
    pair.east.rows("SELECT pg_reload_conf()")
    eventually(lambda: east.look().is_closed)
    assert await sites[AWAY].count() == 50
    with pytest.raises(UnavailableError, match="refused or lost"):
        await sites[HOME].count()  # a copy elsewhere is no good news of its own
    pair.east.kill()
    with pytest.raises(UnavailableError, match="refused or lost"):
        await sites[HOME].count()
