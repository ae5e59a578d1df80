"""Of what are messages, buttons and modals made, and does each piece fit?

The rule: our own words stay as they are, what fills their blanks is escaped and cut; a button carries the id of
what it is about and nothing else. Limits: Slack's reference on Block Kit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blocks.ports.runs import SCHEDULE, UNKNOWN_REQUESTER
from blocks.slack.markup import escaped_line, length, link, plain
from blocks.slack.voice import Voice

Block = dict[str, Any]
Blocks = list[Block]
MOST_HEADER = 150
MOST_TEXT = 3000
MOST_MESSAGE = 9000
"""Characters of all blocks of a message. Slack refuses somewhere above (`msg_blocks_too_long`) and documents no number;
9,600 were seen to pass and 11,300 were not."""
MOST_FACT = 400
MOST_LABEL, _MOST_CONFIRM, _MOST_CONFIRM_TITLE, _MOST_CONFIRM_BUTTON, _COUNTED = 75, 300, 100, 30, 30


def say(voice: Voice, key: str, **blanks: str) -> str:
    """Words with their blanks escaped, each at most 400 characters."""
    return voice.say(key, **{name: escaped_line(value, MOST_FACT) for name, value in blanks.items()})


def header(text: str) -> Block:
    """The first line, plain."""
    return {"type": "header", "text": {"type": "plain_text", "text": plain(text, MOST_HEADER), "emoji": True}}


def section(text: str) -> Block:
    """A paragraph of mrkdwn, already escaped."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(parts: Sequence[str]) -> Block:
    """Small print."""
    text = "  ·  ".join(part for part in parts if part)
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def listed(
    voice: Voice, title: str, lines: Sequence[str], most: int = 20, *, characters: int = MOST_TEXT
) -> list[Block]:
    """A titled list as one section; what does not fit is counted. Nothing for no lines."""
    if not lines:
        return []
    room, kept = characters - length(title) - 60, list[str]()
    for line in lines[:most]:
        room -= length(line) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    more = [voice.say_count("card.more", left)] if left else []
    return [section("\n".join([title, *kept, *more]))]


def fitted(voice: Voice, blocks: Sequence[Block], most: int = MOST_MESSAGE) -> Blocks:
    """The message within its limit: the longest paragraphs lose their last lines, and say how many."""
    texts = {n: str(b["text"]["text"]).split("\n") for n, b in enumerate(blocks) if b["type"] == "section"}
    over = sum(length(str(text)) for block in blocks for text in _texts(block)) - most
    left = dict.fromkeys(texts, 0)
    while (
        over > 0
        and (longest := max(texts, key=lambda n: (len(texts[n]) > 1, sum(map(length, texts[n]))), default=None))
        is not None
    ):
        if len(texts[longest]) < 2:  # noqa: PLR2004  nothing but titles is left
            break
        over -= length(texts[longest].pop()) + 1 - (0 if left[longest] else _COUNTED)
        left[longest] += 1
    shortened = {n: [*lines, voice.say_count("card.more", left[n])] if left[n] else lines for n, lines in texts.items()}
    return [section("\n".join(shortened[n])) if left.get(n) else block for n, block in enumerate(blocks)]


def _texts(block: Block) -> list[str]:
    pieces = [block.get("text"), *block.get("elements", ())]
    return [str(piece["text"]) for piece in pieces if isinstance(piece, dict) and isinstance(piece.get("text"), str)]


def button(label: str, action_id: str, value: str, *, style: str = "", confirm: Block | None = None) -> Block:
    """A button; `style` is `primary`, `danger` or empty."""
    made: Block = {"type": "button", "text": plain_text(label), "action_id": action_id, "value": value}
    return made | ({"style": style} if style else {}) | ({"confirm": confirm} if confirm else {})


def confirmation(voice: Voice, text: str, yes: str) -> Block:
    """A last question with two buttons."""
    return {
        "title": plain_text(voice.say("confirm.title"), _MOST_CONFIRM_TITLE),
        "text": plain_text(text, _MOST_CONFIRM),
        "confirm": plain_text(yes, _MOST_CONFIRM_BUTTON),
        "deny": plain_text(voice.say("button.cancel"), _MOST_CONFIRM_BUTTON),
    }


def plain_text(text: str, most: int = MOST_LABEL) -> Block:
    """Plain text that fits; a label is never empty."""
    return {"type": "plain_text", "text": plain(text, most) or "-", "emoji": True}


def run_link(voice: Voice, url: str) -> str:
    """Where the run is, or nothing."""
    return link(url, voice.say("button.run")) if url else ""


def action_name(voice: Voice, action: str) -> str:
    """What is done, in the reader's words where there are some."""
    from blocks.slack.messages import TEXTS

    key = f"action.{action}"
    return voice.say(key) if key in TEXTS else action


def named_once(platform: str, subject: str) -> str:
    """'hearth · device-api'; a platform that is itself what it is about stands there once."""
    return platform if subject == platform else f"{platform} · {subject}"


def who_asked(voice: Voice, requester: str) -> str:
    """The name; or that Prefect was asked directly, or the schedule began it, where nobody has one."""
    if requester == SCHEDULE:
        return voice.say("who.schedule")
    return voice.say("who.unknown") if requester == UNKNOWN_REQUESTER else requester
