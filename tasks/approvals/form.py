"""Somebody answers in the Prefect UI: who, and is it really them?

The suspended run's own form, for the night when Slack and the gateway are down: approver, one-time code, answer.
The rules: the same function records it as for every other door; each suspension has a form of its own, so that
an answer is read once; what is wrong is said in the run's log and on the next form, and the run sleeps on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field, create_model

from blocks.errors import Refused
from blocks.ports.approvals import Approval, Choice, Door
from blocks.slack.voice import Voice
from tasks.approvals.answer import Answer, record_answer
from tasks.approvals.card import card_markdown
from tasks.approvals.decide import entitled
from tasks.approvals.keys import load_unseal
from tasks.runs.catalogue import load_platform
from tasks.runs.runbook import Runbook

_MARGIN_S = 86_400  # Prefect's own end of a suspension comes long after ours
_NOBODY = "-"


def answers_of_form(book: Runbook, question: Approval) -> None:
    """Sleep until somebody resumes the run, then record what the form says, if it says anything."""
    number = book.journal.form_count(question.id)
    form = _form(book, question)
    left_s = max(60, int((question.expires_at - book.journal.now()).total_seconds())) + _MARGIN_S
    given: Any = suspend_flow_run(wait_for_input=form, key=f"approval-{question.number}-{number}", timeout=left_s)
    try:
        _record(book, question, given)
    except Refused as refused:
        get_run_logger().warning("the answer does not count: %s", refused)
        book.journal.note_form(question.id, number, _for_people(refused))
    else:
        book.journal.note_form(question.id, number, "")


def _record(book: Runbook, question: Approval, given: Any) -> None:
    if given.approver == _NOBODY and not given.code:
        return  # resumed by another door, or by the resumer: the journal knows
    answer = Answer(
        approver=str(given.approver),
        choice=Choice(str(given.answer)),
        door=Door.PREFECT,
        reason=str(given.reason),
        typed=str(given.confirmation),
        code=str(given.code),
    )
    done = record_answer(book.journal, load_unseal(), question.id, answer)
    get_run_logger().info("%s", done.sentence)


def _for_people(refused: Refused) -> str:
    """What and what next; where it was they know."""
    return f"{refused.what}. Next: {refused.next_step}" if refused.next_step else refused.what


def _form(book: Runbook, question: Approval) -> type[RunInput]:
    """Approver as a choice of those who may; every field has a default, so that another door can resume."""
    customer = load_platform(question.platform).customer
    voice = Voice(customer.language, customer.time_zone)
    people = dict.fromkeys((_NOBODY, *entitled(question), *question.policy.glass))
    approvers: Any = StrEnum("Approver", {name: name for name in people})
    answers: Any = StrEnum("Choice", {choice.value: choice.value for choice in Choice})
    word = question.policy.typed
    hint = "form.confirm_hint" if question.plan.confirms else "form.answer_hint"
    typed = voice.say("field.typed", word=word) if word else voice.say("form.no_word")
    fields: dict[str, Any] = {
        "approver": (approvers, _field(voice, "approver", approvers(_NOBODY), voice.say("form.approver_hint"))),
        "code": (str, _field(voice, "code", "", voice.say("field.code_hint"), max_length=12)),
        "answer": (answers, _field(voice, "answer", answers(Choice.APPROVE.value), voice.say(hint))),
        "reason": (str, _field(voice, "reason", "", voice.say("form.reason_hint"), max_length=500)),
        "confirmation": (str, _field(voice, "confirmation", "", typed, max_length=max(40, len(word)))),
    }
    form = create_model("Approval", __base__=RunInput, **fields)
    refused = book.journal.form_refusal(question.id)
    return form.with_initial_data(description=card_markdown(question, voice, refused=refused))


def _field(voice: Voice, name: str, default: Any, hint: str, **limits: Any) -> Any:
    return Field(default=default, title=voice.say(f"form.{name}"), description=hint, **limits)
