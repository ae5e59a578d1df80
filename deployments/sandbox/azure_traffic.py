"""Where does the sandbox's Traffic Manager send clients?

Profiles are resources like others; their endpoints are children that can be read and written one by one, as in the
real one. The rules: what is disabled gets nobody; a weight is 1 to 1000; a profile without endpoints sends nobody.
"""

from __future__ import annotations

import copy
from typing import Any

from deployments.sandbox.azure_resources import ArmError, Resource, merge

PROFILES = "microsoft.network/trafficmanagerprofiles"
_TYPES = {name.lower(): name for name in ("AzureEndpoints", "ExternalEndpoints", "NestedEndpoints")}
_WEIGHTS = range(1, 1001)


def shares(profile: dict[str, Any]) -> dict[str, float]:
    """Endpoint -> per cent of clients."""
    properties = profile["properties"]
    serving = properties["profileStatus"] == "Enabled"
    weights = {
        endpoint["name"]: int(endpoint["properties"].get("weight", 1))
        if serving and endpoint["properties"].get("endpointStatus", "Enabled") == "Enabled"
        else 0
        for endpoint in properties["endpoints"]
    }
    whole = sum(weights.values())
    return {name: round(100 * weight / whole, 2) if whole else 0.0 for name, weight in weights.items()}


def endpoint(address: str, kind: str, name: str, **properties: Any) -> dict[str, Any]:
    """One endpoint as a profile has it; `kind` in any casing."""
    known = _TYPES[kind.lower()]
    child = known[0].lower() + known[1:]
    return {
        "id": f"{address}/{child}/{name}",
        "name": name,
        "type": f"Microsoft.Network/trafficManagerProfiles/{child}",
        "properties": properties,
    }


def read_endpoint(resource: Resource, action: str) -> dict[str, Any]:
    """GET of an endpoint; 404 as Traffic Manager says it."""
    found = _find(resource.body, *_parts(action))
    if found is None:
        raise ArmError(404, "NotFound", f"The endpoint {action} was not found in {resource.body['name']}.")
    return found


def with_endpoint(resource: Resource, action: str, body: dict[str, Any], *, whole: bool) -> tuple[dict[str, Any], bool]:
    """The profile's body with one endpoint put (`whole`) or patched, and whether it is new."""
    kind, name = _parts(action)
    changed = copy.deepcopy(resource.body)
    found = _find(changed, kind, name)
    if found is None:
        if not whole:
            read_endpoint(resource, action)
        found = endpoint(resource.body["id"], kind, name, endpointStatus="Enabled", weight=1)
        changed["properties"]["endpoints"].append(found)
        found["properties"] |= body.get("properties", {})
        return changed, True
    found["properties"] = merge(found["properties"], body.get("properties", {}))
    return changed, False


def must_be_valid(profile: dict[str, Any]) -> None:
    """400 as Traffic Manager says it."""
    for each in profile.get("properties", {}).get("endpoints", ()):
        properties = each["properties"]
        if properties.get("weight", 1) not in _WEIGHTS:
            raise ArmError(400, "BadRequest", f"The weight of endpoint {each['name']} must be from 1 to 1000.")
        if properties.get("endpointStatus", "Enabled") not in ("Enabled", "Disabled"):
            raise ArmError(400, "BadRequest", f"The status of endpoint {each['name']} is not valid.")


def _find(profile: dict[str, Any], kind: str, name: str) -> dict[str, Any] | None:
    return next(
        (
            each
            for each in profile["properties"]["endpoints"]
            if each["name"].lower() == name.lower() and each["type"].lower().endswith(f"/{kind.lower()}")
        ),
        None,
    )


def _parts(action: str) -> tuple[str, str]:
    kind, _, name = action.partition("/")
    if kind.lower() not in _TYPES or not name or "/" in name:
        raise ArmError(501, "NotImplemented", f"The sandbox does not know {action} of a profile")
    return kind, name
