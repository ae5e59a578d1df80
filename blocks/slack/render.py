"""What does the person on duty read, on a phone, at 3 a.m.?

First line: how bad, which service, why. Then since when, who suffers, what was tried, who has it,
and where to click. Pure: the same picture always gives the same message.
The rule: whatever the picture holds, the message fits Slack's limits (Block Kit: 50 blocks, 150
characters a header, 3,000 a text, 10 elements a context) and its first line survives.
"""

from __future__ import annotations

from typing import Any

from blocks.ports.incidents import Incident, IncidentEvent
from blocks.ports.notifications import IncidentPicture
from blocks.slack.markup import escaped, escaped_line, link, plain
from blocks.slack.voice import Voice
from blocks.slack.words import event_text, headline, story_of, voice_of

Blocks = list[dict[str, Any]]
_HEADER = 150
_SENTENCE = 1200
_FACT = 400
_LINE = 2500


def render_incident(picture: IncidentPicture) -> tuple[str, Blocks]:
    """(text, blocks) of the incident's one message. The text is what a notification shows."""
    title, voice = headline(picture), voice_of(picture)
    facts = _facts(voice, picture)
    blocks: Blocks = [{"type": "header", "text": {"type": "plain_text", "text": plain(title, _HEADER), "emoji": True}}]
    if detail := _detail(picture):
        blocks.append(_section(detail))
    blocks += [_section("\n".join(facts)), _foot(voice, picture)]
    return f"{escaped_line(plain(title, _HEADER), _HEADER * 2)}\n{facts[0]}", blocks


def render_event(picture: IncidentPicture, event: IncidentEvent) -> tuple[str, Blocks]:
    """(text, blocks) of one line of history in the incident's thread."""
    voice = voice_of(picture)
    line = f"*{voice.clock(event.at)}* {escaped_line(event_text(voice, event), _LINE)}"
    return line, [_section(line)]


def _facts(voice: Voice, picture: IncidentPicture) -> list[str]:
    incident = picture.incident
    lines = [_when(voice, incident), _sufferers(voice, incident)]
    if picture.clients:
        lines.append(_say(voice, "incident.clients", clients=picture.clients))
    lines.append(_tried(voice, picture.tried))
    lines.append(_taken(voice, incident))
    if incident.silenced_until and incident.is_open:
        until = voice.moment(incident.silenced_until)
        lines.append(_say(voice, "incident.silenced", moment=until, who=incident.silenced_by))
    if incident.reopened_count:
        lines.append(voice.say_count("incident.reopened", incident.reopened_count))
    return [line for line in lines if line]


def _when(voice: Voice, incident: Incident) -> str:
    if incident.closed_at is None:
        return voice.say("incident.since", moment=voice.moment(incident.since))
    duration = voice.span(incident.closed_at - incident.since)
    day = voice.day(incident.closed_at)
    if voice.day(incident.since) == day:
        hours = {"begin": voice.clock(incident.since), "end": voice.clock(incident.closed_at)}
        return voice.say("incident.lasted_one_day", **hours, day=day, duration=duration)
    moments = {"begin": voice.moment(incident.since), "end": voice.moment(incident.closed_at)}
    return voice.say("incident.lasted", **moments, duration=duration)


def _sufferers(voice: Voice, incident: Incident) -> str:
    if not incident.affected:
        return voice.say("incident.affected_none") if incident.is_open else ""
    key = "incident.affected" if incident.is_open else "incident.affected_was"
    return _say(voice, key, services=voice.listing(incident.affected))


def _tried(voice: Voice, steps: tuple[str, ...]) -> str:
    return _say(voice, "incident.tried", steps="; ".join(steps)) if steps else voice.say("incident.tried_nothing")


def _taken(voice: Voice, incident: Incident) -> str:
    if incident.acknowledged_at is None:
        return voice.say("incident.unclaimed") if incident.is_open else ""
    time = voice.clock(incident.acknowledged_at)
    return _say(voice, "incident.acknowledged", who=incident.acknowledged_by, time=time)


def _say(voice: Voice, key: str, **blanks: str) -> str:
    """Our words stay as they are (their bold too); what fills the blanks is escaped and cut."""
    return voice.say(key, **{name: escaped_line(value, _FACT) for name, value in blanks.items()})


def _detail(picture: IncidentPicture) -> str:
    """The whole sentence where the headline did not hold it; empty when it adds nothing."""
    sentence = story_of(picture).strip()
    return "" if sentence in headline(picture) else escaped(sentence, _SENTENCE).strip()


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _foot(voice: Voice, picture: IncidentPicture) -> dict[str, Any]:
    parts = [voice.say("incident.id", id=f"`{picture.incident.id}`")]
    if picture.run_url:
        parts.insert(0, link(picture.run_url, voice.say("incident.run")))
    text = "  ·  ".join(parts)
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}
