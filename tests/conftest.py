"""Fixtures every tier shares: where outside data lies, and what was not run and why."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("vigie", deadline=None)  # machines are shared; speed is for the benchmarks
hypothesis.settings.load_profile("vigie")

pytest_plugins = ["tests.sandbox_fixture"]

_ROOT = Path(__file__).resolve().parent.parent
_absent: Counter[str] = Counter()


def conformance_dir() -> Path:
    """Where the published specifications and recorded replies are (VIGIE_CONFORMANCE)."""
    configured = Path(os.environ.get("VIGIE_CONFORMANCE", "../shared/conformance"))
    return configured if configured.is_absolute() else (_ROOT / configured).resolve()


@pytest.fixture(scope="session")
def conformance():
    """`conformance("statemachine/icinga_flapping.json")` -> its path; absent data is counted, then skipped."""

    def find(relative: str) -> Path:
        path = conformance_dir() / relative
        if not path.exists():
            _absent[f"outside data {relative.split('/', maxsplit=1)[0]}"] += 1
            pytest.skip(f"outside data {relative} is absent; set VIGIE_CONFORMANCE")
        return path

    return find


def needs_program(program: str) -> str:
    """The path of an optional program, or a counted skip."""
    import shutil

    path = shutil.which(program)
    if path is None:
        _absent[f"program {program}"] += 1
        if os.environ.get("VIGIE_REQUIRE_OPTIONAL") == "1":
            pytest.fail(f"{program} must be installed here")
        pytest.skip(f"{program} is not installed")
    return path


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests share a worker: a file stays together, and two groups share one whole sandbox each."""
    for item in items:
        folder = item.path.relative_to(_ROOT / "tests").parts[0]
        whole = "sandbox" in getattr(item, "fixturenames", ())
        name = ("watched" if folder == "ui" or "always_on" in item.path.name else "swept") if whole else str(item.path)
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: "sandbox" not in getattr(item, "fixturenames", ()))  # the longest first


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands what it could not run to the one that prints the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["absent"] = dict(_absent)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """The other side of it."""
    _absent.update(getattr(node, "workeroutput", {}).get("absent", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line that counts what could not be run here."""
    if _absent:
        counted = ", ".join(f"{name} ({count})" for name, count in sorted(_absent.items()))
        terminalreporter.write_line(f"absent here, tests not run: {counted}")
