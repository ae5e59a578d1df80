"""Is docs/catalogue.md true: every key with its default, every kind, and examples that pass the check?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from blocks.catalogue.document import Document
from blocks.catalogue.kinds import EVERYWHERE, KINDS
from blocks.catalogue.loader import check_catalogue
from blocks.catalogue.model import CheckBase, Customer, Limits, Maintenance, Platform, Service, Site, Slo
from blocks.catalogue.recovery import (
    AddedStep,
    Capacity,
    Counterpart,
    DnsSwitch,
    Recovery,
    ReplicatedData,
    Returning,
    RoleAssignment,
    SecondWorker,
    Sizes,
    Table,
    TrafficManagerSwitch,
)
from blocks.catalogue.shape import CHECKS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "catalogue.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^#{2,3} (.+?)\n(.*?)(?=^#{2,3} |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))


def _tables(section: str) -> list[dict[str, str]]:
    """Each table of a section as key -> default."""
    tables: list[dict[str, str]] = []
    for line in SECTIONS[section].splitlines():
        if line.startswith("| key |"):
            tables.append({})
        elif tables and (row := re.match(r"\| `(\w+)` \| (.+?) \| .{8,} \|$", line)):
            tables[-1][row[1]] = row[2]
        elif line.startswith("| ") and "|---|" not in line:
            tables.append({})
    return [table for table in tables if table]


def _told(field) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Limits):
        return ", ".join(f"`{limit}`" for limit in (value.warning, value.critical) if limit) or "–"
    if isinstance(value, Returning):
        return "–"  # a section of its own says each of its defaults
    if isinstance(value, bool | int):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple) and value:
        return f"`{list(value)}`"
    return f"`{value}`" if value else "–"


def _declared(model: type[BaseModel], without: set[str]) -> dict[str, str]:
    return {name: _told(field) for name, field in model.model_fields.items() if name not in without}


PLAN = (
    Recovery,
    ReplicatedData,
    Table,
    Counterpart,
    Sizes,
    SecondWorker,
    TrafficManagerSwitch,
    DnsSwitch,
    Returning,
    RoleAssignment,
    Capacity,
    AddedStep,
)


@pytest.mark.parametrize(
    "model", [Customer, Platform, Site, Service, Slo, Maintenance, *PLAN], ids=lambda m: m.__name__
)
def test_every_key_and_default_of(model):
    told = _tables(model.__name__)[0]
    assert told == _declared(model, {"name"})


def test_what_every_check_has():
    base, limits = _tables("Checks")
    assert base == {"kind": "required"} | _declared(CheckBase, {"name"})
    assert limits == _declared(Limits, set())


@pytest.mark.parametrize("kind", CHECKS)
def test_every_key_and_default_of_a_check(kind):
    own = _declared(CHECKS[kind], {"kind", *CheckBase.model_fields})
    assert (_tables(kind) or [{}])[0] == own


def test_every_service_kind_with_its_checks():
    rows = re.findall(r"^\| `([\w.]+)` \| (.+?) \| (.+?) \|$", SECTIONS["Service"], flags=re.MULTILINE)
    told = {name: set() if checks == "–" else set(checks.split(", ")) for name, _, checks in rows if name in KINDS}
    assert told == {name: set(kind.checks) for name, kind in KINDS.items()}
    for name, resource, _ in rows:
        assert name not in KINDS or (KINDS[name].resource or "–") in resource
    header = re.search(r"checks besides (.+?) \|", SECTIONS["Service"])
    assert header is not None
    assert set(header[1].split(", ")) == EVERYWHERE


def test_the_examples_pass_the_check(tmp_path):
    whole, *snippets = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    file = tmp_path / "example.yaml"
    file.write_text(whole)
    assert check_catalogue(tmp_path) == []
    assert snippets
    for snippet in snippets:
        added = tmp_path / "snippet.txt"
        added.write_text(snippet)
        file.write_text(whole)
        content = Document(file).value
        content["platforms"]["shop"]["services"] |= Document(added).value["services"]
        file.write_text(json.dumps(content))  # JSON is YAML
        assert check_catalogue(tmp_path) == []
