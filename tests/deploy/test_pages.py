"""What a newcomer reads first is true: the two commands, the pictures, the links, and where one would add what."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from deployments.listing import read_listing

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OURS = ("blocks/", "tasks/", "flows/", "deployments/", "tests/", "docs/")
TYPED = [line.partition("#")[0].strip() for line in README.splitlines() if line.startswith("vigie ")]


def blocks_of(text):
    """What stands between fences, each as its lines."""
    return [found.strip().splitlines() for found in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def targets():
    """The Makefile's targets and what each needs first."""
    rules = re.findall(r"^([a-z][a-z-]*):(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name: needs.split() for name, needs in rules}


def test_the_readme_has_two_commands_that_set_up_by_themselves_and_one_picture():
    alone = [block[0] for block in blocks_of(README) if len(block) == 1]
    assert alone == ["make demo", "make test"]
    assert all("setup" in targets()[command.removeprefix("make ")] for command in alone)
    assert len(re.findall(r"!\[[^]]+\]\(", README)) == 1
    assert len(README.split()) < 800, "five minutes are for doing it, not for reading it"


def test_ci_ends_with_exactly_the_readmes_test_command():
    said = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.strip()]
    assert said[-1] == "make test"
    assert "VIGIE_REQUIRE_OPTIONAL=1" in said[-2], "nothing is skipped there for want of a program"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page):
    text = page.read_text()
    linked = [page.parent / to.partition("#")[0] for to in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in to]
    named = [re.sub(r"<\w+>", "*", each) for each in re.findall(r"`([^`\s]+)`", text) if each.startswith(OURS)]
    assert [str(to) for to in linked if not to.exists()] == []
    assert [each for each in named if not list(ROOT.glob(each.rstrip("/")))] == []
    assert [each for each in re.findall(r"\bmake ([a-z]+-[a-z]+)", text) if each not in targets()] == []


@pytest.mark.parametrize("typed", TYPED)
def test_what_the_readme_types_is_a_command(typed):
    from deployments.cli import app

    command, (_, *words) = typer.main.get_command(app), shlex.split(typed)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words).close()  # refuses an option or an argument it does not have


def test_a_deployment_is_called_as_in_the_prefect_ui():
    there = {each.name for each in read_listing(ROOT / "prefect.yaml").deployments}
    of_page = {page: re.findall(r"\bdeployment `([\w-]+)`", page.read_text()) for page in PAGES}
    assert of_page[ROOT / "README.md"], "the README starts one"
    assert [name for named in of_page.values() for name in named if name not in there] == []


def test_the_readme_types_what_a_day_needs():
    assert len(TYPED) > 5
