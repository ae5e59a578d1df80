"""Has the right person said yes to this very plan, and does it still hold?

Plan, ask, sleep, wake, take the lease, plan once more, and only then go on. The rules: nothing is held while it
waits, no process and no lease; what was approved is what is done, or it is asked again with the difference; once
the first effect of an approved plan has begun, that plan is carried on with, because the world is in the middle
of it. A run that takes back a move which nobody committed has its yes with that move, and none of its own; so has one
that fences the site which a failover left. Without such a yes a run of the schedule asks nobody. A run that carries out
its platform's part of a common card has its yes from there, and asks for itself only when its plan became another. A
question in the middle of a plan (confirming.py) is none about the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from prefect.logging import get_run_logger

from blocks.errors import Refused
from blocks.ports.approvals import Approval, Plan, Policy, Standing, about_plan, granted_plan
from blocks.ports.runs import SCHEDULE, RunState
from tasks.approvals.decide import differences, is_expired
from tasks.approvals.form import answers_of_form
from tasks.runs.catalogue import load_policy
from tasks.runs.runbook import Granted, Runbook, Settled, this_run
from tasks.runs.showing import show_run

MOST_QUESTIONS = 3
Rule = Callable[[Plan], Policy]
_EXPIRED = "nobody decided in time"


def answered(make_plan: Callable[[], Plan]) -> Approval:
    """The granted approval of a plan that changes nothing: no lease, nobody is kept from working.

    Raises `Settled` like `approved`.
    """
    book = this_run()
    return _decided(book, make_plan(), _own_rule(book))


def answered_for_all(make_plan: Callable[[], Plan], rule: Rule) -> Approval:
    """The granted approval of a plan whose parts are begun as runs of their own: each of them plans its part anew.

    `rule` says who decides about a plan. Once it is granted it is not held against another look: what became of one
    part since says nothing of the others. Raises `Settled` like `approved`.
    """
    book = this_run()
    asked = book.journal.approvals(book.run.id)
    if asked and asked[-1].standing is Standing.GRANTED:
        return asked[-1]
    return _decided(book, make_plan(), rule)


def approved(make_plan: Callable[[], Plan], *, asked_as: str = "") -> Granted:
    """The plan that was approved and still holds, with the platform's lease.

    `asked_as`: the action whose approvers are asked, by its rules, where it is not the run's own (a rehearsal).
    `make_plan` reads only, and is called anew each time. Raises `Settled` when it was rejected, nobody decided
    in time, or the plan keeps changing; does not return while it waits: the run sleeps and begins again.
    """
    book = this_run()
    begun = _begun(book)
    if begun is not None:
        return Granted(begun.plan, book.journal.take_lease(book.run.id), begun)
    taken_back = book.journal.taken_back_by(book.run.id)
    if taken_back is not None:
        return _shown(book, agreed_before(book, taken_back, make_plan))
    rejoined = book.journal.rejoin_for(book.run.id)
    if rejoined is not None:
        return _shown(book, agreed_with_failover(book, rejoined, make_plan))
    if book.run.requested_by == SCHEDULE:
        raise Settled(Standing.VOID, "nobody asked for it, and no move gave it its yes")
    while True:
        question = _agreed_with_others(book) or _decided(book, make_plan(), _own_rule(book, asked_as))
        lease = book.journal.take_lease(book.run.id)
        changed = differences(question.plan, make_plan())
        if not changed:
            return Granted(question.plan, lease, question)
        book.journal.release_lease(book.run.id)
        _void(book, question, changed)


def agreed_before(book: Runbook, move: UUID, make_plan: Callable[[], Plan]) -> Granted:
    """The way back of a move whose approved plan said that it goes back by itself: nobody is asked again.

    Raises `Settled` where that yes no longer covers what would be done; the journal judges it.
    """
    lease = book.journal.take_lease(book.run.id)
    plan = replace(make_plan(), commit_within_s=0.0, rolls_back=False)  # back where it was: nothing to commit
    try:
        granted = book.journal.grant_return(move, book.run.id, plan)
    except Refused as refused:
        raise Settled(Standing.VOID, refused.what) from refused
    return Granted(plan, lease, granted)


def agreed_with_failover(book: Runbook, move: UUID, make_plan: Callable[[], Plan]) -> Granted:
    """The site that a failover left answers again: what is done then was approved with it, and nobody is asked again.

    Raises `Settled` where that yes does not cover what would be done; the journal judges it.
    """
    lease = book.journal.take_lease(book.run.id)
    try:
        plan = make_plan()
        granted = book.journal.grant_rejoin(move, book.run.id, plan)
    except Refused as refused:
        raise Settled(Standing.VOID, refused.what) from refused
    return Granted(plan, lease, granted)


def _shown(book: Runbook, granted: Granted) -> Granted:
    get_run_logger().info("%s", granted.approval.reason)
    show_run(book.run.id, book.run.platform)
    return granted


def _begun(book: Runbook) -> Approval | None:
    """The granted approval whose plan has begun to take effect. To ask somebody is no effect yet."""
    asked = book.journal.approvals(book.run.id)
    asked_only = {each.plan.confirms for each in asked}
    begun = any(step.item not in asked_only for step in book.journal.steps(book.run.id))
    return granted_plan(asked) if begun else None


def _agreed_with_others(book: Runbook) -> Approval | None:
    """The part of a common card that this run carries out, while it stands; it is planned anew under the lease."""
    if book.journal.part_of(book.run.id) is None:
        return None
    newest = about_plan(book.journal.approvals(book.run.id))[-1]
    if newest.number != 1 or newest.standing is not Standing.GRANTED:
        return None
    get_run_logger().info("%s", newest.reason)
    return newest


def _own_rule(book: Runbook, asked_as: str = "") -> Rule:
    """Who decides by the rules of the run's own action, or of the one whose approvers are asked."""
    return lambda _: load_policy(book.run.customer, book.run.platform, asked_as or book.run.action)


def _decided(book: Runbook, plan: Plan, rule: Rule) -> Approval:
    """A granted question about this plan. Sleeps until there is one, or raises `Settled`."""
    question = _question(book, plan, rule)
    while question.standing is Standing.WAITING:
        if is_expired(question, book.journal.now()):
            question = book.journal.settle(question.id, Standing.EXPIRED, reason=_EXPIRED)
            break
        _sleep(book, question)
        question = book.journal.approval(question.id)
    if question.standing is not Standing.GRANTED:
        raise Settled(question.standing, question.reason)
    get_run_logger().info("%s", question.reason)
    return question


def _question(book: Runbook, plan: Plan, rule: Rule) -> Approval:
    """The newest question when it is about this plan; else it is void, and asked again with the difference."""
    asked = about_plan(book.journal.approvals(book.run.id))
    changed: tuple[str, ...] = asked[-1].differences if asked else ()
    if asked and asked[-1].standing in {Standing.WAITING, Standing.GRANTED, Standing.VOID}:
        changed = differences(asked[-1].plan, plan)
        if not changed and asked[-1].standing is not Standing.VOID:
            return asked[-1]
        if changed and asked[-1].standing is not Standing.VOID:
            _void(book, asked[-1], changed)
    elif asked:
        return asked[-1]
    if not asked and (failing := [guard.text for guard in plan.guards if not guard.holds]):
        raise Refused("; ".join(failing), where=book.run.platform, next_step="nobody was asked, nothing was done")
    return book.journal.ask(
        book.run.id, plan=plan, policy=rule(plan), requester=book.run.requested_by, differences=changed
    )


def _void(book: Runbook, question: Approval, changed: tuple[str, ...]) -> None:
    why = "; ".join(changed)
    get_run_logger().warning("the approval is void: %s", why)
    book.journal.settle(question.id, Standing.VOID, reason=why)
    if (asked := len(about_plan(book.journal.approvals(book.run.id)))) >= MOST_QUESTIONS:
        raise Settled(Standing.VOID, f"asked {asked} times, and each time the plan changed: {why}")


def _sleep(book: Runbook, question: Approval) -> None:
    """Ask in every channel, then give the process back; returns when an answer came through the form."""
    book.journal.move_run(book.run.id, RunState.WAITING, reason="waits for an approval")
    show_run(book.run.id, book.run.platform)
    answers_of_form(book, question)
    book.journal.move_run(book.run.id, RunState.RUNNING, reason="answered")
