"""`vigie beat`: a mistyped name is no evidence of life, and a Prefect that is away costs no beat."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.commands.conftest import words


def test_a_declared_name_is_noted_and_nothing_else_is_said(vigie, journal, applied):
    before = journal.now()
    result = vigie("beat", "hearth", "nightly-export")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith("hearth/nightly-export has reported at ")
    assert timedelta(0) <= journal.last_beat("hearth", "nightly-export") - before < timedelta(seconds=30)


@pytest.mark.usefixtures("applied")
@pytest.mark.parametrize(
    ("platform", "name", "said"),
    [
        ("heart", "nightly-export", "Prefect has no platform 'heart'; the nearest is 'hearth'"),
        ("hearth", "nightly", "no check of hearth waits for 'nightly'; the nearest is 'nightly-export'. Next: "),
        (
            "hearth",
            "zzz",
            "no check of hearth waits for 'zzz'. Next: hearth waits for household-digest, nightly-export",
        ),
        ("storefront", "nightly-export", "Next: storefront waits for none; another is declared in the catalogue first"),
    ],
)
def test_a_name_that_no_check_waits_for_is_refused_and_leaves_nothing(vigie, journal, platform, name, said):
    result = vigie("beat", platform, name)
    assert result.exit_code == 1
    assert said in words(result)
    assert journal.platforms() == []


@pytest.mark.parametrize("status", [401, 503])
def test_with_prefect_in_trouble_the_beat_is_kept_and_that_nobody_checked_is_said(vigie, journal, applied, status):
    applied.status = status
    result = vigie("beat", "hearth", "nightly-export")
    assert result.exit_code == 0
    assert journal.last_beat("hearth", "nightly-export") is not None
    assert "a check waits for hearth/nightly-export could not be looked up: Prefect answered " in words(result)
    assert "could not" not in result.stdout


def test_with_no_prefect_at_all_too(vigie, journal):
    result = vigie("beat", "hearth", "nightly-export")
    assert journal.last_beat("hearth", "nightly-export") is not None
    assert (result.exit_code, "PREFECT_API_URL is not set" in result.stderr) == (0, True)
