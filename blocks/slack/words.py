"""What is broken, in one line the reader understands?

The same headline goes to Slack, to the pager and into the report. Facts that the events carry in
`numbers` are said in the customer's language; a sentence without them is passed on as it is.

Keys read from an event's `numbers` (all optional): `code` (a FindingCode or MissingCode value),
`measurement`, `value`, `unit`, `limit` ("> 500 ms"), `rate` and `budget_left_pct` (a burning budget).
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.ports.incidents import EventKind, Incident, IncidentEvent, Severity
from blocks.ports.notifications import IncidentPicture
from blocks.slack.messages import TEXTS
from blocks.slack.voice import Voice

_SAYS_WHAT = {EventKind.OPENED, EventKind.REOPENED, EventKind.CHANGED}
_EMOJI = {Severity.PAGE: "🔴", Severity.TICKET: "🟠", Severity.NOTICE: "🔵"}


def say(language: str, key: str, **blanks: str) -> str:
    """The text of `key` in a language, for those who have no picture and no hours to tell."""
    return Voice(language=language).say(key, **blanks)


def voice_of(picture: IncidentPicture) -> Voice:
    """The customer's language and hours."""
    return Voice(language=picture.language, time_zone=picture.time_zone)


def headline(picture: IncidentPicture) -> str:
    """One line: how bad, which platform, which service, why. Plain text, not escaped."""
    voice, incident = voice_of(picture), picture.incident
    severity = voice.say(f"severity.{incident.severity.value if incident.is_open else 'restored'}")
    line = voice.say(
        "incident.headline" if incident.is_open else "incident.headline_restored",
        severity=severity,
        platform=incident.platform,
        root=root_name(voice, incident),
        cause=cause_of(picture),
    )
    return f"{emoji(incident)} {line}"


def emoji(incident: Incident) -> str:
    """A colour that is seen before anything is read."""
    return _EMOJI[incident.severity] if incident.is_open else "✅"


def root_name(voice: Voice, incident: Incident) -> str:
    """The service, or what stands for it: a burning budget, the monitoring itself."""
    if incident.root.startswith("slo:"):
        return voice.say("root.slo", name=incident.root.removeprefix("slo:"))
    if incident.root == "monitoring":
        return voice.say("root.monitoring")
    return incident.root


def cause_of(picture: IncidentPicture) -> str:
    """Why, from the newest event that says it; the incident's own sentence where none does."""
    telling = [event for event in picture.events if event.kind in _SAYS_WHAT]
    return explain(voice_of(picture), telling[-1].numbers if telling else {}, picture.incident.sentence)


def event_text(voice: Voice, event: IncidentEvent) -> str:
    """One line of history in the reader's language."""
    said = explain(voice, event.numbers, event.text)
    return voice.say(f"event.{event.kind.value}", text=said, who=event.who).rstrip(" :\u00a0")


def explain(voice: Voice, numbers: Mapping[str, float | str], sentence: str) -> str:
    """The cause in the reader's language where `numbers` hold it, else the sentence's first line."""
    cause, measure = _code(voice, numbers), _measure(voice, numbers)
    if cause and measure:
        return voice.say("cause.with_measure", cause=cause, measure=measure)
    return cause or _burn(voice, numbers) or measure or voice.retell(next(iter(sentence.splitlines()), ""))


def _code(voice: Voice, numbers: Mapping[str, float | str]) -> str:
    code = numbers.get("code", "")
    key = next((k for k in (f"finding.{code}", f"missing.{code}") if k in TEXTS), "")
    return voice.say(key) if key else ""


def _measure(voice: Voice, numbers: Mapping[str, float | str]) -> str:
    value, name = numbers.get("value"), numbers.get("measurement")
    if not isinstance(value, int | float) or not name:
        return ""
    written = voice.quantity(value, str(numbers.get("unit", "count")))
    name = voice.measurement(str(name))
    if limit := numbers.get("limit"):
        return voice.say("cause.measure_limit", name=name, value=written, limit=voice.limit(str(limit)))
    return voice.say("cause.measure", name=name, value=written)


def _burn(voice: Voice, numbers: Mapping[str, float | str]) -> str:
    rate, left = numbers.get("rate"), numbers.get("budget_left_pct")
    if not isinstance(rate, int | float) or not isinstance(left, int | float):
        return ""
    return voice.say("cause.burn", rate=voice.number(rate), left=voice.percent(left))
