"""What do the endpoints of a Traffic Manager profile mean, as shares of clients?

The invariants: shares are per cent and add up to 100, or are all 0 where nobody is sent anywhere; what is disabled
gets nothing; what Azure observes is not what somebody configured; a profile that sends clients by anything else than
the plan's own endpoints is not understood, and nobody guesses. Pure: profiles come and go as Azure's JSON.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken

if TYPE_CHECKING:
    from blocks.catalogue.recovery import TrafficManagerSwitch

WHOLE = 100


def weights_of(profile: Mapping[str, Any], switch: TrafficManagerSwitch) -> dict[str, int]:
    """Site -> weight, 0 where disabled. Raises `Broken` for what weights of our endpoints cannot tell."""
    properties = profile["properties"]
    endpoints = {str(each["name"]).lower(): each["properties"] for each in properties.get("endpoints", ())}
    odd = _oddities(properties, endpoints, {name.lower() for name in switch.endpoints.values()})
    if odd:
        raise Broken(
            f"profile {profile['name']} is not what the recovery plan says: {'; '.join(odd)}",
            where=f"traffic {switch.name}",
            next_step="correct the profile in Azure, or the plan in the catalogue",
        )
    found = {site: endpoints[name.lower()] for site, name in switch.endpoints.items()}
    return {site: int(each.get("weight") or 1) if _on(each) else 0 for site, each in found.items()}


def targets_of(profile: Mapping[str, Any], switch: TrafficManagerSwitch) -> dict[str, str]:
    """Site -> the name of what its endpoint leads to. Raises `Broken` where an endpoint of ours leads to no name."""
    endpoints = {str(each["name"]).lower(): each["properties"] for each in profile["properties"].get("endpoints", ())}
    found = {site: str(endpoints.get(name.lower(), {}).get("target") or "") for site, name in switch.endpoints.items()}
    if lost := sorted(site for site, target in found.items() if not target):
        raise Broken(
            f"the endpoint of {', '.join(lost)} in profile {profile['name']} has no target, so nobody can look there",
            where=f"traffic {switch.name}",
            next_step="a nested profile cannot be watched by site: name the site's own endpoint in the plan",
        )
    return found


def with_shares(profile: Mapping[str, Any], switch: TrafficManagerSwitch, shares: Mapping[str, int]) -> dict[str, Any]:
    """The profile as it is configured, with the shares as weights; what is off keeps its weight."""
    wanted = _configured(profile)
    sites = {name.lower(): site for site, name in switch.endpoints.items()}
    for endpoint in wanted["properties"]["endpoints"]:
        share = shares.get(sites.get(str(endpoint["name"]).lower(), ""), 0)
        endpoint["properties"]["endpointStatus"] = "Enabled" if share else "Disabled"
        if share:
            endpoint["properties"]["weight"] = share
    return wanted


def shares_of(weights: Mapping[str, int]) -> dict[str, int]:
    """Per cent that add up to 100, the largest remainders rounded up; all 0 when nothing has a weight."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    shares = {site: weight * WHOLE // whole for site, weight in weights.items()}
    missing = WHOLE - sum(shares.values())
    for site in sorted(weights, key=lambda site: -(weights[site] * WHOLE % whole))[:missing]:
        shares[site] += 1
    return shares


def said(shares: Mapping[str, int]) -> str:
    """'azure-west 95 %, dc-west 5 %'; 'nobody' where every share is 0."""
    if not any(shares.values()):
        return "nobody"
    return ", ".join(f"{site} {share} %" for site, share in shares.items())


def digest(profile: Mapping[str, Any]) -> str:
    """The same for the same configuration, whatever Azure's probes find."""
    return hashlib.sha256(json.dumps(_configured(profile), sort_keys=True).encode()).hexdigest()


def _oddities(properties: Mapping[str, Any], endpoints: Mapping[str, Any], ours: set[str]) -> list[str]:
    odd = [f"no endpoint {name}" for name in sorted(ours - endpoints.keys())]
    odd += [f"endpoint {name} is enabled too" for name in sorted(endpoints.keys() - ours) if _on(endpoints[name])]
    if properties.get("trafficRoutingMethod") != "Weighted":
        odd.append(f"it routes by {properties.get('trafficRoutingMethod')}, not by weight")
    if properties.get("profileStatus") != "Enabled":
        odd.append("it is disabled, and answers nobody")
    return odd


def _on(endpoint: Mapping[str, Any]) -> bool:
    return endpoint.get("endpointStatus") == "Enabled"


def _configured(profile: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody configured, without what Azure observes: how its probes find endpoints changes by itself."""
    kept = {name: copy.deepcopy(profile[name]) for name in ("location", "tags", "properties") if profile.get(name)}
    kept["properties"].get("monitorConfig", {}).pop("profileMonitorStatus", None)
    kept["properties"].get("dnsConfig", {}).pop("fqdn", None)
    for endpoint in kept["properties"].setdefault("endpoints", []):
        endpoint["properties"].pop("endpointMonitorStatus", None)
    return kept
