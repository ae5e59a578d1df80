"""The judge of command lines itself: it refuses what the programs refuse."""

from __future__ import annotations

import pytest

from tests.deploy.places.spoken import NotUnderstoodError, understood


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("prefect server start --no-services --port %i", "prefect server start"),
        ("prefect server services start", "prefect server services start"),
        ("vigie journal retention --keep 30d", "vigie journal retention"),
        (
            "/opt/vigie/deployments/places/systemd/with-credentials /opt/vigie/.venv/bin/vigie journal upgrade",
            "vigie journal upgrade",
        ),
        ("vigie worker --pool vigie --limit ${RUNS_AT_ONCE}", "vigie worker"),
    ],
)
def test_what_the_programs_take_is_taken(line, command):
    assert understood(line) == command


@pytest.mark.parametrize(
    "line",
    [
        "prefect server start --no-servics",
        "prefect server strat",
        "prefect server",
        "prefect server start --port four",
        "vigie journal upgrade --hard",
        "vigie journal upgrde",
        "vigie journal",
        "vigie worker --poool vigie",
        "perfect server start",
    ],
)
def test_what_the_programs_refuse_is_refused(line):
    with pytest.raises(NotUnderstoodError):
        understood(line)
