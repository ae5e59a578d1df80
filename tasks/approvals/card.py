"""What does somebody read who must decide in the Prefect UI?

The same first line, facts and words as on Slack's card, in the customer's language and hours, as Markdown; and first of
all how to answer, because Prefect calls every field optional. Text out of the world is escaped: it is shown, never
interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from blocks.ports.approvals import Approval, Plan
from blocks.slack.cards import drill_said, headline, said_choice, said_confirming
from blocks.slack.evidence import said_afterwards, said_measure, said_when_back
from blocks.slack.pieces import action_name, who_asked
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.approvals.decide import entitled, needed_count

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~$])")
_SPACE = re.compile(r"[^\S\u00a0]+")  # a no-break space stays
_LINE_BREAK = "  \n"
_DIGEST = 12


def card_markdown(question: Approval, voice: Voice, *, refused: str = "") -> str:
    """The evidence card of an approval; `refused` is why the last answer did not count."""
    parts = (
        f"**{_say(voice, 'form.refused', why=retell(voice, refused))}**" if refused else "",
        f"**{escaped(headline(voice, question))}**",
        *map(_bold, drill_said(voice, question.plan)),
        _say(voice, "form.how"),
        _changed(voice, question),
        _LINE_BREAK.join(_facts(voice, question.plan)),
        _what(voice, question.plan),
        _LINE_BREAK.join(_rules(voice, question)),
    )
    return "\n\n".join(part for part in parts if part)


def escaped(text: str) -> str:
    """Shown as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", _SPACE.sub(" ", text).strip())


def _changed(voice: Voice, question: Approval) -> str:
    if not question.differences:
        return ""
    return f"{_say(voice, 'card.differences')}\n\n{_list(retell(voice, each) for each in question.differences)}"


def _facts(voice: Voice, plan: Plan) -> list[str]:
    if plan.confirms:
        return [_say(voice, "card.asks", question=plan.reason), *said_confirming(voice, plan)]
    why = [_say(voice, "card.why", reason=retell(voice, plan.reason))] if plan.reason else []
    if plan.parts:
        return [*why, _say(voice, "card.together", names=", ".join(part.platform for part in plan.parts))]
    return [*why, _wrong(voice, plan)]


def _wrong(voice: Voice, plan: Plan) -> str:
    wrong = "; ".join(retell(voice, sentence) for sentence in plan.known_wrong)
    return _say(voice, "card.wrong", sentences=wrong) if wrong else _say(voice, "card.nothing_wrong")


def _what(voice: Voice, plan: Plan) -> str:
    """The evidence; of several platforms who does not go, and each one's own under its name; of a question none."""
    if plan.confirms:
        return ""
    if not plan.parts:
        return _evidence(voice, plan)
    waits = _list(retell(voice, sentence) for sentence in plan.known_wrong)
    named = [f"{_say(voice, 'card.not_going')}\n\n{waits}"] if waits else []
    return "\n\n".join((*named, *(_part(voice, part) for part in plan.parts)))


def _part(voice: Voice, part: Plan) -> str:
    action = action_name(voice, part.action)
    title = _say(
        voice,
        "card.part",
        platform=part.platform,
        action=action,
        candidate=part.candidate,
        span=voice.span(timedelta(seconds=part.expected_s)),
    )
    digest = voice.say("card.plan", digest=f"`{part.digest[:_DIGEST]}`")
    return "\n\n".join((title, _wrong(voice, part), _evidence(voice, part), digest))


def _evidence(voice: Voice, plan: Plan) -> str:
    steps = [f"{number}. {escaped(retell(voice, step.text))}" for number, step in enumerate(plan.steps, 1)]
    bounds = [
        voice.say(
            "card.bound",
            name=retell(voice, bound.name),
            most=said_measure(voice, bound.at_most, bound.unit),
            measured=said_measure(voice, bound.measured, bound.unit),
        )
        for bound in plan.bounds
    ]
    guards = [
        voice.say("card.guard", name=retell(voice, guard.name), text=retell(voice, guard.text)) for guard in plan.guards
    ]
    return "\n\n".join(part for part in ("\n".join(steps), _roles(voice, plan), _list((*bounds, *guards))) if part)


def _roles(voice: Voice, plan: Plan) -> str:
    """Who takes over, what each site is then, and every fence with who confirms it: one line each."""
    roles = voice.listing([voice.say("card.role", site=s, role=retell(voice, r)) for s, r in plan.roles.items()])
    covered = [f"{retell(voice, name)} ({retell(voice, how)})" for name, how in plan.coverage.items()]
    lines = [
        _say(voice, "card.candidate", candidate=plan.candidate) if plan.candidate else "",
        _say(voice, "card.roles", roles=roles) if roles else "",
        _say(voice, "card.coverage", coverage=voice.listing(covered)) if covered else "",
        _say(voice, "card.when_back", steps=back) if (back := said_when_back(voice, plan)) else "",
        _bold(said_afterwards(voice, plan)),
    ]
    return _LINE_BREAK.join(line for line in lines if line)


def _rules(voice: Voice, question: Approval) -> list[str]:
    needed = needed_count(question)
    who, asked_at = who_asked(voice, question.requester), voice.moment(question.asked_at)
    lines = [
        _say(voice, "card.asked", who=who, moment=asked_at),
        _bold(voice.say_count("card.may_decide", needed, names=escaped(voice.listing(entitled(question))))),
        voice.say("card.one_more") if needed > max(1, question.policy.quorum) else "",
        _say(voice, "card.until", moment=voice.moment(question.expires_at)),
        *(
            _say(
                voice,
                "card.decision",
                time=voice.clock(each.at),
                who=each.approver,
                choice=said_choice(voice, question.plan, each.choice),
                door=voice.say(f"door.{each.door.value}"),
            )
            for each in question.decisions
        ),
        voice.say("card.plan", digest=f"`{question.digest[:_DIGEST]}`"),
    ]
    return [line for line in lines if line]


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(each)}" for each in sentences)


def _say(voice: Voice, key: str, **blanks: str) -> str:
    """Our words with their blanks escaped."""
    return _bold(voice.say(key, **{name: f"{{{name}}}" for name in blanks})).format(
        **{name: escaped(value) for name, value in blanks.items()}
    )


def _bold(words: str) -> str:
    """Slack's one star is Markdown's two; an escaped one stays."""
    return re.sub(r"(?<!\\)\*", "**", words)
