"""How far is it, and what may I do about it?

One message a run, updated in place: its state, what is done, what is at work, what comes next, who asked; while it
runs a button that stops it safely, where it failed or was parked one that lets it go on, and where it moved a platform
one that commits the move. At the end what came of it.
Pure: the same picture gives the same message.
"""

from __future__ import annotations

from datetime import datetime

from blocks.ports.approvals import Approval, PlanStep, Standing, about_plan
from blocks.ports.runs import ActionKind, RunState, Step
from blocks.ports.showing import Call, Purpose, PurposeKind, RunPicture
from blocks.slack.cards import voice_of
from blocks.slack.markup import escaped_line, plain
from blocks.slack.pieces import (
    MOST_HEADER,
    Block,
    Blocks,
    action_name,
    button,
    confirmation,
    context,
    header,
    listed,
    named_once,
    run_link,
    say,
    section,
    who_asked,
)
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice

STOP, CONTINUE, COMMIT = "run.stop", "run.continue", "run.commit"
_EMOJI = {
    RunState.RUNNING: "▶️",
    RunState.WAITING: "⏸️",
    RunState.FAILED: "🔴",
    RunState.CANCELLED: "⚪",
    RunState.PARKED: "🅿️",
    RunState.REJECTED: "⛔",
    RunState.EXPIRED: "⌛",
    RunState.VOID: "⚪",
    RunState.DONE: "✅",
}
_GOES_ON = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.PARKED})
_DONE_SHOWN, _NEXT_SHOWN = 8, 6
_LINE = 300


def render_progress(picture: RunPicture) -> tuple[str, Blocks]:
    """(text, blocks) of the run's one message."""
    voice, run = voice_of(picture), picture.run
    title = f"{_EMOJI[run.state]} {run_line(voice, picture)}"
    blocks = [header(title), section("\n".join(_facts(voice, picture)))]
    blocks += listed(voice, _count(voice, picture), _steps(voice, picture), most=_DONE_SHOWN + _NEXT_SHOWN + 4)
    if buttons := _buttons(voice, picture):
        blocks.append(buttons)
    if run_page := run_link(voice, picture.run_url):
        blocks.append(context([run_page]))
    return f"{escaped_line(plain(title, MOST_HEADER), 2 * MOST_HEADER)}\n{_count(voice, picture)}", blocks


def run_line(voice: Voice, picture: RunPicture) -> str:
    """What, on what, and how it stands, on one plain line."""
    run = picture.run
    return voice.say(
        "progress.headline",
        action=action_name(voice, run.action),
        about=named_once(run.platform, plain(run.subject, 50)),
        state=voice.say(f"run_state.{'asks' if _asks(picture) else run.state.value}"),
    )


def _asks(picture: RunPicture) -> bool:
    """Does it wait in the middle of its plan?"""
    newest = picture.approvals[-1] if picture.approvals else None
    waits = newest is not None and newest.standing is Standing.WAITING
    return picture.run.state is RunState.WAITING and newest is not None and waits and bool(newest.plan.confirms)


def render_call(purpose: Purpose, picture: RunPicture) -> Call:
    """What a pager says: nobody decided yet, or the run needs a person; or that this is over."""
    voice, run = voice_of(picture), picture.run
    key = "call.escalation" if purpose.kind is PurposeKind.ESCALATION else "call.page"
    action = action_name(voice, run.action)
    over, since = _standing(purpose, picture)
    return Call(
        summary=plain(voice.say(key, about=named_once(run.platform, run.subject), action=action), 1024),
        sentence=plain(retell(voice, run.reason), 500),
        platform=run.platform,
        subject=run.subject,
        customer=run.customer,
        language=picture.language,
        run_url=picture.run_url,
        since=since,
        is_over=over,
    )


def _standing(purpose: Purpose, picture: RunPicture) -> tuple[bool, datetime]:
    """Is nobody needed any more, and since when is it so?"""
    if purpose.kind is PurposeKind.PAGE:
        return picture.run.state is not RunState.PARKED, picture.run.state_at
    question = picture.approval(purpose.number)
    if question.standing is Standing.WAITING:
        return False, question.escalated_at or question.asked_at
    return True, question.settled_at or picture.now


def _facts(voice: Voice, picture: RunPicture) -> list[str]:
    run = picture.run
    lines = [say(voice, "progress.asked", who=who_asked(voice, run.requested_by), moment=voice.moment(run.opened_at))]
    if run.state.is_over or run.state in _GOES_ON:
        span = voice.span(run.state_at - run.opened_at)
        begin, end = voice.clock(run.opened_at), voice.clock(run.state_at)
        lines.append(voice.say("progress.took", begin=begin, end=end, span=span))
    if run.reason and run.state is not RunState.WAITING:  # the first line says that it waits
        key = "progress.result" if run.state is RunState.DONE else "progress.why"
        lines.append(say(voice, key, reason=retell(voice, run.reason)))
    if run.stop_requested_by and run.state is RunState.RUNNING:
        lines.append(say(voice, "progress.stopping", who=run.stop_requested_by))
    if until := commit_until(picture):
        lines.append(voice.say("progress.commit_until", moment=voice.moment(until)))
    if run.resume_count:
        lines.append(voice.say_count("progress.resumed", run.resume_count))
    return lines


def commit_until(picture: RunPicture) -> datetime | None:
    """Until when the move of this run can be committed before the plan says what happens; None when it cannot."""
    kinds = {line.kind for line in picture.actions}
    served = next((line for line in picture.actions if line.kind is ActionKind.MOVE_SERVES), None)
    if served is None or ActionKind.MOVE_SETTLED in kinds or "commit_due_at" not in served.data:
        return None
    return datetime.fromisoformat(str(served.data["commit_due_at"]))


def _count(voice: Voice, picture: RunPicture) -> str:
    if parts := _plan_parts(picture):
        return voice.say_count("progress.together", parts)
    done, is_done = sum(step.is_done for step in picture.steps), picture.run.state is RunState.DONE
    whole = len(picture.steps) + (0 if is_done else len(_to_come(picture)))  # what only looked left no step
    if not whole:
        return voice.say("progress.none")
    return voice.say_count("progress.count", done, all=voice.number(whole))


def _steps(voice: Voice, picture: RunPicture) -> list[str]:
    done = [step for step in picture.steps if step.is_done]
    shown = done[-_DONE_SHOWN:]
    before = [voice.say_count("progress.before", len(done) - len(shown))] if len(done) > len(shown) else []
    now = [_now(voice, step) for step in picture.steps if not step.is_done]
    to_come = [] if picture.run.state.is_over else _to_come(picture)
    after = [say(voice, "progress.next", text=retell(voice, step.text)) for step in to_come[:_NEXT_SHOWN]]
    left = len(to_come) - len(after)
    more = [voice.say_count("card.more", left)] if left else []
    return [*before, *(_done(voice, step) for step in shown), *now, *after, *more]


def _done(voice: Voice, step: Step) -> str:
    at = step.done_at or step.mark.intended_at
    text, time = _text(voice, step), voice.clock(at)
    if step.by_hand:
        return voice.say("progress.done_by_hand", time=time, text=text, who=escaped_line(step.by_hand, 80))
    return voice.say("progress.done", time=time, text=text, span=voice.span(at - step.mark.intended_at))


def _now(voice: Voice, step: Step) -> str:
    return voice.say("progress.now", time=voice.clock(step.mark.intended_at), text=_text(voice, step))


def _text(voice: Voice, step: Step) -> str:
    return escaped_line(retell(voice, step.text), _LINE)


def _to_come(picture: RunPicture) -> list[PlanStep]:
    """What the newest plan that may be carried out holds besides the steps that were begun."""
    begun = {(step.phase, step.item) for step in picture.steps}
    begun |= {("shift", str(line.data["item"])) for line in picture.actions if line.kind is ActionKind.SHARE_JUDGED}
    usable = _usable(picture)
    steps = usable[-1].plan.steps if usable else ()
    return [step for step in steps if (step.phase, step.item) not in begun]


def _plan_parts(picture: RunPicture) -> int:
    """Of how many platforms the run began, or will begin, a run of its own."""
    usable = _usable(picture)
    return len(usable[-1].plan.parts) if usable else 0


def _usable(picture: RunPicture) -> list[Approval]:
    """What was asked about the plan, and may be or was granted."""
    return [each for each in about_plan(picture.approvals) if each.standing in {Standing.WAITING, Standing.GRANTED}]


def _buttons(voice: Voice, picture: RunPicture) -> Block | None:
    run, value, elements = picture.run, str(picture.run.id), list[Block]()
    if run.state is RunState.RUNNING and not run.stop_requested_by:
        label = voice.say("button.stop")
        sure = confirmation(voice, voice.say("confirm.stop"), label)
        elements.append(button(label, STOP, value, confirm=sure))
    if run.state in _GOES_ON:
        label = voice.say("button.continue" if run.state is RunState.PARKED else "button.retry")
        sure = confirmation(voice, voice.say("confirm.continue"), label)
        elements.append(button(label, CONTINUE, value, style="primary", confirm=sure))
    if commit_until(picture):
        label = voice.say("button.commit")
        sure = confirmation(voice, voice.say("confirm.commit"), label)
        elements.append(button(label, COMMIT, value, confirm=sure))
    return {"type": "actions", "elements": elements} if elements else None
