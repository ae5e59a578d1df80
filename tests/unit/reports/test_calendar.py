"""The calendar of drills: only what worked counts, what was never done is due now, the most urgent first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from blocks.ports.drills import DrillVerdict, RestoreTest
from tasks.reports.moves.calendar import Rehearsed, is_of_today, render_calendar
from tests.unit.reports.moves import OUTAGE, RUN, a_drill

NOW = OUTAGE
DAY = timedelta(days=1)
QUARTER = 90 * DAY


def drilled(days_ago: int, verdict: DrillVerdict = DrillVerdict.PASSED):
    return a_drill(at=NOW - days_ago * DAY, verdict=verdict)


def restored(days_ago: int, data: str = "household", *, passed: bool = True) -> RestoreTest:
    at = NOW - days_ago * DAY
    return RestoreTest(run=RUN, platform="hearth", data=data, at=at, restored_to=at, passed=passed, text="")


def a_platform(*drills, restores=(), name: str = "hearth") -> Rehearsed:
    return Rehearsed(platform=name, drills=drills, restores=restores, drill_every=QUARTER, restore_every=QUARTER)


@pytest.mark.parametrize(
    ("drills", "due_in_days"),
    [
        ((), None),
        ((drilled(10),), 80),
        ((drilled(1, DrillVerdict.FAILED), drilled(10)), 80),
        ((drilled(1, DrillVerdict.STOPPED),), None),
        ((drilled(100),), -10),
    ],
)
def test_a_drill_that_passed_counts(drills, due_in_days):
    due = a_platform(*drills).drill_due_at
    assert due == (None if due_in_days is None else NOW + due_in_days * DAY)


@pytest.mark.parametrize(
    ("restores", "due_in_days"),
    [
        ((), None),
        ((restored(10),), 80),
        ((restored(1, passed=False), restored(10)), 80),
        ((restored(1, passed=False),), None),
        ((restored(1), restored(50, "archive")), 40),  # the worst data counts
        ((restored(1), restored(50, "archive", passed=False)), None),
    ],
)
def test_every_data_must_have_been_restored(restores, due_in_days):
    due = a_platform(restores=restores).restore_due_at
    assert due == (None if due_in_days is None else NOW + due_in_days * DAY)


def test_the_most_urgent_comes_first_and_words_are_the_readers():
    rows = render_calendar(
        [a_platform(drilled(10), name="well"), a_platform(name="never"), a_platform(drilled(100), name="late")],
        at=NOW,
        language="fr",
        time_zone="Europe/Paris",
    )
    assert [row["Plateforme"] for row in rows] == ["never", "late", "well"]
    due = [row["Prochain exercice"].replace("\u00a0", " ") for row in rows]
    assert due == ["maintenant : jamais fait", "en retard depuis le 18 novembre", "16 février"]
    assert rows[2]["Résultat"] == "réussi"
    assert rows[0]["Dernier exercice"] == "jamais"


@pytest.mark.parametrize(
    ("shown_at", "is_shown"),
    [
        (None, False),
        (datetime(2026, 11, 27, 22, 59, tzinfo=UTC), False),  # 23:59 of the day before in Paris
        (datetime(2026, 11, 27, 23, 0, tzinfo=UTC), True),  # midnight there
        (datetime(2026, 11, 28, 22, 30, tzinfo=UTC), True),
    ],
)
def test_a_calendar_is_shown_once_a_day_of_the_customer(shown_at, is_shown):
    assert is_of_today(shown_at, datetime(2026, 11, 28, 22, 30, tzinfo=UTC), "Europe/Paris") is is_shown
