"""Does this answer count, where does the question stand, and may the plan still be carried out?

The invariants, before any code:

1.  *Nobody answers twice*, whatever the door, and nobody answers what is settled or has expired.
2.  *Only those the policy names answer.* After an escalation those it names besides may too.
3.  *Nobody approves what he asked for himself*, unless the policy allows it; anybody entitled may reject. Where
    nobody knows who asked, one more approval is needed than the quorum: then one of them is somebody else.
4.  *A name alone is no identity.* In the Prefect UI and in the terminal every answer carries a one-time code; in
    Slack an approval does where the policy says so. Breaking the glass always does.
5.  *Dangerous means typed*: where the policy names a word, an approval carries it, exactly.
6.  *One no ends it.* Opposite answers at once: the first that is recorded counts.
7.  *Breaking the glass* needs a name that the policy lists for it and a reason; it stands in for the quorum
    and for nothing else.
8.  *After approval the plan is made once more*: the same digest, every guard holding, no bound exceeded.
    Otherwise the approval is void, and the difference is said.

No I/O, no clock: the time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from blocks.ports.approvals import Approval, Bound, Choice, Decision, Door, Plan, Policy, Ruling, Said, Standing
from blocks.ports.runs import UNKNOWN_REQUESTER
from tasks.approvals.changed import changes

_LEAST_REASON = 8
_CODED_DOORS = frozenset({Door.PREFECT, Door.TERMINAL})


def judge(approval: Approval, said: Said, now: datetime) -> Ruling:
    """Does the answer count, and where does the question stand then?"""
    refusal = _refusal(approval, said, now)
    if refusal:
        return Ruling(approval.standing, refusal=refusal)
    decisions = (
        *approval.decisions,
        Decision(approver=said.approver, choice=said.choice, door=said.door, at=now, reason=said.reason),
    )
    standing, reason = stand(approval, decisions)
    return Ruling(standing, reason=reason)


def stand(approval: Approval, decisions: Sequence[Decision]) -> tuple[Standing, str]:
    """Where a question with these answers stands, and why."""
    for decision in decisions:
        if decision.choice is Choice.REJECT:
            said = (
                f"{decision.approver} says no{_why(decision)}" if approval.plan.confirms else _by(decision, "rejected")
            )
            return Standing.REJECTED, said
        if decision.choice is Choice.BREAK_GLASS:
            return Standing.GRANTED, _by(decision, "glass broken")
    approving = [decision.approver for decision in decisions if decision.choice is Choice.APPROVE]
    if len(set(approving)) >= needed_count(approval):
        names = " and ".join(approving)
        return Standing.GRANTED, f"{names} said that it is done" if approval.plan.confirms else f"approved by {names}"
    return Standing.WAITING, ""


def needed_count(approval: Approval) -> int:
    """How many different people must approve."""
    policy = approval.policy
    nobody_knows = approval.requester == UNKNOWN_REQUESTER and not policy.requester_may_approve
    return max(1, policy.quorum) + (1 if nobody_knows else 0)


def entitled(approval: Approval) -> tuple[str, ...]:
    """Who may answer now, besides those who may break the glass."""
    policy = approval.policy
    besides = policy.escalate_to if approval.escalated_at is not None else ()
    return tuple(dict.fromkeys((*policy.approvers, *besides)))


def may_say(approval: Approval, choice: Choice) -> tuple[str, ...]:
    """Who may give this answer now."""
    return approval.policy.glass if choice is Choice.BREAK_GLASS else entitled(approval)


def needs_code(approval: Approval, choice: Choice, door: Door) -> bool:
    """Must this answer carry a one-time code?"""
    if door in _CODED_DOORS or choice is Choice.BREAK_GLASS:
        return True
    return choice is Choice.APPROVE and approval.policy.carries_code


def is_expired(approval: Approval, now: datetime) -> bool:
    """Has nobody settled it in time?"""
    return approval.standing is Standing.WAITING and now >= approval.expires_at


def is_due_to_escalate(approval: Approval, now: datetime) -> bool:
    """Has nobody answered for so long that others are asked besides?"""
    after_s = approval.policy.escalate_after_s
    waiting = approval.standing is Standing.WAITING and approval.escalated_at is None
    return waiting and after_s > 0 and now >= approval.asked_at + timedelta(seconds=after_s)


def differences(approved: Plan, now: Plan) -> tuple[str, ...]:
    """Why the plan as made now may not be carried out on this approval; empty when it may."""
    changed = () if approved.digest == now.digest else tuple(changes(approved, now))
    guards = tuple(f"{guard.name}: {guard.text}" for guard in now.guards if not guard.holds)
    limits = {bound.name: bound.at_most for bound in approved.bounds}
    exceeded = tuple(_exceeded(bound, limits) for bound in now.bounds if not _is_within(bound, limits))
    return (*changed, *guards, *exceeded)


def _refusal(approval: Approval, said: Said, now: datetime) -> str:
    """Why the answer does not count; empty when it does. The order is that of what people should hear first."""
    return (
        _settled(approval)
        or _too_late(approval, now)
        or _not_entitled(approval, said)
        or _answered_before(approval, said)
        or _own_request(approval, said)
        or _unproven(approval, said)
        or _not_typed(approval, said)
        or _no_reason(said)
    )


def _settled(approval: Approval) -> str:
    if approval.standing is Standing.WAITING:
        return ""
    when = f" at {approval.settled_at:%H:%M:%S} UTC" if approval.settled_at else ""
    return (
        f"already {approval.standing.value}{when}: {approval.reason}"
        if approval.reason
        else (f"already {approval.standing.value}{when}")
    )


def _too_late(approval: Approval, now: datetime) -> str:
    return f"expired at {approval.expires_at:%H:%M:%S} UTC: ask again" if now >= approval.expires_at else ""


def _not_entitled(approval: Approval, said: Said) -> str:
    if said.approver in may_say(approval, said.choice):
        return ""
    what = "break the glass for" if said.choice is Choice.BREAK_GLASS else "decide about"
    return f"{said.approver} may not {what} {approval.plan.action} on {approval.platform}"


def _answered_before(approval: Approval, said: Said) -> str:
    earlier = next((each for each in approval.decisions if each.approver == said.approver), None)
    if earlier is None:
        return ""
    return f"{said.approver} answered at {earlier.at:%H:%M:%S} UTC through {earlier.door.value}: {earlier.choice.value}"


def _own_request(approval: Approval, said: Said) -> str:
    own = said.approver == approval.requester and not approval.policy.requester_may_approve
    if own and said.choice is Choice.APPROVE:
        return f"{said.approver} asked for this and cannot approve it himself"
    return ""


def _unproven(approval: Approval, said: Said) -> str:
    if said.code_step is None and needs_code(approval, said.choice, said.door):
        return "a one-time code is needed for this answer"
    return ""


def lacks_word(policy: Policy, choice: Choice, typed: str) -> bool:
    """Must this answer carry a word that it does not carry, exactly? A no never must."""
    return bool(policy.typed) and choice is not Choice.REJECT and typed.strip() != policy.typed


def _not_typed(approval: Approval, said: Said) -> str:
    if lacks_word(approval.policy, said.choice, said.typed):
        return f"type {approval.policy.typed!r} to confirm"
    return ""


def _no_reason(said: Said) -> str:
    if said.choice is Choice.BREAK_GLASS and len(said.reason.strip()) < _LEAST_REASON:
        return f"breaking the glass needs a reason of at least {_LEAST_REASON} characters: it is reviewed tomorrow"
    return ""


def _by(decision: Decision, what: str) -> str:
    return f"{what} by {decision.approver}{_why(decision)}"


def _why(decision: Decision) -> str:
    return f": {decision.reason}" if decision.reason else ""


def _is_within(bound: Bound, limits: dict[str, float]) -> bool:
    limit = limits.get(bound.name)
    return limit is not None and math.isfinite(bound.measured) and bound.measured <= limit


def _exceeded(bound: Bound, limits: dict[str, float]) -> str:
    unit = f" {bound.unit}" if bound.unit else ""
    agreed = f"at most {limits[bound.name]:g}{unit}" if bound.name in limits else "nothing"
    return f"{bound.name} is {bound.measured:g}{unit} now, approved was {agreed}"
