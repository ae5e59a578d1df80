"""What does somebody read who must decide in the Prefect UI?

The same facts as on every other card, as Markdown; the first line is enough to decide. Text out of the world is
escaped: it is shown, never interpreted.
"""

from __future__ import annotations

import re
from datetime import timedelta

from blocks.catalogue.quantities import format_duration
from blocks.ports.approvals import Approval, Plan
from tasks.approvals.decide import entitled, needed_count

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~$])")


def card_markdown(question: Approval) -> str:
    """The evidence card of an approval."""
    plan = question.plan
    return "\n\n".join(part for part in (first_line(plan), _changed(question), _what(plan), _rules(question)) if part)


def first_line(plan: Plan) -> str:
    """What, on what, why, how long, at what cost, and what is wrong now."""
    why = f" because {escaped(plan.reason)}" if plan.reason else ""
    cost = f", costs {escaped(plan.cost)}" if plan.cost else ""
    wrong = (
        f" Known to be wrong: {escaped('; '.join(plan.known_wrong))}."
        if plan.known_wrong
        else " No incident is open there."
    )
    takes = f", takes about {_time(plan.expected_s)}" if plan.expected_s else ""
    return (
        f"**{escaped(plan.action)} of {escaped(plan.subject)} on {escaped(plan.platform)}**{why}{takes}{cost}.{wrong}"
    )


def _changed(question: Approval) -> str:
    if not question.differences:
        return ""
    return "Changed since it was asked before:\n\n" + "\n".join(f"- {escaped(each)}" for each in question.differences)


def _what(plan: Plan) -> str:
    lines = [f"{number}. {escaped(step.text)}" for number, step in enumerate(plan.steps, 1)]
    lines += [
        f"- at most {bound.at_most:g} {escaped(bound.unit)} {escaped(bound.name)} (now {bound.measured:g})"
        for bound in plan.bounds
    ]
    lines += [f"- {escaped(guard.name)}: {escaped(guard.text)}" for guard in plan.guards]
    return "\n".join(lines)


def _rules(question: Approval) -> str:
    people = ", ".join(entitled(question))
    needed = needed_count(question)
    said = [f"{each.approver}: {each.choice.value.replace('_', ' ')}" for each in question.decisions]
    so_far = f" So far: {', '.join(said)}." if said else ""
    return (
        f"{needed} of {escaped(people)} must approve before {question.expires_at:%H:%M} UTC; asked for by "
        f"{escaped(question.requester)}.{escaped(so_far)} Plan {question.digest[:12]}."
    )


def escaped(text: str) -> str:
    """Shown as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _time(seconds: float) -> str:
    return format_duration(timedelta(seconds=max(1, round(seconds))))
