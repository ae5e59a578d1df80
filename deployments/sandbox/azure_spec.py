"""Does the Azure simulator say what the real one would?

Requests and answers are held against Microsoft's published specifications (read in place, never
shipped). The rule: an operation that no specification has, an unknown query parameter, a property that
the model does not know, is a violation that is recorded and fails the tests.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft4Validator

USED_SPECIFICATIONS = (
    "compute/resource-manager/Microsoft.Compute/ComputeRP/stable/2023-09-01/computeRPCommon.json",
    "compute/resource-manager/Microsoft.Compute/ComputeRP/stable/2023-09-01/virtualMachine.json",
    "iothub/resource-manager/Microsoft.Devices/stable/2023-06-30/iothub.json",
    "monitor/resource-manager/Microsoft.Insights/stable/2015-04-01/activityLogs_API.json",
    "monitor/resource-manager/Microsoft.Insights/stable/2021-05-01/metricDefinitions_API.json",
    "monitor/resource-manager/Microsoft.Insights/stable/2021-05-01/metrics_API.json",
    "monitor/resource-manager/Microsoft.Insights/stable/2022-10-01/autoscale_API.json",
    "resourcehealth/resource-manager/Microsoft.ResourceHealth/stable/2022-10-01/ResourceHealth.json",
    "resources/resource-manager/Microsoft.Resources/stable/2023-07-01/resources.json",
    "storage/resource-manager/Microsoft.Storage/stable/2023-01-01/storage.json",
    "trafficmanager/resource-manager/Microsoft.Network/stable/2022-04-01/trafficmanager.json",
    "web/resource-manager/Microsoft.Web/stable/2023-01-01/AppServicePlans.json",
    "web/resource-manager/Microsoft.Web/stable/2023-01-01/WebApps.json",
)
_FRONT_DOOR = {401, 403, 404, 409, 412, 429, 500, 503}  # answered by Resource Manager itself, in its own shape
_WILDCARDS = ("{resourceProviderNamespace}", "/{resourceId}")  # would fit anything, and check nothing
_PAGING = {"$skiptoken"}


@dataclass(frozen=True)
class Exchange:
    """One request with its answer, as it went over the wire."""

    method: str
    path: str
    query: dict[str, str]
    request_body: Any
    status: int
    response_body: Any


@dataclass(frozen=True)
class Operation:
    """One operation of one specification."""

    name: str
    file: Path
    version: str
    pattern: re.Pattern[str]
    literal_count: int
    parameters: tuple[dict[str, Any], ...]
    responses: dict[str, Any]


class Specification:
    """The operations that the simulator may be asked; `check` lists what an exchange does wrong."""

    def __init__(self, folder: Path, files: tuple[str, ...] = USED_SPECIFICATIONS, *, strict: bool = True) -> None:
        self._schemas = _Schemas(strict=strict)
        self._operations: dict[str, list[Operation]] = {}
        for name in files:
            for method, operation in _operations_in(folder / "specification" / name):
                self._operations.setdefault(method, []).append(operation)

    def operation(self, method: str, path: str) -> Operation | None:
        """The most literal template that matches; None where no specification has it."""
        fitting = [
            found for found in self._operations.get(method.lower(), ()) if found.pattern.fullmatch(unquote(path))
        ]
        return max(fitting, key=lambda found: found.literal_count, default=None)

    def check(self, exchange: Exchange) -> list[str]:
        """Violations in words; empty when both sides keep to the specification."""
        operation = self.operation(exchange.method, exchange.path)
        if operation is None:
            return [f"no operation for {exchange.method} {exchange.path}"]
        found = self._request(operation, exchange) + self._response(operation, exchange)
        return [f"{operation.name}: {violation}" for violation in found]

    def _request(self, operation: Operation, exchange: Exchange) -> list[str]:
        declared = {p["name"].lower(): p for p in operation.parameters if p["in"] == "query"}
        sent = {name.lower() for name in exchange.query} - _PAGING
        found = [f"unknown query parameter {name}" for name in sorted(sent - declared.keys())]
        found += [
            f"query parameter {name} is missing"
            for name, parameter in declared.items()
            if parameter.get("required") and name not in sent
        ]
        if exchange.query.get("api-version") != operation.version:
            found.append(f"api-version {exchange.query.get('api-version')}, not {operation.version}")
        for body in (p for p in operation.parameters if p["in"] == "body"):
            if exchange.request_body is not None:
                found += self._schemas.errors(operation.file, body["schema"], exchange.request_body, "request")
            elif body.get("required"):
                found.append("the body is missing")
        return found

    def _response(self, operation: Operation, exchange: Exchange) -> list[str]:
        if exchange.status in _FRONT_DOOR and _is_front_door(exchange.response_body):
            return []
        declared = operation.responses.get(str(exchange.status)) or operation.responses.get("default")
        if declared is None:
            return [f"answer {exchange.status} is not declared"]
        if "schema" not in declared:
            return []
        return self._schemas.errors(operation.file, declared["schema"], exchange.response_body, "answer")


class _Schemas:
    """Swagger models as JSON Schema: allOf merged, nullable honoured, unknown properties refused if strict."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._definitions: dict[str, Any] = {}

    def errors(self, file: Path, schema: dict[str, Any], value: Any, side: str) -> list[str]:
        whole = {**self._convert(file, schema), "definitions": self._definitions}
        return [
            f"{side} {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in Draft4Validator(whole).iter_errors(value)
        ]

    def _convert(self, file: Path, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return {"$ref": f"#/definitions/{self._define(file, schema['$ref'])}"}
        file, schema = self._merge(file, schema)
        out = {key: schema[key] for key in _KEPT if key in schema}
        if "properties" in schema:
            out["properties"] = {
                name: self._convert(where, part) for name, (where, part) in schema["properties"].items()
            }
            if self._strict and "additionalProperties" not in schema and "discriminator" not in schema:
                out["additionalProperties"] = False
        if isinstance(schema.get("additionalProperties"), dict):
            out["additionalProperties"] = self._convert(file, schema["additionalProperties"])
        if "items" in schema:
            out["items"] = self._convert(file, schema["items"])
        return {"anyOf": [out, {"type": "null"}]} if schema.get("x-nullable") else out

    def _define(self, file: Path, reference: str) -> str:
        where, part = _resolve(file, reference)
        key = re.sub(r"\W", "_", f"{where.parent.name}_{where.name}_{reference.rsplit('/', 1)[1]}_{hash(where) % 9973}")
        if key not in self._definitions:
            self._definitions[key] = {}
            self._definitions[key] = self._convert(where, part)
        return key

    def _merge(self, file: Path, schema: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
        """A model with its parents' properties; each property remembers the file it came from."""
        merged: dict[str, Any] = {**schema}
        properties: dict[str, Any] = {}
        required = list(schema.get("required", ()))
        for parent in schema.get("allOf", ()):
            where, part = _resolve(file, parent["$ref"]) if "$ref" in parent else (file, parent)
            _, above = self._merge(where, part)
            properties |= above.get("properties", {})
            required += above.get("required", ())
            for key in ("discriminator", "additionalProperties", "type"):
                if key in above:
                    merged.setdefault(key, above[key])
        properties |= {name: (file, part) for name, part in schema.get("properties", {}).items()}
        if properties:
            merged["properties"] = properties
        if required:
            merged["required"] = sorted(set(required))
        return file, merged


_KEPT = ("type", "enum", "required", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


@lru_cache(maxsize=64)
def _document(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8-sig"))


@lru_cache(maxsize=64)
def _operations_in(file: Path) -> tuple[tuple[str, Operation], ...]:
    """Each with its method."""
    document = _document(file)
    version, paths = document["info"]["version"], document["paths"] | document.get("x-ms-paths", {})
    return tuple(
        (method, _operation(file, version, path, body, methods.get("parameters", [])))
        for path, methods in paths.items()
        if not any(wildcard in path for wildcard in _WILDCARDS)
        for method, body in methods.items()
        if method != "parameters"
    )


def _resolve(file: Path, reference: str) -> tuple[Path, dict[str, Any]]:
    name, _, pointer = reference.partition("#")
    where = _beside(file, name) if name else file
    part: Any = _document(where)
    for step in pointer.strip("/").split("/"):
        part = part[step]
    return where, part


@lru_cache(maxsize=256)
def _beside(file: Path, name: str) -> Path:
    return (file.parent / name).resolve()


def _operation(file: Path, version: str, path: str, body: dict[str, Any], common: list[Any]) -> Operation:
    parameters = tuple(
        _resolve(file, p["$ref"])[1] if "$ref" in p else p for p in [*common, *body.get("parameters", ())]
    )
    wide = {p["name"] for p in parameters if p.get("x-ms-skip-url-encoding")}
    pattern, literal_count = "", 0
    for literal, name in re.findall(r"([^{]*)(?:\{([^}]+)\})?", path.partition("?")[0]):
        pattern += re.escape(literal) + (("(.+)" if name in wide else "([^/]+)") if name else "")
        literal_count += len(literal)
    responses = {
        status: _resolve(file, answer["$ref"])[1] if "$ref" in answer else answer
        for status, answer in body["responses"].items()
    }
    name = body.get("operationId", path)
    return Operation(name, file, version, re.compile(pattern, re.IGNORECASE), literal_count, parameters, responses)


def _is_front_door(body: Any) -> bool:
    error = body.get("error") if isinstance(body, dict) else None
    return isinstance(error, dict) and isinstance(error.get("code"), str) and isinstance(error.get("message"), str)
