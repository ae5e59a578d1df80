"""Who decides about this, and could they, tonight?

Said where a plan is looked at, in peace: who is not enrolled has no code, and a rule that needs everybody who is
enrolled is no rule for a night on which one of them asks. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.ports.approvals import Policy
from tasks.approvals.joining import after_escalation


def who_decides(policy: Policy, enrolled: Mapping[str, bool]) -> list[str]:
    """Lines for people: whose yes is needed, what it must carry, and what is missing. `enrolled` is by name."""
    names = tuple(dict.fromkeys(after_escalation(policy)))
    able = [name for name in names if enrolled.get(name)]
    needed = max(1, policy.quorum)
    others = 0 if policy.requester_may_approve else 1
    unknown = f", not who asks for it; {needed + 1} where nobody knows who asks, as of a run started in Prefect"
    lines = [f"{needed} of {', '.join(names)}{unknown if others else ''}"]
    carried = [f"the typed word {policy.typed}"] if policy.typed else []
    carried += ["a one-time code"] if policy.carries_code else ["a one-time code outside Slack"]
    lines.append(f"an approval carries {' and '.join(carried)}")
    if policy.glass:
        lines.append(f"the glass may be broken by {', '.join(policy.glass)}")
    if absent := [name for name in names if name not in able]:
        lines.append(f"not enrolled: {', '.join(absent)}. Next: vigie approver enrol NAME")
    if len(able) < needed:
        lines.append(f"NO nobody can grant it: {len(able)} of them can answer, and {needed} are needed")
    elif len(able) < needed + others:
        lines.append(f"NO when one of {', '.join(able)} asks for it, too few are left to grant it")
    return lines
