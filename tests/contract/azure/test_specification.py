"""Microsoft's own examples pass the validator that holds the simulator honest, and wrong ones do not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from deployments.sandbox.azure_spec import USED_SPECIFICATIONS, Exchange, Specification
from tests.conftest import conformance_dir

ROOT = conformance_dir() / "azure-rest"


def cases() -> list[Any]:
    """One a published example of the specifications in use."""
    if not ROOT.exists():
        return [pytest.param({}, id="absent")]
    used = {f"azure-rest/specification/{file}" for file in USED_SPECIFICATIONS}
    listed = json.loads((ROOT / "cases.json").read_text())["cases"]
    found = [
        case for case in listed if case["swagger"] in used and "{resourceProviderNamespace}" not in case["urlPath"]
    ]
    return [pytest.param(case, id=f"{case['operationId']}-{Path(case['example']).stem}") for case in found]


def exchanges(case: dict[str, Any], version: str) -> list[Exchange]:
    """What the example says went over the wire, one for each answer."""
    example = json.loads((ROOT.parent / case["example"]).read_text("utf-8-sig"))
    given = example["parameters"]
    path = case["urlPath"]
    for name, value in given.items():
        path = path.replace("{" + name + "}", str(value).strip("/"))
    body = next((value for value in given.values() if isinstance(value, dict)), None)
    return [
        Exchange(case["method"], path, {"api-version": version}, body, int(status), answer.get("body"))
        for status, answer in example["responses"].items()
        if status.isdigit()
    ]


@pytest.fixture(scope="module")
def published(conformance: Any) -> Specification:
    return Specification(conformance("azure-rest"), strict=False)


@pytest.fixture(scope="module")
def nonconforming(conformance: Any) -> set[str]:
    known = json.loads(conformance("azure-rest/known_nonconforming_examples.json").read_text())
    return {one["example"] for one in known["nonconforming"]}


@pytest.mark.parametrize("case", cases())
def test_a_published_example_passes_unless_known_not_to(
    case: dict[str, Any], published: Specification, nonconforming: set[str]
) -> None:
    violations = list[str]()
    for exchange in exchanges(case, ""):
        operation = published.operation(exchange.method, exchange.path)
        assert operation is not None
        anywhere = case["operationId"].endswith("AtScope")  # its scope may be one that has an operation of its own
        assert operation.name == case["operationId"] or anywhere
        violations += [
            one for one in published.check(exchange) if "query parameter" not in one and "api-version" not in one
        ]
    assert bool(violations) == (case["example"] in nonconforming), violations


def hub_exchange(conformance: Any, **changes: Any) -> Exchange:
    folder = "azure-rest/specification/iothub/resource-manager/Microsoft.Devices/stable/2023-06-30/examples"
    body = json.loads(conformance(f"{folder}/iothub_get.json").read_text("utf-8-sig"))["responses"]["200"]["body"]
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h"
    fields: dict[str, Any] = {
        "method": "GET",
        "path": path,
        "query": {"api-version": "2023-06-30"},
        "request_body": None,
        "status": 200,
        "response_body": copy.deepcopy(body),
    }
    return Exchange(**(fields | changes))


def with_body(exchange: Exchange, change: Any) -> Exchange:
    body = copy.deepcopy(exchange.response_body)
    change(body)
    return Exchange(exchange.method, exchange.path, exchange.query, None, 200, body)


def test_a_right_exchange_has_no_violation(conformance: Any) -> None:
    assert Specification(conformance("azure-rest")).check(hub_exchange(conformance)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body.update(surprise=1), "surprise"),
        (lambda body: body["properties"].update(state=7), "7 is not of type 'string'"),
        (lambda body: body["properties"]["locations"][0].update(role=[]), "role"),
        (lambda body: body.pop("sku"), "'sku' is a required property"),
        (lambda body: body["properties"]["eventHubEndpoints"]["events"].update(surprise=1), "surprise"),
    ],
)
def test_a_wrong_answer_is_a_violation(conformance: Any, change: Any, words: str) -> None:
    found = Specification(conformance("azure-rest")).check(with_body(hub_exchange(conformance), change))
    assert found
    assert words in found[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"query": {"api-version": "2023-06-30", "what": "1"}}, "unknown query parameter what"),
        ({"query": {"api-version": "2019-01-01"}}, "not 2023-06-30"),
        ({"query": {}}, "api-version is missing"),
        ({"status": 418}, "answer"),
        ({"path": "/subscriptions/s/providers/Microsoft.Devices/Nothing"}, "no operation"),
        ({"method": "PUT", "request_body": None, "status": 200}, "body is missing"),
    ],
)
def test_a_wrong_request_is_a_violation(conformance: Any, changes: dict[str, Any], words: str) -> None:
    found = Specification(conformance("azure-rest")).check(hub_exchange(conformance, **changes))
    assert any(words in one for one in found)
