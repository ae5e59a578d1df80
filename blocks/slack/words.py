"""What is broken, in one line the reader understands?

The same headline goes to Slack, to the pager and into the report. What was recorded is retold in the
customer's language; where a piece of it cannot be (a cloud's own prose), the facts in `numbers` are said
instead, so that nobody reads half a sentence in a language they do not speak.

Keys read from an event's `numbers` (all optional): `checks` (which ones say it), `code` (a FindingCode or
MissingCode value), `where` (a host), `measurement`, `value`, `unit`, `limit` ("> 500 ms"); the same with
.2 and .3 for further reasons; `flapping`; `rate` and `budget_left_pct` (a burning budget); `way_out` (a sentence:
everything is down that a failover could move).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from blocks.ports.incidents import READINESS, EventKind, Incident, IncidentEvent, Severity
from blocks.ports.notifications import IncidentPicture
from blocks.slack.messages import TEXTS
from blocks.slack.voice import NO_BREAK, Voice

MOST_HEADLINE = 150
_SAYS_WHAT = {EventKind.OPENED, EventKind.REOPENED, EventKind.CHANGED}
_EMOJI = {Severity.PAGE: "🔴", Severity.TICKET: "🟠", Severity.NOTICE: "🔵"}


def say(language: str, key: str, **blanks: str) -> str:
    """The text of `key` in a language, for those who have no picture and no hours to tell."""
    return Voice(language=language).say(key, **blanks)


def voice_of(picture: IncidentPicture) -> Voice:
    """The customer's language and hours."""
    return Voice(language=picture.language, time_zone=picture.time_zone)


def headline(picture: IncidentPicture) -> str:
    """One line: how bad, which platform, which service, why. Plain text, not escaped, 150 characters where it can."""
    most = MOST_HEADLINE - len(_headline(picture, ""))
    return _headline(picture, shortened(picture, most))


def _headline(picture: IncidentPicture, cause: str) -> str:
    voice, incident = voice_of(picture), picture.incident
    severity = voice.say(f"severity.{incident.severity.value if incident.is_open else 'restored'}")
    line = voice.say(
        "incident.headline" if incident.is_open else "incident.headline_restored",
        severity=severity,
        platform=incident.platform,
        root=root_name(voice, incident),
        cause=cause,
    )
    return f"{emoji(incident)} {line}"


def emoji(incident: Incident) -> str:
    """A colour that is seen before anything is read."""
    return _EMOJI[incident.severity] if incident.is_open else "✅"


def root_name(voice: Voice, incident: Incident) -> str:
    """The service, or what stands for it: a burning budget, the monitoring itself, a plan that would not work."""
    if incident.root.startswith("slo:"):
        return voice.say("root.slo", name=incident.root.removeprefix("slo:"))
    if incident.root == "monitoring":
        return voice.say("root.monitoring")
    if incident.is_readiness:
        return voice.say("root.readiness", name=incident.root.removeprefix(READINESS))
    return incident.root


def cause_of(picture: IncidentPicture) -> str:
    """Why it is broken, or was: what the newest event about the trouble says."""
    numbers, sentence = _trouble(picture)
    return explain(voice_of(picture), numbers, sentence)


def shortened(picture: IncidentPicture, most: int) -> str:
    """The cause in at most `most` characters: its first reasons, else what is known of the first one in short."""
    numbers, _ = _trouble(picture)
    voice, cause = voice_of(picture), cause_of(picture)
    if len(cause) <= most:
        return cause
    reasons = cause.split("; ")
    for count in range(len(reasons) - 1, 0, -1):
        lead = "; ".join(reasons[:count]).rstrip(f" {NO_BREAK}")
        if len(lead) + 1 < most:
            return f"{lead}…"
    return _reason(voice, numbers, "") or cause


def story_of(picture: IncidentPicture) -> str:
    """The newest sentence, whole: why it is broken, or what closed it."""
    incident = picture.incident
    if incident.is_open:
        return cause_of(picture)
    closing = next((event for event in reversed(picture.events) if event.kind is EventKind.CLOSED), None)
    return explain(voice_of(picture), closing.numbers if closing else {}, incident.sentence)


def _trouble(picture: IncidentPicture) -> tuple[Mapping[str, float | str], str]:
    """The numbers and the sentence of the newest event that tells the trouble; a closing sentence tells none."""
    telling = [event for event in picture.events if event.kind in _SAYS_WHAT]
    numbers = next((event.numbers for event in reversed(telling) if _says_facts(event.numbers)), {})
    sentence = picture.incident.sentence
    return numbers, telling[-1].text if telling and not picture.incident.is_open else sentence


def _says_facts(numbers: Mapping[str, float | str]) -> bool:
    return any(key in numbers for key in ("code", "measurement", "rate"))


def event_text(voice: Voice, event: IncidentEvent) -> str:
    """One line of history in the reader's language."""
    until = _moment(event.numbers.get("until"))
    if event.kind is EventKind.SILENCED and until is not None:
        said = voice.say("event.silenced_until", moment=voice.moment(until))
    else:
        said = explain(voice, event.numbers, event.text)
    return voice.say(f"event.{event.kind.value}", text=said, who=event.who).rstrip(" :\u00a0")


def explain(voice: Voice, numbers: Mapping[str, float | str], sentence: str) -> str:
    """The sentence's first line in the reader's language, else the facts in `numbers`, else as it was recorded."""
    line = next(iter(sentence.splitlines()), "")
    return voice.retell_whole(line) or facts(voice, numbers) or voice.retell(line)


def facts(voice: Voice, numbers: Mapping[str, float | str]) -> str:
    """What `numbers` hold, in words; empty when they hold nothing that can be said."""
    reasons = [_reason(voice, numbers, ending) for ending in ("", ".2", ".3")]
    out = voice.retell(str(numbers.get("way_out", "")))
    known = (*reasons, _burn(voice, numbers))
    said = [reason for reason in ((out, *known) if numbers.get("state") == "unknown" else (*known, out)) if reason]
    line = f"{NO_BREAK if voice.language == 'fr' else ''}; ".join(said)
    return voice.say("cause.flapping", cause=line) if line and numbers.get("flapping") else line


def _reason(voice: Voice, numbers: Mapping[str, float | str], ending: str) -> str:
    own = {key.removesuffix(ending): value for key, value in numbers.items() if key.endswith(ending)}
    cause, measure = _code(voice, own), _measure(voice, own)
    if cause and (where := own.get("where")):
        cause = voice.say("cause.where", cause=cause, where=str(where))
    said = voice.say("cause.with_measure", cause=cause, measure=measure) if cause and measure else cause or measure
    if said and (checks := own.get("checks")):
        return voice.say("cause.checks", checks=voice.retell_names(str(checks)), cause=said)
    return said


def _moment(until: float | str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(until) if isinstance(until, str) else None
    except ValueError:
        return None


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
    if left < 0:
        return voice.say("cause.burn_overspent", rate=voice.number(rate), over=voice.percent(-left, 0))
    return voice.say("cause.burn", rate=voice.number(rate), left=voice.percent(left, 0))
