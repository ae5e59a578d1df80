"""Does `vigie catalogue` say what people and programs need, and leave with the right number?"""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from deployments.commands.catalogue import app

run = CliRunner(env={"COLUMNS": "160"}).invoke


def test_the_shipped_catalogue_is_right():
    result = run(app, ["check"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no mistake in 3 files" in result.stderr


def test_each_mistake_is_a_line_that_editors_can_jump_to(example):
    found, ((file, line, column),) = example.check(shop=example.spoiled("customer: acme", "customer: @@acne"))
    result = run(app, ["check", str(example.folder)])
    assert result.exit_code == 1
    assert result.stdout == f"{file}:{line}:{column}: unknown customer 'acne' (did you mean 'acme'?)\n"
    assert "1 mistake in 1 file of" in result.stderr
    assert len(found) == 1


def test_files_are_named_from_where_one_stands(example, monkeypatch):
    example.check(shop=example.spoiled("customer: acme", "customer: acne"))
    monkeypatch.chdir(example.folder)
    assert run(app, ["check", str(example.folder)]).stdout.startswith("shop.yaml:")


def test_for_programs(example):
    _, ((file, line, column),) = example.check(shop=example.spoiled("customer: acme", "customer: @@acne"))
    result = run(app, ["check", "--json", str(example.folder)])
    assert result.exit_code == 1
    (mistake,) = json.loads(result.stdout)["mistakes"]
    assert mistake == {
        "file": file,
        "line": line,
        "column": column,
        "text": "unknown customer 'acne'",
        "nearest": "acme",
    }
    assert json.loads(run(app, ["check", "--json"]).stdout) == {"ok": True, "mistakes": []}


def test_the_schema_is_json_that_editors_can_use():
    result = run(app, ["schema"])
    Draft202012Validator.check_schema(json.loads(result.stdout))


@pytest.mark.parametrize("platform", ["hearth", "storefront"])
def test_a_platform_is_shown_with_all_that_is_declared(platform):
    from blocks.catalogue.loader import load_catalogue
    from deployments.commands.catalogue import SHIPPED

    text = run(app, ["show", platform]).stdout
    declared = load_catalogue(SHIPPED).platforms[platform]
    names = {*declared.sites, *declared.services, *declared.redundancy_groups}
    names |= {f"{c.name}: {c.kind}" for s in declared.services.values() for c in s.checks.values()}
    names |= {f"promise {slo}" for s in declared.services.values() for slo in s.slos}
    assert [name for name in names if name not in text] == []


def test_an_unknown_platform_names_the_nearest():
    result = run(app, ["show", "hart"])
    assert result.exit_code == 1
    assert "hearth, storefront" in result.stderr
    assert "Did you mean 'hearth'?" in result.stderr


def test_a_wrong_catalogue_is_not_shown(example):
    example.check(shop=example.spoiled("customer: acme", "customer: acne"))
    result = run(app, ["show", "shop", "--catalogue", str(example.folder)])
    assert result.exit_code == 1
    assert "unknown customer 'acne'" in result.stderr
    assert result.stdout == ""
