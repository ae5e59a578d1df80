"""What is in the sandbox's Azure when it begins? What the catalogue says, all of it well.

A resource for every service that lives in Azure, a plan for the apps of each resource group, and the Traffic Manager
profile of each recovery plan: the endpoint of the primary site is on, the others are off. Every credential of a plan is
held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.catalogue.recovery import TrafficManagerSwitch
from deployments.sandbox.azure_kept import mark_seeds
from deployments.sandbox.azure_kinds import CATALOGUE_KINDS
from deployments.sandbox.azure_rights import KEEPER, TYPE, owner_of
from deployments.sandbox.azure_store import Store
from deployments.sandbox.azure_traffic import endpoint

if TYPE_CHECKING:
    from blocks.catalogue.model import Catalogue, Platform

_WEIGHT = 100


def seeded_store(catalogue: Catalogue) -> Store:
    """A healthy Azure for every platform of the catalogue."""
    store = Store()
    for platform in catalogue.platforms.values():
        for service in platform.services.values():
            if service.kind in CATALOGUE_KINDS and service.resource:
                seed(store, service.resource, service.kind, platform.sites[service.site].region)
        for switch in platform.recovery.traffic.values() if platform.recovery else ():
            if isinstance(switch, TrafficManagerSwitch):
                seed_profile(store, platform, switch)
        for held in platform.recovery.credentials.values() if platform.recovery else ():
            store.rights.seed(held.resource, held.principal, held.role)
    mark_seeds(store)
    return store


def seed(store: Store, address: str, kind: str, region: str) -> None:
    """One resource of a kind of the catalogue; an app with the plan that the apps of its group share."""
    resource = store.seed(address, CATALOGUE_KINDS[kind], region)
    if kind != "azure.app_service":
        return
    group = address.split("/")[4]
    plan = f"{address.rpartition('/providers/')[0]}/providers/Microsoft.Web/serverfarms/{group}-plan"
    resource.body["properties"]["serverFarmId"] = plan
    if plan.lower() in store.names().values():
        store.find(plan).body["properties"]["numberOfSites"] += 1
    else:
        store.seed(plan, "Microsoft.Web/serverfarms", region)


def let_keep_rights(store: Store, principal: str) -> None:
    """An operator may take and give the credentials of the plans: at their scopes, and nowhere else."""
    for number, scope in enumerate(dict.fromkeys(owner_of(address) for address in store.rights.held), start=1):
        name = f"5a5a5a5a-0000-4000-9000-{number:012d}"
        store.rights.seed(f"{scope}/providers/{TYPE}/{name}", principal, KEEPER)


def seed_profile(store: Store, platform: Platform, switch: TrafficManagerSwitch) -> None:
    """A weighted profile whose clients go to the primary site."""
    profile = store.seed(switch.resource, "Microsoft.Network/trafficManagerProfiles", "global")
    for site, name in switch.endpoints.items():
        on = platform.sites[site].role == "primary"
        properties = {
            "target": f"{switch.name}.{name}.{platform.name}.example",
            "endpointStatus": "Enabled" if on else "Disabled",
            "weight": _WEIGHT,
            "endpointMonitorStatus": "Online" if on else "Disabled",
        }
        seeded = endpoint(switch.resource, "ExternalEndpoints", name, **properties)
        profile.body["properties"]["endpoints"].append(seeded)
