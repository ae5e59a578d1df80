"""The image: everything the programs need is copied in, and from where it lies."""

from __future__ import annotations

import re
import tomllib

from tests.deploy.places.spoken import CHECKOUT, INSTALLED, PLACES

LINES = (PLACES / "image" / "Containerfile").read_text().replace("\\\n", " ").splitlines()
COPIED = [line.split()[1:] for line in LINES if line.startswith("COPY")]


def test_every_line_is_an_instruction_of_the_format():
    known = {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in LINES if line and not line.startswith("#")} <= known


def test_what_is_copied_is_there_and_goes_where_every_place_has_it():
    for *sources, target in COPIED:
        assert target.startswith(INSTALLED)
        assert [source for source in sources if not (CHECKOUT / source).exists()] == []


def test_every_package_of_the_product_is_copied():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {"requirements.lock", "pyproject.toml", project["project"]["readme"], "prefect.yaml", "Makefile"}
    sources = {source for *each, _ in COPIED for source in each}
    assert packages | files | set(project["project"]["license-files"]) == sources


def test_the_python_is_the_one_the_lock_was_made_for():
    base = next(line for line in LINES if line.startswith("FROM"))
    assert re.search(r"python:3\.11-", base)


def test_it_runs_as_the_account_the_manifests_name():
    assert "USER 1001" in LINES
