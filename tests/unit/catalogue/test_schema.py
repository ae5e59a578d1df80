"""Does the editors' schema accept what ships, and refuse what `vigie catalogue check` refuses in one place?"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from blocks.catalogue.document import Document
from blocks.catalogue.schema import catalogue_schema

FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "catalogue"
SCHEMA = catalogue_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda f: f.name)
def test_the_shipped_files_satisfy_it(file):
    assert [error.message for error in VALIDATOR.iter_errors(Document(file).value)] == []


DEVICE_API = ("platforms", "hearth", "services", "device-api")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*DEVICE_API, "critcality"), "critical"),
        ((*DEVICE_API, "name"), "x"),
        ((*DEVICE_API, "kind"), "azure.appservice"),
        ((*DEVICE_API, "criticality"), "high"),
        ((*DEVICE_API, "depends_on"), "household-data"),
        ((*DEVICE_API, "checks", "health", "kind"), "htp"),
        ((*DEVICE_API, "checks", "health", "timeout"), 5),
        ((*DEVICE_API, "checks", "health", "timeout"), "5"),
        ((*DEVICE_API, "checks", "health", "url"), "ftp://x"),
        ((*DEVICE_API, "checks", "health", "latency"), {"warning": "300 ms"}),
        ((*DEVICE_API, "slos", "availability", "objective"), 99.9),
        (("platforms", "hearth", "maintenance", "private-cloud-upgrades", "start"), "25:00"),
        (("platforms", "hearth", "sites", "azure-west", "provider"), "gcp"),
        (("customers", "hearth", "language"), "de"),
        (("platform",), {}),
    ],
    ids=lambda v: ".".join(v[-2:]) if isinstance(v, tuple) else None,
)
def test_what_is_wrong_in_one_place_is_refused_while_typing(path, value):
    content = copy.deepcopy(Document(FOLDER / "hearth.yaml").value)
    part = content
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    assert list(VALIDATOR.iter_errors(content))
