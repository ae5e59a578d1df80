"""No real name of the catalogue is forgotten: it would be asked of the real Internet."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from blocks.catalogue.loader import load_catalogue
from deployments.sandbox.household import DATABASES
from deployments.sandbox.names import (
    ENTRANCES,
    NAME_SERVER,
    REPLICATION,
    REPLICATION_BACK,
    ROUTES,
    connect_map,
    outside_map,
    relayed_port,
)
from deployments.sandbox.nameserver_zone import ADDRESSES
from deployments.sandbox.resolving import ADDRESSED
from deployments.sandbox.state import State

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")


def _names_in_use() -> set[str]:
    found: set[str] = set()
    for platform in CATALOGUE.platforms.values():
        for service in platform.services.values():
            for check in service.checks.values():
                if check.kind == "http":
                    parts = urlsplit(check.url)
                    found.add(f"{parts.hostname}:{parts.port or 443}")
                found |= {getattr(check, field, None) for field in ("address", "resolver")} - {None}
    return found


def _sandbox(tmp_path: Path) -> State:
    state = State.at(tmp_path)
    names = [each.name for each in (*ROUTES, *ENTRANCES)]
    relays, lines = dict.fromkeys(names, "127.0.0.1:2"), dict.fromkeys(names, "127.0.0.1:4")
    state.write_ready("relay", "127.0.0.1:1", relays=relays, lines=lines)
    state.write_ready("nameserver", "127.0.0.1:3")
    return state


def test_the_connect_map_covers_every_name_of_the_catalogue(tmp_path):
    assert _names_in_use() - set(connect_map(_sandbox(tmp_path))) == set()


def test_no_route_is_there_for_nothing(tmp_path):
    doors = {f"{host}:{port}" for host in ("db1.hearth.example", "db2.dc-west.hearth.example") for port in (5433, 8443)}
    internal = {REPLICATION, REPLICATION_BACK, "db2.hearth.example:5432", *doors, *ENTRANCES[0].sites.values()}
    assert set(connect_map(_sandbox(tmp_path))) - _names_in_use() <= internal


def test_every_http_name_resolves_in_the_sandbox():
    hosts = {name.rpartition(":")[0] for name in _names_in_use()}
    assert {f"{host}." for host in hosts} - set(ADDRESSES) == set()


def test_vigie_and_clients_reach_the_same_names_by_lines_of_their_own(tmp_path):
    state = _sandbox(tmp_path)
    assert connect_map(state).keys() == outside_map(state).keys()
    assert connect_map(state)["api.hearth.example:443"] == "127.0.0.1:4"
    assert outside_map(state)["api.hearth.example:443"] == "127.0.0.1:2"
    assert relayed_port(state, "api.hearth.example:443") == 2


def test_an_entrance_leads_to_sites_of_its_platform_by_names_that_are_served():
    for entrance in ENTRANCES:
        assert set(entrance.sites) == set(CATALOGUE.platforms["hearth"].sites)
        assert entrance.first in entrance.sites
        assert set(entrance.sites.values()) <= {route.name for route in ROUTES}


def test_the_database_name_leads_to_the_addresses_that_the_plan_gives_it():
    values = CATALOGUE.platforms["hearth"].recovery.traffic["database-name"].values
    assert {address: DATABASES[site] for site, address in values.items()} == ADDRESSED


def test_without_components_the_map_is_empty(tmp_path):
    assert connect_map(State.at(tmp_path)) == {}


def test_the_name_server_is_led_to_its_own_address(tmp_path):
    assert connect_map(_sandbox(tmp_path))[NAME_SERVER] == "127.0.0.1:3"
