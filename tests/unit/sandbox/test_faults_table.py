"""What can be broken is named rightly: services, components, relays and resources all exist."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from blocks.catalogue.kinds import KINDS
from blocks.catalogue.loader import load_catalogue
from blocks.errors import Refused
from deployments.sandbox.faults import (
    CHANGE_FAULTS,
    FAULTS,
    RECOVERY_FAULTS,
    ChangeHow,
    Cut,
    How,
    Kill,
    RecoveryHow,
    Tell,
    actions_for,
    components_of,
    ways,
)
from deployments.sandbox.names import BETWEEN, DOOR, ROUTES, line_of_vigie
from deployments.sandbox.parts import ALL_PARTS
from deployments.sandbox.restarting import BEHIND, MACHINES, MENDED
from deployments.sandbox.whole_sites import WAYS, named_site, require_whole

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")
SERVICES = {name: service for platform in CATALOGUE.platforms.values() for name, service in platform.services.items()}
REGIONS = {name: site.region for platform in CATALOGUE.platforms.values() for name, site in platform.sites.items()}
SITES = set(REGIONS)
COMPONENTS = {part.name for part in ALL_PARTS}
ACTIONS = [(s, how, action) for s in FAULTS for how, actions in ways(s).items() for action in actions]


def test_every_service_of_the_catalogue_can_be_broken():
    assert set(SERVICES) - set(FAULTS) == set()


def test_nothing_else_is_in_the_table_but_sites_and_components():
    assert set(FAULTS) - set(SERVICES) - SITES - COMPONENTS == {"name-service"}


def test_every_kind_of_break_is_possible_somewhere():
    assert {how for hows in FAULTS.values() for how in hows} == set(get_args(How))


def test_what_can_be_restarted_can_fail_to_be_in_every_way():
    restarted = {name for name, service in SERVICES.items() if KINDS[service.kind].restarts}
    assert restarted == set(CHANGE_FAULTS)
    assert all(set(hows) == set(get_args(ChangeHow)) for hows in CHANGE_FAULTS.values())
    assert not set(get_args(ChangeHow)) & set(get_args(How))


def test_what_goes_wrong_in_a_move_can_be_ordered_beside_everything_else():
    assert set(RECOVERY_FAULTS) <= set(FAULTS)
    assert {how for hows in RECOVERY_FAULTS.values() for how in hows} == set(get_args(RecoveryHow))
    assert not [name for name, hows in RECOVERY_FAULTS.items() if set(hows) & set(FAULTS[name])]


def test_what_stands_behind_a_restart_is_a_component_and_what_it_mends_is_a_way_to_break_it():
    assert set(BEHIND) <= set(CHANGE_FAULTS)
    assert set(MACHINES.values()) <= COMPONENTS
    assert set(get_args(How)) >= MENDED


@pytest.mark.parametrize(("service", "how", "action"), ACTIONS)
def test_actions_name_components_and_targets_that_exist(service, how, action):
    assert set(components_of(action)) <= COMPONENTS
    if isinstance(action, Kill | Cut):
        return
    if action.component == "relay":
        assert action.target in {call(route.name) for route in ROUTES for call in (str, line_of_vigie)}
    if action.component == "azure" and service in SITES:
        assert action.target in ("*", REGIONS[service])
    elif action.component == "azure":
        assert SERVICES[service].resource.rpartition("/")[2] == action.target
    if action.component in ("aws", "openstack"):
        assert action.target == service


def test_a_fault_of_a_site_reaches_the_relay_before_that_site():
    behind = {route.name: route.component for route in ROUTES}
    for service in ("device-api", "device-updates", "device-api-recovery", "web-balancer"):
        (slow,), (kill,) = FAULTS[service]["slow"], FAULTS[service]["kill"]
        assert isinstance(slow, Tell)
        assert isinstance(kill, Kill)
        assert behind[slow.target] == kill.component


@pytest.mark.parametrize("site", ["azure-west", "dc-west"])
def test_a_dark_site_loses_every_process_of_its_services_at_once_and_nothing_else(site):
    (cut,) = [action for action in FAULTS[site]["kill"] if isinstance(action, Cut)]
    names = {name for name, service in SERVICES.items() if service.site == site}
    killed = {a.component for name in names for a in FAULTS[name].get("kill", ()) if isinstance(a, Kill)}
    assert killed - {"nameserver"} <= set(cut.components)
    (other,) = {"azure-west", "dc-west"} - {site}
    assert not set(cut.components) & set(FAULTS[other]["kill"][0].components)


@pytest.mark.parametrize("site", ["azure-west", "dc-west"])
@pytest.mark.parametrize("how", WAYS)
def test_a_whole_site_is_broken_in_every_way_that_is_said(site, how):
    require_whole(site, how)
    assert len({component for action in FAULTS[site][how] for component in components_of(action)}) > 1


@pytest.mark.parametrize("site", ["azure-west", "dc-west"])
def test_a_site_that_is_cut_off_keeps_its_clients(site):
    (cut,) = [action for action in FAULTS[site]["kill"] if isinstance(action, Cut)]
    lines = [action.target for action in FAULTS[site]["partition"] if action.component == "relay"]
    ours = {route.name for route in ROUTES if route.component in cut.components} - set(BETWEEN)
    doors = {route.name for route in ROUTES if route.at == DOOR}
    assert set(lines) == {*BETWEEN, *doors, *map(line_of_vigie, ours)}


@pytest.mark.parametrize(
    ("said", "meant"),
    [("primary", "azure-west"), ("azure-west", "azure-west"), ("recovery", "dc-west"), ("dc-west", "dc-west")],
)
def test_a_site_is_called_by_its_name_or_its_role(said, meant):
    assert named_site(CATALOGUE, said) == meant


def test_a_site_that_cannot_go_dark_is_refused_with_those_that_can():
    with pytest.raises(Refused, match=r"aws-ireland.*azure-west \(primary\), dc-west \(recovery\)"):
        named_site(CATALOGUE, "aws-ireland")


def test_the_platform_may_be_named_too():
    assert actions_for("hearth/device-api", "kill") == actions_for("device-api", "kill")


def test_an_impossible_way_is_refused_with_the_possible_ones():
    with pytest.raises(Refused) as refused:
        actions_for("device-updates", "replication-stop")
    assert "expired-cert" in str(refused.value)
    assert "throttle" not in str(refused.value)


def test_an_unknown_service_is_refused_with_the_known_ones():
    with pytest.raises(Refused, match="household-data"):
        actions_for("device-ipa", "kill")


def test_a_wrong_body_is_noticed_wherever_it_can_be_served():
    for name, service in SERVICES.items():
        if "wrong-body" in FAULTS[name]:
            asked = [check for check in service.checks.values() if check.kind == "http"]
            assert any(check.expect_json or check.expect_body for check in asked), f"nobody reads what {name} answers"
