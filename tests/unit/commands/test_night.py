"""`vigie now`, `ack`, `silence`, `beat`: the night's picture is whole, and what cannot be found out is said."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest

from blocks.ports.approvals import Choice
from blocks.ports.incidents import Severity
from tasks.approvals.decide import judge
from tests.contract.journal.words import assess, begin, opened
from tests.contract.steps.conftest import open_run
from tests.unit.approvals.asked import POLICY, plan, said
from tests.unit.commands.conftest import words


def run(name, state, kind="RUNNING"):
    at = "2026-11-23T03:00:00Z"
    return {"id": f"id-{name}", "name": name, "state": {"name": state, "type": kind}, "start_time": at}


def swept(journal, platform):
    sweep = begin(journal, platform)
    assess(journal, sweep=sweep, platform=platform)
    journal.finish_sweep(sweep)


def test_a_quiet_night_says_what_is_known(vigie, prefect_api):
    result = vigie("now")
    assert result.exit_code == 0
    assert words(result) == "No open incident. No sweep has been made yet. Nothing runs or waits in Prefect."


def test_the_worst_is_first_with_who_has_it_and_who_suffers(vigie, journal, prefect_api):
    assess(journal, opened("hub", "hub is slow", severity=Severity.TICKET))
    (page,) = assess(journal, opened("device-api", "device-api refuses", severity=Severity.PAGE, affected=("app",)))
    result = vigie("now")
    text = words(result)
    assert text.startswith("2 open incidents PAGE hearth / device-api device-api refuses for ")
    assert text.index("PAGE") < text.index("TICKET")
    assert "also suffering: app" in text
    assert "taken by nobody yet" in text
    assert f"id {str(page.id)[:8]}" in text

    assert vigie("ack", str(page.id)[:6], "--who", "Ada").output == "device-api on hearth is taken by Ada.\n"
    silenced = vigie("silence", str(page.id)[:6], "--for", "2h", "--who", "Ada")
    assert silenced.output.startswith("device-api on hearth is silent until ")
    assert "taken by Ada, silent until" in words(vigie("now"))


def test_a_silence_that_ends_another_day_says_which(vigie, journal):
    (incident,) = assess(journal, opened())
    result = vigie("silence", str(incident.id)[:8], "--for", "3d", "--who", "Ada")
    (quiet,) = journal.open_incidents()
    assert f"until {quiet.silenced_until.astimezone():%a %d %b %H:%M %Z}." in result.output


def test_for_programs_everything_is_in_one_json(vigie, journal, prefect_api):
    (incident,) = assess(journal, opened(severity=Severity.PAGE))
    prefect_api.runs = [run("brave-gazelle", "Running")]
    found = json.loads(vigie("now", "--json").output)
    assert [i["id"] for i in found["incidents"]] == [str(incident.id)]
    assert found["incidents"][0]["severity"] == "page"
    assert set(found["sweeps"]) == {"hearth"}
    assert found["runs"][0]["name"] == "brave-gazelle"
    assert found["runs_unknown_because"] is None
    assert found["undelivered_count"] == journal.undelivered_count() > 0
    taken = json.loads(vigie("ack", str(incident.id)[:8], "--who", "Ada", "--json").output)
    assert taken["acknowledged_by"] == "Ada"


def test_what_waits_says_for_whom_and_where_to_click(vigie, prefect_api):
    prefect_api.runs = [
        run("late-fox", "Late", "SCHEDULED"),
        run("asking-owl", "Suspended", "PAUSED"),
        run("busy-bee", "Running"),
        run("done-dog", "Completed", "COMPLETED"),
        run("planned-pig", "Scheduled", "SCHEDULED"),
    ]
    text = words(vigie("now"))
    assert "late-fox, waits for a worker" in text
    assert "asking-owl, waits for a person" in text
    assert "/runs/flow-run/id-busy-bee" in text
    assert "done-dog" not in text
    assert "planned-pig" not in text


def test_a_broken_glass_is_said_until_somebody_reviewed_it(vigie, prefect_api, journal):
    run = uuid4()
    open_run(journal, run)
    journal.enrol("shift-lead", b"sealed")
    question = journal.ask(run, plan=plan(), policy=POLICY, requester="operator")
    journal.say(question.id, said("shift-lead", Choice.BREAK_GLASS, reason="nobody answers", code_step=1), judge)
    wanted = f"glass broken by shift-lead: nobody answers; to be reviewed: vigie runs review {str(run)[:8]}"
    assert wanted in words(vigie("now"))
    assert json.loads(vigie("now", "--json").output)["unreviewed"] == [str(run)]
    journal.review(question.id, who="service-manager")
    assert "reviewed" not in words(vigie("now"))


def test_messages_that_wait_are_said(vigie, journal):
    assess(journal, opened())
    assert "1 message is waiting to be told" in vigie("now").output
    assess(journal, opened("hub"))
    assert "2 messages are waiting to be told" in vigie("now").output


def test_a_platform_that_fell_silent_long_ago_is_not_left_out(vigie, journal):
    swept(journal, "storefront")
    for _ in range(101):
        swept(journal, "hearth")
    text = words(vigie("now"))
    assert "storefront: finished" in text
    assert "hearth: finished" in text


def test_a_sweep_that_runs_or_was_killed_does_not_hide_when_the_last_one_finished(vigie, journal):
    begin(journal, "lantern")
    swept(journal, "hearth")
    begin(journal, "hearth")
    with journal.sweep_lock("hearth"):
        text = _just_now(words(vigie("now")))
    assert "hearth: finished 0 s ago; one started 0 s ago is running" in text
    assert "lantern: none has ever finished; one started 0 s ago was killed, or cut off from the journal" in text
    assert "one started 0 s ago was killed" in _just_now(words(vigie("now"))).partition("lantern")[0]


def _just_now(text: str) -> str:
    """A slow machine takes some seconds."""
    return re.sub(r"\b\d s ago", "0 s ago", text)


@pytest.mark.parametrize("how", ["absent", "gone", "error", "garbage", "nonsense"])
def test_with_prefect_down_the_rest_is_told_and_what_runs_is_unknown(vigie, journal, prefect_api, monkeypatch, how):
    assess(journal, opened())
    if how == "absent":
        monkeypatch.delenv("PREFECT_API_URL")
    if how == "gone":
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    if how == "nonsense":
        monkeypatch.setenv("PREFECT_API_URL", "nonsense")
    if how == "error":
        prefect_api.status = 503
    if how == "garbage":
        prefect_api.body = b"<html>"
    result = vigie("now")
    assert result.exit_code == 0
    assert "device-api" in result.output
    assert "what runs is unknown" in words(result)
    assert "Nothing runs" not in result.output
    assert json.loads(vigie("now", "--json").output)["runs_unknown_because"]


def test_the_shared_credential_of_prefect_is_sent(vigie, prefect_api, monkeypatch):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "vigie:planted")
    result = vigie("now")
    assert {authorisation for _, _, authorisation in prefect_api.asked} == {"Basic dmlnaWU6cGxhbnRlZA=="}
    assert "planted" not in result.output


@pytest.mark.parametrize(
    "command",
    [("now",), ("ack", "4f1c"), ("silence", "4f1c", "--for", "2h"), ("beat", "hearth", "nightly-export")],
)
def test_with_the_journal_down_one_sentence_and_exit_1(vigie, monkeypatch, command):
    monkeypatch.setenv("VIGIE_JOURNAL_DSN", "postgresql://journal:planted@127.0.0.1:9/journal")
    result = vigie(*command)
    assert result.exit_code == 1
    assert len(result.output.strip().splitlines()) == 1
    assert "127.0.0.1:9/journal" in result.output
    assert "planted" not in result.output


@pytest.mark.parametrize("lasting", ["0h", "-1h", "2", "two hours", "2 potatoes", "8d", "", "2 %"])
def test_a_silence_without_a_sensible_end_is_refused(vigie, journal, lasting):
    (incident,) = assess(journal, opened())
    result = vigie("silence", str(incident.id)[:8], "--for", lasting, "--who", "Ada")
    assert result.exit_code == 2
    assert journal.open_incidents()[0].silenced_until is None


def test_a_silence_needs_an_end(vigie, journal):
    (incident,) = assess(journal, opened())
    assert vigie("silence", str(incident.id)[:8], "--who", "Ada").exit_code == 2


@pytest.mark.parametrize("command", [("ack",), ("silence", "--for", "2h")])
def test_an_unknown_or_ambiguous_id_changes_nothing(vigie, journal, command):
    verb, *options = command
    assess(journal, opened("hub"))
    assess(journal, opened("device-api"))
    unknown = vigie(verb, "zzzz", *options)
    assert (unknown.exit_code, "no open incident begins with 'zzzz'. Next: vigie now" in unknown.output) == (1, True)
    both = vigie(verb, "", *options)
    assert (both.exit_code, "2 open incidents begin with ''. Next: give more of its id" in both.output) == (1, True)
    assert not any(i.acknowledged_by or i.silenced_until for i in journal.open_incidents())


def test_the_id_may_be_typed_in_capitals(vigie, journal):
    (incident,) = assess(journal, opened())
    assert vigie("ack", str(incident.id)[:10].upper(), "--who", "Ada").exit_code == 0
    assert journal.open_incidents()[0].acknowledged_by == "Ada"


def test_beat_is_what_a_heartbeat_check_reads(vigie, journal):
    before = journal.now()
    result = vigie("beat", "hearth", "nightly-export")
    assert result.output.startswith("hearth/nightly-export has reported at ")
    assert timedelta(0) <= journal.last_beat("hearth", "nightly-export") - before < timedelta(seconds=30)
