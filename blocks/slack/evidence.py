"""What exactly is approved? The steps, fences, bounds and guards of a plan, as the card shows them.

Of several platforms on one card each has its own under its name, and those that do not go are named first. Pure.
The rule: what was left out for want of room is counted, and stands on the form of the run's page; a bound and a fence
are never left out before a step is, and one that nobody confirms comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blocks.ports.approvals import Bound, Guard, Plan
from blocks.slack.markup import escaped_line, length
from blocks.slack.pieces import MOST_TEXT, Blocks, action_name, listed, say, section
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice

_LINE = 600
_MOST_LINES, _MOST_STEPS = 40, 20
_ALL_PARTS, _LEAST_STEPS = 7200, 160  # characters that the parts of a card share; what a part keeps for its steps
_NOT = "NOT "


def evidence(voice: Voice, plan: Plan) -> Blocks:
    """Everything that the digest covers, and what was measured; nothing of a question in the middle of a plan."""
    if plan.confirms:
        return []
    if not plan.parts:
        return _alone(voice, plan)
    room = min(2 * MOST_TEXT, _ALL_PARTS // len(plan.parts))
    blocks = listed_sentences(voice, "card.not_going", plan.known_wrong)
    return [*blocks, *(block for part in plan.parts for block in _part(voice, part, room))]


def said_wrong(voice: Voice, plan: Plan) -> str:
    """What is known to be wrong now, on one line."""
    wrong = [retell(voice, sentence) for sentence in plan.known_wrong]
    return say(voice, "card.wrong", sentences="; ".join(wrong)) if wrong else voice.say("card.nothing_wrong")


def said_afterwards(voice: Voice, plan: Plan) -> str:
    """What becomes of it when nobody commits it; empty where there is nothing to commit."""
    if not plan.commit_within_s:
        return ""
    key = "card.goes_back" if plan.rolls_back else "card.stays"
    return voice.say(key, span=span_of(voice, plan.commit_within_s))


def said_when_back(voice: Voice, plan: Plan) -> str:
    """What is done when the site that is left answers again; empty where nothing is."""
    return voice.listing([retell(voice, step.text) for step in plan.when_back]) if plan.when_back else ""


def listed_sentences(voice: Voice, key: str, sentences: Sequence[str]) -> Blocks:
    """Recorded sentences under a title."""
    return listed(voice, voice.say(key), [f"• {_line(voice, sentence)}" for sentence in sentences])


def span_of(voice: Voice, seconds: float) -> str:
    """So many seconds, for people."""
    return voice.span(timedelta(seconds=seconds))


def _alone(voice: Voice, plan: Plan) -> Blocks:
    blocks = listed(voice, voice.say_count("card.steps", len(plan.steps)), _steps(voice, plan))
    if roles := _roles(voice, plan):
        blocks.append(section("\n".join(roles)))
    blocks += listed(voice, voice.say("card.bounds"), [f"• {_bound(voice, bound)}" for bound in plan.bounds])
    return blocks + listed(voice, voice.say("card.guards"), [_guard(voice, guard) for guard in plan.guards])


def _part(voice: Voice, part: Plan, room: int) -> Blocks:
    """Two paragraphs: what may be lost, what is fenced, what must hold; and the steps."""
    title = say(
        voice,
        "card.part",
        platform=part.platform,
        action=action_name(voice, part.action),
        candidate=part.candidate,
        span=span_of(voice, part.expected_s),
    )
    lines = [
        *(f"• {_bound(voice, bound)}" for bound in part.bounds),
        *(f"• {_fence(voice, *fence)}" for fence in sorted(part.coverage.items(), key=_unconfirmed_first)),
        *_said_roles(voice, part),
        *([say(voice, "card.when_back", steps=back)] if (back := said_when_back(voice, part)) else []),
        said_afterwards(voice, part),
        said_wrong(voice, part),
        *(_guard(voice, guard) for guard in part.guards),
    ]
    facts = listed(
        voice,
        f"{title} · {voice.say('card.plan', digest=f'`{part.digest[:12]}`')}",
        [line for line in lines if line],
        most=_MOST_LINES,
        characters=min(MOST_TEXT, room - _LEAST_STEPS),
    )
    left = room - sum(length(str(block["text"]["text"])) for block in facts)
    counted = f"*{escaped_line(part.platform, 80)}*: {voice.say_count('card.steps', len(part.steps))}"
    steps = listed(voice, counted, _steps(voice, part), most=_MOST_STEPS, characters=min(MOST_TEXT, left))
    return [*facts, *steps]


def _unconfirmed_first(fence: tuple[str, str]) -> bool:
    return not fence[1].startswith(_NOT)


def _steps(voice: Voice, plan: Plan) -> list[str]:
    return [f"{number}. {_line(voice, step.text)}" for number, step in enumerate(plan.steps, 1)]


def _roles(voice: Voice, plan: Plan) -> list[str]:
    lines = [say(voice, "card.candidate", candidate=plan.candidate)] if plan.candidate else []
    lines += _said_roles(voice, plan)
    if plan.coverage:
        covered = [f"{retell(voice, name)} ({retell(voice, how)})" for name, how in plan.coverage.items()]
        lines.append(say(voice, "card.coverage", coverage=voice.listing(covered)))
    if back := said_when_back(voice, plan):
        lines.append(say(voice, "card.when_back", steps=back))
    if afterwards := said_afterwards(voice, plan):
        lines.append(afterwards)
    return lines


def _said_roles(voice: Voice, plan: Plan) -> list[str]:
    if not plan.roles:
        return []
    roles = [voice.say("card.role", site=site, role=retell(voice, role)) for site, role in plan.roles.items()]
    return [say(voice, "card.roles", roles=voice.listing(roles))]


def _fence(voice: Voice, name: str, how: str) -> str:
    return say(voice, "card.coverage", coverage=f"{retell(voice, name)} ({retell(voice, how)})")


def _bound(voice: Voice, bound: Bound) -> str:
    most, measured = (said_measure(voice, value, bound.unit) for value in (bound.at_most, bound.measured))
    return say(voice, "card.bound", name=retell(voice, bound.name), most=most, measured=measured)


def said_measure(voice: Voice, value: float, unit: str) -> str:
    """The figure with its unit, as far as it has one."""
    return f"{voice.number(value)} {retell(voice, unit)}".rstrip()


def _guard(voice: Voice, guard: Guard) -> str:
    told = say(voice, "card.guard", name=retell(voice, guard.name), text=retell(voice, guard.text))
    return f"{'✓' if guard.holds else '✗'} {told}"


def _line(voice: Voice, text: str) -> str:
    return escaped_line(retell(voice, text), _LINE)
