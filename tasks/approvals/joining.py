"""Who must say yes to several platforms at once?

Pure. The invariant: whoever grants the common question would have granted each platform's own, by that platform's own
rule. So those decide who may decide about all of them; the largest quorum counts, a code or a typed word that one rule
asks for is asked for, each word is typed, and who asked may approve only where every rule lets him. Where no such
people are left, there is no common question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from blocks.errors import Refused
from blocks.ports.approvals import Policy


def strictest(policies: Mapping[str, Policy]) -> Policy:
    """The one policy that is at least as strict as each, by platform. Raises `Refused` where nobody could meet it."""
    each = list(policies.values())
    approvers = _in_all([policy.approvers for policy in each])
    besides = tuple(name for name in _in_all([after_escalation(policy) for policy in each]) if name not in approvers)
    quorum = max(policy.quorum for policy in each)
    if len({*approvers, *besides}) < quorum:
        raise Refused(
            f"of those who decide about {', '.join(policies)} only {len(approvers) + len(besides)} decide about all of "
            f"them, and {quorum} are needed",
            where="approvals.yaml",
            next_step="start its own failover: its own people decide",
            code="no_common_rule",
        )
    return Policy(
        approvers=approvers,
        quorum=quorum,
        requester_may_approve=all(policy.requester_may_approve for policy in each),
        expires_after_s=min(policy.expires_after_s for policy in each),
        escalate_after_s=_escalates(each, helps=bool(besides)),
        escalate_to=besides,
        needs_code=any(policy.needs_code for policy in each),
        typed=" ".join(dict.fromkeys(policy.typed for policy in each if policy.typed)),
        glass=_in_all([policy.glass for policy in each]),
    )


def _in_all(names: Sequence[Iterable[str]]) -> tuple[str, ...]:
    """Those that stand in every list, in the order of the first."""
    first, *others = [tuple(each) for each in names]
    return tuple(name for name in first if all(name in other for other in others))


def after_escalation(policy: Policy) -> tuple[str, ...]:
    """Everybody the policy ever asks."""
    besides = policy.escalate_to if policy.escalate_after_s > 0 else ()
    return (*policy.approvers, *besides)


def _escalates(policies: Sequence[Policy], *, helps: bool) -> float:
    """When others are asked besides, not before every rule says so; where nobody is, it only rings: as early as one."""
    times = [policy.escalate_after_s for policy in policies if policy.escalate_after_s > 0]
    if not times:
        return 0.0
    return max(times) if helps else min(times)
