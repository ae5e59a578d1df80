"""What is installed is what was reviewed: every package at one version, by its hashes, from wherever."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(\[[a-z0-9,_-]+\])?(?P<pin>==[^\s;]+)?", re.IGNORECASE)


def entries():
    """Each package of the lock with its continuation lines, without comments."""
    text = (ROOT / "requirements.lock").read_text()
    return [entry for entry in re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip()) if not entry.startswith("#")]


def name_of(entry):
    return re.sub(r"[._-]+", "-", _REQUIREMENT.match(entry)["name"]).lower()


def test_every_package_has_one_version_and_hashes():
    assert len(entries()) > 100
    loose = [e[:60] for e in entries() if not _REQUIREMENT.match(e)["pin"] or "--hash=sha256:" not in e]
    assert loose == []


def test_no_address_is_written_down():
    text = (ROOT / "requirements.lock").read_text() + (ROOT / "requirements.in").read_text()
    assert re.findall(r"(?:\w+://|--(?:extra-)?index-url|--find-links|@\s*file:)\S*", text) == []


def test_what_is_wanted_is_locked():
    wanted = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0].isalnum()]
    assert {name_of(line) for line in wanted} <= {name_of(entry) for entry in entries()}
