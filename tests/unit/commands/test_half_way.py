"""`vigie now`: a platform that is half moved, or not where it belongs, is never a quiet night."""

from __future__ import annotations

import json

import pytest

from blocks.ports.recovery import MoveKind, MoveState
from blocks.ports.runs import RunState
from tests.contract.journal.test_moves import begin, open_run, serve
from tests.unit.commands.conftest import words


def begun(journal, action="failback", *, steps=1):
    """A run under its lease that has begun so many steps."""
    run, token = open_run(journal, action=action)
    for number in range(steps):
        key = f"{number:064x}"
        journal.intend(run, token, key=key, phase="fence", item=f"i{number}", text="stop it", baseline={})
    return run


def test_a_parked_run_is_shown_with_what_goes_on_although_nothing_runs_in_prefect(vigie, journal, prefect_api):
    run = begun(journal)
    journal.move_run(run, RunState.PARKED, reason="stopped by shift-lead before: watch 5 %")
    name = str(run)[:8]
    text = words(vigie("now"))
    assert (
        "Stopped half-way hearth: failback of dc-west parked 0 s ago: stopped by shift-lead before: watch 5 %" in text
    )
    assert f"Next: vigie runs show {name}, then vigie runs continue {name}" in text
    assert [each["id"] for each in json.loads(vigie("now", "--json").output)["halted"]] == [str(run)]


def test_a_parked_run_is_shown_also_before_its_first_step(vigie, journal, prefect_api):
    journal.move_run(begun(journal, steps=0), RunState.PARKED, reason="nobody answered in time")
    assert "nobody answered in time" in vigie("now").output


def test_a_failed_run_is_shown_until_a_later_one_has_done_its_work(vigie, journal, prefect_api):
    failed = begun(journal)
    journal.move_run(failed, RunState.FAILED, reason="clients are not served")
    assert "clients are not served Next: vigie runs show" in words(vigie("now"))
    assert f"then vigie runs continue {str(failed)[:8]}, or retry it in Prefect" in words(vigie("now"))
    journal.move_run(begun(journal, "service-restart"), RunState.DONE, reason="")
    assert "clients are not served" in vigie("now").output, "a restart brings no platform home"
    journal.move_run(begun(journal, "failover"), RunState.DONE, reason="")
    assert "Stopped half-way" not in vigie("now").output


def test_a_failed_restart_is_shown_until_that_service_was_restarted(vigie, journal, prefect_api):
    journal.move_run(begun(journal, "service-restart"), RunState.FAILED, reason="it never came up")
    journal.move_run(begun(journal, "failover"), RunState.DONE, reason="")
    assert "it never came up" in vigie("now").output
    journal.move_run(begun(journal, "service-restart"), RunState.DONE, reason="")
    assert "it never came up" not in vigie("now").output


def test_one_that_was_refused_before_it_changed_anything_is_no_news(vigie, journal, prefect_api):
    journal.move_run(begun(journal, steps=0), RunState.FAILED, reason="household lives in azure-west")
    assert "Stopped half-way" not in vigie("now").output


def test_what_is_not_committed_says_where_it_runs_by_when_and_how(vigie, journal, prefect_api):
    run, token = open_run(journal)
    begin(journal, run, token)
    assert "Moved" not in vigie("now").output, "clients are still where they were"
    move = serve(journal, run, token)
    text = words(vigie("now"))
    assert (
        f"Moved hearth runs in dc-west since {move.serving_at.astimezone():%H:%M %Z} (failover), not committed" in text
    )
    assert "Next: vigie commit hearth --as NAME by " in text
    assert "else it goes back to azure-west by itself" in text
    assert json.loads(vigie("now", "--json").output)["moved"][0]["to_site"] == "dc-west"

    journal.settle_move(run, MoveState.COMMITTED, who="shift-lead")
    text = words(vigie("now"))
    assert "hearth runs in dc-west since" in text
    assert "not committed" not in text


def test_what_was_never_moved_cannot_be_committed_and_where_to_look_is_said(vigie, journal):
    result = vigie("commit", "hearth", "--as", "shift-lead", "--code", "123456")
    assert (result.exit_code, "nothing to commit. Next: vigie now names what" in words(result)) == (1, True)


@pytest.mark.parametrize("committed", [False, True])
def test_one_that_came_home_is_shown_until_it_is_committed(vigie, journal, prefect_api, committed):
    run, token = open_run(journal, action="failback")
    begin(journal, run, token, kind=MoveKind.FAILBACK, from_site="dc-west", to_site="azure-west")
    serve(journal, run, token)
    if committed:
        journal.settle_move(run, MoveState.COMMITTED, who="shift-lead")
    assert ("hearth runs in azure-west" in vigie("now").output) is not committed
