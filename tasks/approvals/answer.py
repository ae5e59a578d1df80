"""Somebody answered an approval: what becomes of it?

The one plain function that every door calls: Slack, the Prefect UI's form, the terminal. It verifies the code,
judges the answer and records it, and says in one sentence what came of it. It resumes nothing: whoever called
it does, and when he dies before that, the resumer does.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from blocks.errors import Refused
from blocks.ports.approvals import REASON_MOST, Approval, Choice, Door, Said, Standing
from tasks.approvals.codes import Unseal, verify_code
from tasks.approvals.decide import judge, may_say, needs_code
from tasks.approvals.ports import Records


@dataclass(frozen=True, slots=True)
class Answered:
    """The approval as it stands after an answer that counted."""

    approval: Approval
    sentence: str

    @property
    def is_settled(self) -> bool:
        """The run may go on, or end: resume it."""
        return self.approval.standing is not Standing.WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came through a door: `code` as typed, '' when none was given."""

    approver: str
    choice: Choice
    door: Door
    reason: str = ""
    typed: str = ""
    code: str = ""


def record_answer(journal: Records, unseal: Unseal, approval: UUID, answer: Answer) -> Answered:
    """Verify, judge and record. Raises `Refused` with the reason when the answer does not count."""
    question = journal.approval(approval)
    given = answer.code.strip()
    step = None
    if given or needs_code(question, answer.choice, answer.door):
        step = verify_code(journal, unseal, answer.approver, given, journal.now())
    said = Said(
        approver=answer.approver,
        choice=answer.choice,
        door=answer.door,
        reason=answer.reason.strip()[:REASON_MOST],
        typed=answer.typed,
        code_step=step,
    )
    after, ruling = journal.say(approval, said, judge)
    if ruling.refusal:
        raise Refused(ruling.refusal, next_step=_who_may(after, answer))
    return Answered(after, _sentence(after, answer))


def _who_may(approval: Approval, answer: Answer) -> str:
    """Whom to turn to, where the person is what spoke against it."""
    allowed = may_say(approval, answer.choice)
    if answer.approver in allowed or approval.standing is not Standing.WAITING:
        return ""
    return f"one of these may: {', '.join(allowed)}" if allowed else "approvals.yaml names nobody who may"


def _sentence(approval: Approval, answer: Answer) -> str:
    if approval.standing is not Standing.WAITING:
        return f"{approval.standing.value}: {approval.reason}"
    from tasks.approvals.decide import needed_count

    yes = sum(1 for each in approval.decisions if each.choice is Choice.APPROVE)
    return f"recorded: {answer.approver} approves, {yes} of {needed_count(approval)} needed"
