"""One night for all tests that only look, a browser for each of them, and the desk for those that start runbooks."""

from __future__ import annotations

import pytest

from tests.conftest import needs_program
from tests.scenario.runs.conftest import desk  # noqa: F401  a fixture
from tests.ui.browser import open_browser, open_page
from tests.ui.night import Night, break_and_sweep, open_incidents

_told: list[Night] = []


@pytest.fixture
async def night(sandbox) -> Night:
    """The night of the broken household database; made once, and again when a test has ended it."""
    if not _told or _told[-1].incident not in {incident.id for incident in open_incidents()}:
        _told.append(await break_and_sweep(sandbox))
    return _told[-1]


@pytest.fixture
async def page():
    needs_program("chromium")
    async with open_browser() as browser:
        yield await open_page(browser)
