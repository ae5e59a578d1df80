"""May this be done? What an approver reads, on a phone, at 3 a.m.

The first line is enough to decide: what, on what, how long, at what cost, how much is wrong already, why. Below it
the evidence: steps, bounds, guards, what changed since the question before, who may decide and until when, who said
what. Pure: the same picture gives the same card.

The rules: whatever a plan holds, the card fits Slack's limits (50 blocks, 3,000 characters a text) and nothing in
it can ring, link or break it; buttons are there while somebody may still answer, and never afterwards.
"""

from __future__ import annotations

from dataclasses import replace

from blocks.ports.approvals import Approval, Choice, Decision, Plan, Standing
from blocks.ports.runs import Action, ActionKind, RunState
from blocks.ports.showing import RunPicture
from blocks.slack.evidence import evidence, listed_sentences, said_wrong, span_of
from blocks.slack.markup import escaped_line, length, plain
from blocks.slack.pieces import (
    MOST_FACT,
    MOST_HEADER,
    Block,
    Blocks,
    action_name,
    button,
    confirmation,
    context,
    fitted,
    header,
    named_once,
    plain_text,
    run_link,
    say,
    section,
    who_asked,
)
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice

APPROVE, REJECT, ASK, GLASS = "approval.approve", "approval.reject", "approval.ask", "approval.break_glass"
_EMOJI = {
    Standing.WAITING: "🟠",
    Standing.GRANTED: "✅",
    Standing.REJECTED: "⛔",
    Standing.EXPIRED: "⌛",
    Standing.VOID: "⚪",
}
_ASKS = frozenset({RunState.RUNNING, RunState.WAITING})
DRILL = "recovery-drill"
_FREE = frozenset({"none", "nothing"})
_LINE = 600
_NEWEST_QUESTIONS = 5
_SHORT_DIGEST = 12


def render_approval(picture: RunPicture, approval: Approval) -> tuple[str, Blocks]:
    """(text, blocks) of the card. The text is what a notification shows."""
    voice, plan = voice_of(picture), approval.plan
    title = headline(voice, replace(approval, standing=_shown(approval, picture)))
    blocks = [header(title), section("\n".join([*drill_said(voice, plan), *_why(voice, plan)]))]
    blocks += listed_sentences(voice, "card.differences", approval.differences)
    if is_open(approval, picture):
        blocks.append(_buttons(voice, approval))
    blocks += [*evidence(voice, plan), section("\n".join(_who(voice, picture, approval)))]
    if said := _said(voice, picture, approval):
        blocks.append(section("\n".join(said)))
    blocks.append(_foot(voice, picture, approval))
    first = [*drill_said(voice, plan), *_why(voice, plan)][0]
    return f"{escaped_line(title, 2 * MOST_HEADER)}\n{first}", fitted(voice, blocks)


def drill_said(voice: Voice, plan: Plan) -> list[str]:
    """What nobody may take for the real thing says so, before anything else."""
    if plan.action != DRILL:
        return []
    return [voice.say("card.game_day" if any(guard.name == "game day" for guard in plan.guards) else "card.drill")]


def render_question(picture: RunPicture, action: Action) -> tuple[str, Blocks]:
    """(text, blocks) of what somebody wants to know, for the card's thread."""
    line = _question(voice_of(picture), action)
    return line, [section(line)]


def headline(voice: Voice, approval: Approval) -> str:
    """One plain line of 150 characters: what, on what, how long, cost, how much is wrong; why, as far as it fits."""
    plan = approval.plan
    lead = voice.say(
        "card.lead",
        standing=said_standing(voice, approval),
        action=action_name(voice, plan.action),
        about=named_once(plan.platform, plain(plan.subject, 40)),
    )
    facts = " · ".join(_facts(voice, plan))
    said = lead if plan.confirms else voice.say("card.facts", lead=lead, facts=facts)
    line = f"{_EMOJI[approval.standing]} {said}"
    room = MOST_HEADER - length(voice.say("card.headline", lead=line, why=""))
    why = plain(plan.reason, room) if room > 8 else ""  # noqa: PLR2004  less says nothing
    return plain(voice.say("card.headline", lead=line, why=why) if why else line, MOST_HEADER)


def said_standing(voice: Voice, approval: Approval) -> str:
    """Where it stands: what is asked in the middle of a plan is confirmed, and not approved."""
    about = "confirmed" if approval.plan.confirms else "standing"
    return voice.say(f"{about}.{approval.standing.value}")


def said_choice(voice: Voice, plan: Plan, choice: Choice) -> str:
    """What somebody says by an answer."""
    return voice.say(f"{'confirms' if plan.confirms else 'choice'}.{choice.value}")


def said_confirming(voice: Voice, plan: Plan) -> list[str]:
    """Of a question in the middle of a plan: what is asked, and what each answer does."""
    return [voice.say("card.confirm")] if plan.confirms else []


def is_open(approval: Approval, picture: RunPicture) -> bool:
    """May somebody still answer, and does anything wait for it?"""
    return _shown(approval, picture) is Standing.WAITING


def _shown(approval: Approval, picture: RunPicture) -> Standing:
    """As it stands; a question whose time is over, or whose run waits no more, is not shown as one to answer."""
    if approval.standing is not Standing.WAITING:
        return approval.standing
    if picture.now >= approval.expires_at:
        return Standing.EXPIRED
    return Standing.WAITING if picture.run.state in _ASKS else Standing.VOID


def voice_of(picture: RunPicture) -> Voice:
    """The customer's language and hours."""
    return Voice(language=picture.language, time_zone=picture.time_zone)


def _facts(voice: Voice, plan: Plan) -> list[str]:
    count = len(plan.known_wrong) + sum(len(part.known_wrong) for part in plan.parts)
    wrong = voice.say_count("card.wrong_count", count) if count else ""
    found = (span_of(voice, plan.expected_s), _cost(voice, plan, 30), wrong or voice.say("card.wrong_none"))
    return [fact for fact in found if fact]


def _cost(voice: Voice, plan: Plan, most: int) -> str:
    """Empty when the plan does not say."""
    if plan.cost in _FREE:
        return voice.say("card.no_cost")
    return voice.say("card.cost", cost=plain(retell(voice, plan.cost), most)) if plan.cost else ""


def _why(voice: Voice, plan: Plan) -> list[str]:
    if plan.confirms:
        return [say(voice, "card.asks", question=plan.reason), *said_confirming(voice, plan)]
    lines = [say(voice, "card.why", reason=retell(voice, plan.reason))] if plan.reason else []
    facts = (span_of(voice, plan.expected_s), _cost(voice, plan, MOST_FACT))
    lines.append(say(voice, "card.expected", facts=", ".join(fact for fact in facts if fact)))
    if plan.parts:  # what is wrong stands under each platform's name
        names = voice.listing([part.platform for part in plan.parts], most=len(plan.parts))
        return [*lines, say(voice, "card.together", names=names)]
    return [*lines, said_wrong(voice, plan)]


def _who(voice: Voice, picture: RunPicture, approval: Approval) -> list[str]:
    policy = approval.policy
    asked = say(voice, "card.asked", who=who_asked(voice, approval.requester), moment=voice.moment(approval.asked_at))
    if not is_open(approval, picture):
        return [asked]
    names = escaped_line(voice.listing(policy.approvers), _LINE)
    needed = picture.yes_needed.get(approval.id, max(1, policy.quorum))
    lines = [
        asked,
        voice.say_count("card.may_decide", needed, names=names),
        *([voice.say("card.one_more")] if needed > max(1, policy.quorum) else []),
        say(voice, "card.until", moment=voice.moment(approval.expires_at)),
    ]
    if approval.escalated_at is not None and policy.escalate_to:
        time, besides = voice.clock(approval.escalated_at), voice.listing(policy.escalate_to)
        lines.append(say(voice, "card.escalated", time=time, names=besides))
    if policy.carries_code:
        lines.append(voice.say("card.needs_code"))
    if policy.typed:
        lines.append(say(voice, "card.needs_typed", word=policy.typed))
    return lines


def _said(voice: Voice, picture: RunPicture, approval: Approval) -> list[str]:
    asked = [each for each in picture.actions if _is_about(each, approval)][-_NEWEST_QUESTIONS:]
    lines = [_question(voice, action) for action in asked]
    lines += [_decision(voice, approval.plan, decision) for decision in approval.decisions]
    if approval.standing is Standing.WAITING:
        return [*lines, *_no_longer(voice, picture, approval)]
    settled = approval.settled_at or picture.now
    words = {"standing": said_standing(voice, approval), "moment": voice.moment(settled)}
    if approval.reason:
        return [*lines, say(voice, "card.settled_why", **words, reason=retell(voice, approval.reason))]
    return [*lines, say(voice, "card.settled", **words)]


def _no_longer(voice: Voice, picture: RunPicture, approval: Approval) -> list[str]:
    """Why nobody needs to answer, where nobody has."""
    if picture.now >= approval.expires_at:
        return [say(voice, "card.too_late", moment=voice.moment(approval.expires_at))]
    state = voice.say(f"run_state.{picture.run.state.value}")
    return [] if is_open(approval, picture) else [say(voice, "card.run_left", state=state)]


def _decision(voice: Voice, plan: Plan, decision: Decision) -> str:
    line = say(
        voice,
        "card.decision",
        time=voice.clock(decision.at),
        who=decision.approver,
        choice=said_choice(voice, plan, decision.choice),
        door=voice.say(f"door.{decision.door.value}"),
    )
    reason = escaped_line(decision.reason, _LINE)
    return voice.say("card.because", decision=line, reason=reason) if reason else line


def _question(voice: Voice, action: Action) -> str:
    text = escaped_line(action.text, _LINE)
    who, time = escaped_line(action.who, 80), voice.clock(action.at)
    return voice.say("card.question", time=time, who=who, text=text)


def _is_about(action: Action, approval: Approval) -> bool:
    return action.kind is ActionKind.QUESTION and action.data.get("approval") == str(approval.id)


def _buttons(voice: Voice, approval: Approval) -> Block:
    value, policy, plan = str(approval.id), approval.policy, approval.plan
    blanks = {"action": action_name(voice, plan.action), "about": named_once(plan.platform, plan.subject)}
    yes, no = ("button.done", "button.not_done") if plan.confirms else ("button.approve", "button.reject")
    sure = confirmation(
        voice, voice.say("confirm.done" if plan.confirms else "confirm.approve", **blanks), voice.say(yes)
    )
    by_modal = policy.carries_code
    elements: list[Block] = [
        button(voice.say(yes), APPROVE, value, style="primary", confirm=None if by_modal else sure),
        button(voice.say(no), REJECT, value, style="danger"),
        button(voice.say("button.ask"), ASK, value),
    ]
    if policy.glass:
        glass = {"text": plain_text(voice.say("button.break_glass")), "value": value}
        elements.append({"type": "overflow", "action_id": GLASS, "options": [glass]})
    return {"type": "actions", "elements": elements}


def _foot(voice: Voice, picture: RunPicture, approval: Approval) -> Block:
    number = voice.say("card.number", number=voice.number(approval.number))
    plan = voice.say("card.plan", digest=f"`{approval.digest[:_SHORT_DIGEST]}`")
    return context([run_link(voice, picture.run_url), number, plan])
