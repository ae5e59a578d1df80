"""The terminal's door: whoever answers sees what is asked, and a forgotten word costs no one-time code."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from blocks.ports.approvals import Standing
from blocks.ports.runs import RunState
from tests.contract.steps.conftest import open_run
from tests.unit.approvals.asked import POLICY, plan
from tests.unit.commands.conftest import words


@pytest.fixture
def asked(journal):
    """A question that wants a word, and the first characters of its run."""
    run = uuid4()
    open_run(journal, run)
    journal.enrol("shift-lead", b"sealed")
    policy = replace(POLICY, typed="hearth and storefront", quorum=2)
    return journal.ask(run, plan=plan(), policy=policy, requester="operator"), str(run)[:8]


def test_a_waiting_question_is_shown_whole_with_the_command_that_answers_it(vigie, asked):
    question, run = asked
    text = words(vigie("runs", "show", run))
    for step in question.plan.steps:
        assert step.text in text
    for who in question.policy.approvers:
        assert who in text
    assert "2 yes" in text
    assert "Hours are UTC; it is " in text
    assert f"Next: vigie runs approve {run} --as NAME --confirm 'hearth and storefront', or reject" in text


def test_one_that_is_over_is_shown_in_a_line(vigie, journal, asked):
    question, run = asked
    journal.settle(question.id, Standing.EXPIRED, reason="nobody answered in time")
    text = words(vigie("runs", "show", run))
    assert "approval 1: expired, nobody answered in time" in text
    assert "vigie runs approve" not in text


@pytest.mark.parametrize("given", [(), ("--confirm", "hearth")])
@pytest.mark.parametrize("choice", [("approve",), ("break-glass", "--reason", "nobody answers")])
def test_without_the_word_no_code_is_used(vigie, journal, asked, given, choice):
    question, run = asked
    command, *more = choice
    result = vigie("runs", command, run, "--as", "shift-lead", "--code", "123456", *more, *given)
    assert result.exit_code == 1
    assert "this asks for the word 'hearth and storefront', typed" in words(result)
    assert "--confirm 'hearth and storefront'; the one-time code was not used" in words(result)
    assert journal.approval(question.id).decisions == ()


def test_a_run_that_failed_before_it_changed_anything_is_counted_and_not_listed(vigie, journal):
    tried, began = uuid4(), uuid4()
    open_run(journal, tried)
    journal.move_run(tried, RunState.FAILED, reason="refused: nobody could take over")
    assert words(vigie("runs", "list")) == (
        "No runbook is open. Besides, 1 failed before anything was changed: vigie runs list --all"
    )
    assert "nobody could take over" in words(vigie("runs", "list", "--all"))
    open_run(journal, began)
    listed = words(vigie("runs", "list"))
    assert str(began)[:8] in listed
    assert str(tried)[:8] not in listed
