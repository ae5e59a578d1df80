"""Weights as shares: they add up to 100, nothing that is off gets any, and what is written is what is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blocks.azure.shares import digest, said, shares_of, weights_of, with_shares
from blocks.catalogue.recovery import TrafficManagerSwitch

SITES = ("a", "b", "c")
WEIGHTS = st.fixed_dictionaries({site: st.integers(0, 1000) for site in SITES})
PARTS = st.lists(st.integers(0, 100), min_size=2, max_size=2).map(sorted)
SWITCH = TrafficManagerSwitch(
    name="api",
    kind="azure.traffic_manager",
    resource="/x",
    site="a",
    endpoints={site: f"Endpoint-{site}" for site in SITES},
)


def profile(weights):
    endpoints = [
        {
            "name": f"endpoint-{site}",
            "properties": {
                "endpointStatus": "Enabled" if weight else "Disabled",
                "weight": weight or 7,
                "endpointMonitorStatus": "Online",
            },
        }
        for site, weight in weights.items()
    ]
    properties = {"profileStatus": "Enabled", "trafficRoutingMethod": "Weighted", "endpoints": endpoints}
    return {"name": "p", "location": "global", "id": "/x", "properties": properties}


@given(WEIGHTS)
def test_shares_add_up_to_a_hundred_and_follow_the_weights(weights):
    shares = shares_of(weights)
    whole = sum(weights.values())
    assert sum(shares.values()) == (100 if whole else 0)
    for site, weight in weights.items():
        assert whole == 0 or abs(shares[site] - 100 * weight / whole) < 1
        assert shares[site] == 0 or weight > 0


@given(WEIGHTS, PARTS)
def test_what_is_written_is_what_is_read_and_what_is_off_keeps_its_weight(weights, cuts):
    shares = {"a": cuts[0], "b": cuts[1] - cuts[0], "c": 100 - cuts[1]}
    before = profile(weights)
    after = {"name": "p", **with_shares(before, SWITCH, shares)}
    assert shares_of(weights_of(after, SWITCH)) == shares
    assert before == profile(weights), "what was read is left as it is"
    for endpoint in after["properties"]["endpoints"]:
        site = endpoint["name"].removeprefix("endpoint-")
        assert endpoint["properties"]["weight"] == (shares[site] or weights[site] or 7)


@given(WEIGHTS)
def test_a_digest_changes_with_each_weight_and_with_nothing_that_azure_observes(weights):
    seen, other = profile(weights), profile({**weights, "a": weights["a"] + 1})
    for endpoint in seen["properties"]["endpoints"]:
        endpoint["properties"]["endpointMonitorStatus"] = "Degraded"
    seen["properties"]["monitorConfig"] = {"profileMonitorStatus": "Degraded"}
    plain = profile(weights)
    plain["properties"]["monitorConfig"] = {"profileMonitorStatus": "Online"}
    assert digest(seen) == digest(plain)
    assert digest(profile(weights)) != digest(other)


def test_shares_are_said_in_the_order_of_the_plan():
    assert said({"azure-west": 95, "dc-west": 5}) == "azure-west 95 %, dc-west 5 %"
