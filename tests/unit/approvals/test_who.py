"""Looked at in peace: whose yes is needed, and are enough of them enrolled for a night on which one of them asks?"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from blocks.ports.approvals import Choice, Door, Policy, Standing
from blocks.ports.runs import UNKNOWN_REQUESTER
from tasks.approvals.decide import judge, needed_count, needs_code
from tasks.approvals.who import who_decides
from tests.unit.approvals.asked import AT, approval, decision, said

DUTY, LEAD, MANAGER = "duty-operator", "shift-lead", "service-manager"
RULE = Policy(approvers=(DUTY, LEAD), escalate_after_s=180, escalate_to=(MANAGER,), typed="hearth", glass=(LEAD,))
ALL = {DUTY: True, LEAD: True, MANAGER: True}


def test_it_says_whose_yes_and_what_it_must_carry():
    assert who_decides(RULE, ALL) == [
        f"1 of {DUTY}, {LEAD}, {MANAGER}, not who asks for it; 2 where nobody knows who asks, as of a run started in Prefect",
        "an approval carries the typed word hearth and a one-time code",
        "the glass may be broken by shift-lead",
    ]
    assert who_decides(Policy(approvers=(DUTY,), requester_may_approve=True), ALL) == [
        "1 of duty-operator",
        "an approval carries a one-time code outside Slack",
    ]


@pytest.mark.parametrize("typed", ["", "hearth"])
@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("may", [False, True])
def test_what_it_says_is_what_the_card_asks_for(typed, coded, may):
    rule = Policy(approvers=(DUTY, LEAD, MANAGER), typed=typed, needs_code=coded, requester_may_approve=may)
    first, carries = who_decides(rule, ALL)
    unknown = needed_count(approval(rule, requester=UNKNOWN_REQUESTER))
    assert (f"; {unknown} where nobody knows who asks" in first) is (
        unknown != needed_count(approval(rule, requester=DUTY))
    )
    everywhere = needs_code(approval(rule), Choice.APPROVE, Door.SLACK)
    assert carries.endswith("a one-time code" if everywhere else "a one-time code outside Slack")
    assert needs_code(approval(rule), Choice.APPROVE, Door.TERMINAL)


def test_who_is_asked_besides_counts_only_where_the_rule_ever_asks():
    assert who_decides(Policy(approvers=(DUTY, LEAD), escalate_to=(MANAGER,)), ALL)[0].startswith(
        "1 of duty-operator, shift-lead, not"
    )


@pytest.mark.parametrize("quorum", [1, 2, 3])
@pytest.mark.parametrize("may", [False, True])
@pytest.mark.parametrize(
    "able", [set(each) for count in range(4) for each in combinations((DUTY, LEAD, MANAGER), count)]
)
def test_a_warning_is_said_exactly_when_a_night_may_come_on_which_nobody_can_grant_it(quorum, may, able):
    """Held against the decision itself: everybody who can answer says yes, whoever of them asked."""
    rule = Policy(approvers=(DUTY, LEAD, MANAGER), quorum=quorum, requester_may_approve=may)
    lines = who_decides(rule, {name: name in able for name in (DUTY, LEAD, MANAGER)})
    granted = [_granted(rule, able, asks) for asks in able or {"somebody-else"}]
    assert any(line.startswith("NO ") for line in lines) is not all(granted)
    absent = [name for name in (DUTY, LEAD, MANAGER) if name not in able]
    assert any(line.startswith(f"not enrolled: {', '.join(absent)}.") for line in lines) is bool(absent)


def _granted(rule, able, asks):
    asked = approval(rule, requester=asks)
    for name in sorted(able):
        ruling = judge(asked, said(name, door=Door.TERMINAL, code_step=1), AT)
        if ruling.standing is Standing.GRANTED:
            return True
        if not ruling.refusal:
            asked = replace(asked, decisions=(*asked.decisions, decision(name)))
    return False
