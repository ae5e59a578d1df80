"""Who gets up at night: only for a hard critical state of a critical service, or a confirmed page-burn."""

from __future__ import annotations

import pytest

from blocks.catalogue.model import Criticality, Service
from blocks.ports.health import Burn, Mode, ServiceAssessment, State
from blocks.ports.incidents import Severity
from tasks.incidents.decide import severity_of, severity_of_burn

PAGE, TICKET, NOTICE = Severity.PAGE, Severity.TICKET, Severity.NOTICE

TABLE = {
    # (criticality, state): hard, soft
    ("critical", "critical"): (PAGE, NOTICE),
    ("critical", "unknown"): (TICKET, NOTICE),
    ("critical", "warning"): (TICKET, NOTICE),
    ("critical", "ok"): (NOTICE, NOTICE),
    ("important", "critical"): (TICKET, NOTICE),
    ("important", "unknown"): (TICKET, NOTICE),
    ("important", "warning"): (NOTICE, NOTICE),
    ("important", "ok"): (NOTICE, NOTICE),
    ("minor", "critical"): (TICKET, NOTICE),
    ("minor", "unknown"): (NOTICE, NOTICE),
    ("minor", "warning"): (NOTICE, NOTICE),
    ("minor", "ok"): (NOTICE, NOTICE),
}


def severity(criticality, state, mode):
    service = Service(name="api", kind="web", site="west", criticality=criticality)
    return severity_of(
        service, ServiceAssessment(service="api", state=State(state), mode=mode, since=None, sentence="")
    )


@pytest.mark.parametrize(("criticality", "state"), TABLE)
def test_severity(criticality, state):
    hard, soft = TABLE[criticality, state]
    assert severity(criticality, state, Mode.HARD) is hard
    assert severity(criticality, state, Mode.SOFT) is soft


def test_the_table_is_whole():
    assert set(TABLE) == {(c.value, s.value) for c in Criticality for s in State}


@pytest.mark.parametrize(
    ("word", "bad_count", "expected"),
    [("page", 3, PAGE), ("page", 2, TICKET), ("page", 0, TICKET), ("ticket", 30, TICKET)],
)
def test_burns(word, bad_count, expected):
    burn = Burn(
        slo="api/availability", service="api", severity=word, long_window="1h", short_window="5m", rate=20,
        threshold=14.4, bad_count=bad_count, budget_left_pct=50, sentence="",
    )  # fmt: skip
    assert severity_of_burn(burn) is expected
