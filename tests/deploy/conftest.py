"""The sandbox's Prefect with exactly what the shipped catalogue says."""

from __future__ import annotations

import pytest

from tests.deploy.told import apply
from tests.sandbox_fixture import quiet

_FAILED = pytest.StashKey[bool]()
_SETTLED: list[bool] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def prefect(sandbox, request):
    """The sandbox as `vigie apply` leaves it, schedules paused; a test that fails harms no other."""
    if not _SETTLED:
        apply()
        quiet(sandbox)
        _SETTLED.append(True)
    yield sandbox
    if request.node.stash.get(_FAILED, False):
        _SETTLED.clear()
