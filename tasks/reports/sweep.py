"""What did this sweep find, for somebody who opens its run?

One page of markdown: the verdict in the first line, services worst first, what could not be measured
and why, open incidents, a picture of the last hours, and where all readings are kept. Words that came
from outside can neither draw nor link. Pure; in the customer's language.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from datetime import datetime

from blocks.ports.health import Missing, Reading, ServiceAssessment, State
from blocks.ports.incidents import Incident
from blocks.slack.voice import Voice
from tasks.reports.tables import SIGNS, render_incidents, render_overview, verdict_words, worst_first
from tasks.reports.timeline import MOST_CHECKS

_MOST_ROWS = 200
_FEW = 40
_MOST_MISSING = 50


def render_sweep_report(
    platform: str,
    services: Sequence[ServiceAssessment],
    readings: Sequence[Reading],
    *,
    picture: bytes,
    incidents: Sequence[Incident],
    at: datetime,
    verdict: str,
    language: str,
    time_zone: str,
    fault: str = "",
    evidence: str = "",
) -> str:
    """The report as markdown.

    `picture` shows the last hours, `fault` says what is wrong with the measurement itself, `evidence` is an address.
    """
    voice = Voice(language, time_zone)
    hours = {"language": language, "time_zone": time_zone}
    missing = [reading for reading in readings if reading.missing is not None]
    parts = [
        f"# {cell(voice.say('report.title', platform=platform, moment=voice.moment(at)))}",
        f"**{_verdict(voice, services, verdict)}**",
        cell(voice.retell(fault)),
        cell(voice.say_count("report.unmeasured", len(missing))) if missing else "",
        *_section(voice, "report.services", render_overview(_worth_a_row(services), **hours)),
        *_section(voice, "report.not_measured", _missing_rows(voice, missing)),
        *(_section(voice, "report.incidents", render_incidents(incidents, services, **hours)) or _no_incident(voice)),
        *_picture(voice, picture, len(readings)),
        _evidence(voice, evidence),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def cell(text: str) -> str:
    """Text that markdown and HTML leave alone, on one line."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "|`*_[]\\~#!" else letter for letter in plain)


def _verdict(voice: Voice, services: Sequence[ServiceAssessment], verdict: str) -> str:
    if verdict == "monitoring_fault":
        return cell(verdict_words(voice, verdict))
    if not services:
        return f"{SIGNS[State.UNKNOWN]} {voice.say('report.no_service')}"
    problems = [service.service for service in worst_first(services) if service.state.is_problem]
    sign = verdict_words(voice, verdict).split()[0]
    if not problems:
        return f"{sign} {voice.say_count('report.all_ok', len(services))}"
    names = voice.listing([cell(name) for name in problems])
    return f"{sign} {voice.say_count('report.problems', len(problems), total=voice.number(len(services)), names=names)}"


def _worth_a_row(services: Sequence[ServiceAssessment]) -> Sequence[ServiceAssessment]:
    """All of a few; of many, those that are not well."""
    if len(services) <= _FEW:
        return services
    return [service for service in worst_first(services) if service.state.is_problem][:_MOST_ROWS]


def _missing_rows(voice: Voice, missing: Sequence[Reading]) -> list[dict[str, str]]:
    return [
        {
            voice.say("column.check"): f"{reading.service} · {reading.check}",
            voice.say("column.why"): _unmeasured(voice, reading.missing),
        }
        for reading in missing[:_MOST_MISSING]
        if reading.missing is not None
    ]


def _unmeasured(voice: Voice, missing: Missing) -> str:
    """Why, in the reader's language, then what was said; in the other's own words where they cannot be retold."""
    why, told = voice.say(f"missing.{missing.code.value}"), voice.retell_whole(missing.text)
    if told is None:
        return voice.say("cause.quoted", cause=why, reason=missing.text)
    return voice.say("cause.because", cause=why, reason=told) if told else why


def _section(voice: Voice, title: str, rows: Sequence[dict[str, str]]) -> list[str]:
    """A heading and a table; nothing when there are no rows."""
    if not rows:
        return []
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([cell(row[name]) for name in head] for row in rows)]
    return [f"## {voice.say(title)}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]


def _no_incident(voice: Voice) -> list[str]:
    return [f"## {voice.say('report.incidents')}", voice.say("report.no_incident")]


def _picture(voice: Voice, picture: bytes, checks: int) -> list[str]:
    title = f"## {voice.say('report.picture')}"
    if not picture:
        return [title, voice.say("report.picture_empty")]
    drawn = base64.b64encode(picture).decode()
    caption = voice.say_count("report.picture_newest", MOST_CHECKS) if checks > MOST_CHECKS else ""
    return [title, f"![{voice.say('report.picture_alt')}](data:image/png;base64,{drawn})", caption]


def _evidence(voice: Voice, evidence: str) -> str:
    if not evidence:
        return ""
    label = voice.say("report.evidence")
    is_link = evidence.startswith(("https://", "http://")) and not set(evidence) & set(" ()<>[]\\\"'`|\n")
    return f"[{label}]({evidence})" if is_link else f"{label}: `{' '.join(evidence.replace('`', ' ').split())}`"
