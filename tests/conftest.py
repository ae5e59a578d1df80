"""Fixtures every tier shares: where outside data lies, and what was not run and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("vigie", deadline=None)  # machines are shared; speed is for the benchmarks
hypothesis.settings.load_profile("vigie")

pytest_plugins = ["tests.sandbox_fixture"]

_ROOT = Path(__file__).resolve().parent.parent
_absent: Counter[str] = Counter()
collect_ignore = [] if os.environ.get("VIGIE_TEST_REAL_CLOUD") == "1" else ["openstack_real"]  # make test-cloud
_KILLING = (
    "tests/contract/aws/test_emulator.py",
    "tests/contract/aws/test_faults.py",
    *(
        f"tests/contract/postgres/test_{name}.py"
        for name in ("coming_back", "copies", "going_back", "last_look", "late_fence", "protected_again", "restore")
    ),
    "tests/contract/results/",
    "tests/deploy/test_apply.py",
    "tests/deploy/test_blocks_check.py",
    *(
        f"tests/scenario/sandbox/test_{name}.py"
        for name in ("breaks", "clouds", "lifecycle", "restarts", "whole", "whole_sites")
    ),
    *(f"tests/scenario/test_{name}.py" for name in ("added_steps", "always_on", "demo", "readiness", "stories")),
    "tests/scenario/runs/",
    "tests/scenario/test_sweeps.py::test_a_sweep_killed_at_any_moment",
    "tests/scenario/worker/",
    "tests/ui/",
    "tests/unit/sandbox_postgres/test_server.py",
)
_BY_MAKE_TEST_KILLS = "time: whole runbooks, workers, sandboxes, databases and browsers (make test-kills)"
_SANDBOXES = {
    "swept": (
        "tests/deploy/test_surface.py",
        "tests/scenario/test_se",
        "tests/scenario/test_sw",
        "tests/scenario/sandbox/test_whole.py",
    ),
    "watched": (
        "tests/scenario/test_added_steps.py",
        "tests/scenario/test_always_on.py",
        "tests/scenario/test_readiness.py",
        "tests/scenario/test_stories.py",
        "tests/deploy/test_apply.py",
        "tests/deploy/test_blocks_",
        "tests/ui/",
    ),
    "answered": ("tests/scenario/runs/",),
    "worked": ("tests/contract/results/", "tests/scenario/worker/"),
    "told": ("tests/scenario/test_demo.py",),
}
_OF_ITS_OWN = ("", "told")  # these use no sandbox of the session's
_SANDBOXES_AT_ONCE = 2  # what two cores bear


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


@pytest.fixture
def as_root():
    """For what only root can do: an ordinary user's run counts it as not tested."""
    if os.geteuid() != 0:
        _absent["root, for its own tests"] += 1
        pytest.skip("only root can do this")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first: what needs a whole sandbox, in the order of its groups. What takes minutes only when asked."""
    kills = os.environ.get("VIGIE_TEST_KILLS")
    if kills == "only":
        _leave_out(config, items, lambda item: not item.nodeid.startswith(_KILLING))
    elif kills != "1":
        left = _leave_out(config, items, lambda item: item.nodeid.startswith(_KILLING))
        if left and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
            _absent[_BY_MAKE_TEST_KILLS] = left
    if os.environ.get("VIGIE_TEST_LONG") != "1":
        _leave_out(config, items, lambda item: item.get_closest_marker("long") is not None)
    stray = [i.nodeid for i in items if "sandbox" in getattr(i, "fixturenames", ()) and not _sandbox_of(i.nodeid)]
    if stray:
        raise pytest.UsageError(f"these use a whole sandbox and are in none of its groups: {', '.join(stray)}")
    order = (*_SANDBOXES, "")
    items.sort(key=lambda item: order.index(_sandbox_of(item.nodeid)))


def _leave_out(config: pytest.Config, items: list[pytest.Item], whether: Callable[[pytest.Item], bool]) -> int:
    """How many were left out."""
    left = [each for each in items if whether(each)]
    items[:] = [each for each in items if not whether(each)]
    config.hook.pytest_deselected(items=left)
    return len(left)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file share a worker, and so do all tests of one whole sandbox.

    The first workers take the sandboxes and then what is left; the others what needs none, and mostly waits.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _sandbox_of(nodeid) or nodeid.partition("::")[0]

        def _assign_work_unit(self, node: Any) -> None:
            if scope := self._next_for(node):
                self.workqueue.move_to_end(scope, last=False)
                super()._assign_work_unit(node)

        def _reschedule(self, node: Any) -> None:
            if self._next_for(node):
                super()._reschedule(node)
            elif not node.shutting_down:
                node.shutdown()

        def _next_for(self, node: Any) -> str:
            takes_all = node in self.nodes[:_SANDBOXES_AT_ONCE]
            return next((scope for scope in self.workqueue if takes_all or scope not in _SANDBOXES), "")

    return Groups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test on a sandbox it goes down at once: it would take processor time from the others."""
    if nextitem is None or _sandbox_of(item.nodeid) in _OF_ITS_OWN:
        return
    if _sandbox_of(nextitem.nodeid) in _OF_ITS_OWN:
        from tests.sandbox_fixture import put_away

        put_away()


def _sandbox_of(nodeid: str) -> str:
    """Which of the session's whole sandboxes a test works on; empty when on none."""
    return next((name for name, places in _SANDBOXES.items() if nodeid.startswith(places)), "")


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
