"""Has the person whom the plan asks said that it is done?

A step of a plan that only a person can do, or see. The run sleeps while it waits and holds no process; it keeps the
platform's lease, because the world is in the middle of the move and nobody else may change it meanwhile. The same
doors, people and rows as an approval: a name, a code where the rule wants one, escalation, expiry.

The rules: one yes is enough, and whoever asked for the move may say it, for nobody is asked whether it may be done; a
no or silence parks the run before its next step, with nothing undone, and who continues it is asked anew; nobody is
asked twice for what was answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from prefect.logging import get_run_logger

from blocks.catalogue.recovery import AddedStep
from blocks.ports.approvals import Approval, Plan, PlanStep, Policy, Standing
from blocks.ports.runs import ActionKind, RunState, Step
from tasks.approvals.decide import is_expired
from tasks.core.change import Stopped, heed_stop
from tasks.runs.runbook import Granted, Runbook

_LEFT = frozenset({RunState.PARKED.value, RunState.FAILED.value, RunState.CANCELLED.value})
_NO_ANSWER = frozenset({Standing.REJECTED, Standing.EXPIRED, Standing.VOID})
Sleep = Callable[[Runbook, Approval], None]
"""Gives the process back until somebody answered; returns when an answer came through the form."""


class NotConfirmed(Stopped):
    """Somebody said no, or nobody answered: the run is parked before its next step."""

    def __init__(self, question: Approval, text: str) -> None:
        no = question.decisions[-1] if question.standing is Standing.REJECTED else None
        super().__init__(no.approver if no else "nobody", text)
        why = f" ({no.reason})" if no and no.reason else ""
        self.args = (f"{no.approver} says no: {text}{why}" if no else f"nobody answered in time: {text}",)
        self.rings = no is None  # who said no knows of it


@dataclass(frozen=True, slots=True)
class Asking:
    """One question of the plan's own, on its way."""

    book: Runbook
    granted: Granted
    step: PlanStep
    declared: AddedStep
    policy: Callable[[], Policy]  # who may answer, by the rule for the move
    sleep: Sleep

    def result(self) -> str:
        """Who confirmed it, once somebody did. Raises `Stopped` when the run must not go on."""
        known = self._row()
        if known is not None and known.is_done:
            return known.outcome
        self._heed_stop()
        row = known or self._intend()
        if row.by_hand:
            return self._finish(row, f"{row.by_hand} said that it is done")
        question = self._answered()
        if question.standing is not Standing.GRANTED:
            self._heed_stop()
            raise NotConfirmed(question, self.declared.text)
        names = " and ".join(dict.fromkeys(each.approver for each in question.decisions))
        return self._finish(row, f"{names} said that it is done")

    # -- the step's row ----------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        return self.book.order(self.granted, self.step).key

    def _row(self) -> Step | None:
        return self.book.journal.step(self.book.run.id, self._key)

    def _intend(self) -> Step:
        order = self.book.order(self.granted, self.step)
        return self.book.journal.intend(
            order.run,
            order.token,
            key=order.key,
            phase=order.phase,
            item=order.item,
            text=self.step.text,
            baseline={},
        )

    def _finish(self, row: Step, outcome: str) -> str:
        order = self.book.order(self.granted, self.step)
        return self.book.journal.finish_step(order.run, order.token, row.key, outcome, None).outcome

    def _heed_stop(self) -> None:
        """Nothing of this step is under way in the world, so a stop takes effect at once."""
        heed_stop(self.book.journal, self.book.run.id, self.step.text)

    # -- the question ------------------------------------------------------------------------------

    def _answered(self) -> Approval:
        """The question with its end; sleeps until it has one."""
        journal, question = self.book.journal, self._question()
        while question.standing is Standing.WAITING:
            if is_expired(question, journal.now()):
                return journal.settle(question.id, Standing.EXPIRED, reason="nobody answered in time")
            self.sleep(self.book, question)
            question = journal.approval(question.id)
        return question

    def _question(self) -> Approval:
        """The newest that was not answered by leaving; else a new one."""
        asked = [each for each in self.book.journal.approvals(self.book.run.id) if self._is_mine(each)]
        if asked and not self._was_left(asked[-1]):
            return asked[-1]
        return self.book.journal.ask(
            self.book.run.id,
            plan=self._as_plan(len(asked) + 1),
            policy=asking_policy(self.policy(), self.declared.within),
            requester=self.book.run.requested_by,
        )

    def _was_left(self, question: Approval) -> bool:
        """Was it settled without a yes, and the run parked for it? Then whoever continues it is asked anew."""
        ended = question.settled_at
        if question.standing not in _NO_ANSWER or ended is None:
            return False
        return any(
            each.kind is ActionKind.RUN_MOVED and each.at >= ended and each.data.get("state") in _LEFT
            for each in self.book.journal.actions(self.book.run.id)
        )

    def _is_mine(self, question: Approval) -> bool:
        return question.plan.confirms == self.step.item and question.plan.steps[0].item.startswith(self._about)

    @property
    def _about(self) -> str:
        """The step of this very plan: approved anew, it is asked anew."""
        return f"{self.step.item}@{self.granted.plan.digest[:12]}#"

    def _as_plan(self, number: int) -> Plan:
        plan = self.granted.plan
        return Plan(
            action=plan.action,
            platform=plan.platform,
            subject=plan.subject,
            reason=self.declared.text,
            steps=(replace(self.step, item=f"{self._about}{number}"),),
            expected_s=self.step.expected_s,
            confirms=self.step.item,
        )


def asking_policy(policy: Policy, within: timedelta | None) -> Policy:
    """Who may say that it is done: those who may decide about the move, any one of them, each as sure as for a yes."""
    expires_s = within.total_seconds() if within is not None else policy.expires_after_s
    late = policy.escalate_after_s >= expires_s
    return replace(
        policy,
        quorum=1,
        requester_may_approve=True,
        needs_code=policy.carries_code,
        typed="",
        expires_after_s=expires_s,
        escalate_after_s=expires_s / 2 if late else policy.escalate_after_s,
    )


def sleep_until_answered(book: Runbook, question: Approval) -> None:
    """Ask in every channel, then give the process back and keep the platform."""
    from tasks.approvals.form import answers_of_form
    from tasks.runs.showing import show_run

    get_run_logger().info("waits for a person: %s", question.plan.reason)
    book.journal.move_run(
        book.run.id, RunState.WAITING, reason=f"waits for a person: {question.plan.reason}", keeps_lease=True
    )
    show_run(book.run.id, book.run.platform)
    answers_of_form(book, question)
    book.journal.move_run(book.run.id, RunState.RUNNING, reason="answered")
