"""How is everything, in one table?

Rows for Prefect's table artifacts: the services of a platform, the platforms of the house, the open
incidents. Worst first, because people read the first three rows. Pure; words in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.ports.health import ServiceAssessment, State
from blocks.ports.incidents import Incident
from blocks.ports.journal import SweepSummary
from blocks.slack.messages import TEXTS
from blocks.slack.voice import Voice
from blocks.slack.words import emoji, explain, root_name

SIGNS = {State.OK: "🟢", State.WARNING: "🟡", State.UNKNOWN: "🟣", State.CRITICAL: "🔴"}
_FAULT_SIGN = "🛠️"
_ENOUGH_OF_ID = 8  # what `vigie now` shows and `vigie ack` understands


def render_overview(services: Sequence[ServiceAssessment], *, language: str, time_zone: str) -> list[dict[str, str]]:
    """One row a service: its state, since when, why."""
    voice = Voice(language, time_zone)
    name, state, since, reason = (voice.say(f"column.{key}") for key in ("service", "state", "since", "why"))
    return [
        {
            name: service.service,
            state: state_words(voice, service),
            since: voice.moment(service.since) if service.since else "",
            reason: why(voice, service),
        }
        for service in worst_first(services)
    ]


def render_platforms(
    latest: Mapping[str, SweepSummary | None], incidents: Sequence[Incident], *, language: str, time_zone: str
) -> list[dict[str, str]]:
    """One row a platform; `latest` maps every platform to its newest finished sweep, None when there was none."""
    voice = Voice(language, time_zone)
    return [
        {
            voice.say("column.platform"): platform,
            voice.say("column.state"): verdict_words(voice, sweep.verdict)
            if sweep
            else verdict_words(voice, "unknown"),
            voice.say("column.sweep"): voice.moment(sweep.finished_at or sweep.started_at)
            if sweep
            else voice.say("never"),
            voice.say("column.problems"): voice.number(sweep.problem_count) if sweep else "",
            voice.say("report.not_measured"): voice.number(sweep.missing_count) if sweep else "",
            voice.say("column.incidents"): voice.number(sum(i.platform == platform and i.is_open for i in incidents)),
        }
        for platform, sweep in sorted(latest.items())
    ]


def render_incidents(
    incidents: Sequence[Incident], services: Sequence[ServiceAssessment] = (), /, *, language: str, time_zone: str
) -> list[dict[str, str]]:
    """One row an incident: open ones first, the loudest first, the oldest first.

    `services` give the facts behind a sentence that cannot be retold, where they are known.
    """
    known = {service.service: service for service in services}
    voice = Voice(language, time_zone)
    ordered = sorted(incidents, key=lambda i: (not i.is_open, -i.severity.rank, i.opened_at))
    return [_incident_row(voice, incident, known.get(incident.root)) for incident in ordered]


def worst_first(services: Sequence[ServiceAssessment]) -> list[ServiceAssessment]:
    """By state, then by name."""
    return sorted(services, key=lambda s: (-s.state.rank, s.service))


def state_words(voice: Voice, service: ServiceAssessment) -> str:
    """The state, and whether it is confirmed, unstable or muted."""
    words = [voice.say(f"state.{service.state.value}")]
    if service.state.is_problem and service.mode.value == "soft":
        words.append(voice.say("mode.soft"))
    if service.flapping:
        words.append(voice.say("report.flapping"))
    if service.muted:
        words.append(voice.say("report.muted", reason=service.muted))
    return f"{SIGNS[service.state]} {', '.join(words)}"


def verdict_words(voice: Voice, verdict: str) -> str:
    """A sweep's verdict; one that we do not know is no good news."""
    known = verdict if f"state.{verdict}" in TEXTS else State.UNKNOWN.value
    sign = SIGNS[State(known)] if known in set(State) else _FAULT_SIGN
    return f"{sign} {voice.say(f'state.{known}')}"


def why(voice: Voice, service: ServiceAssessment) -> str:
    """What was seen, and which other service explains it."""
    others = [name for name in service.root_causes if name != service.service]
    explained = [voice.say("report.because_of", names=voice.listing(others))] if others else []
    return "; ".join(part for part in (explain(voice, service.numbers, service.sentence), *explained) if part)


def _incident_row(voice: Voice, incident: Incident, root: ServiceAssessment | None) -> dict[str, str]:
    facts = root.numbers if root is not None else {}
    return {
        voice.say("column.severity"): f"{emoji(incident)} {voice.say(f'severity.{_loudness(incident)}')}",
        voice.say("column.platform"): incident.platform,
        voice.say("column.service"): root_name(voice, incident),
        voice.say("column.since"): voice.moment(incident.opened_at),
        voice.say("column.affected"): voice.listing(incident.affected),
        voice.say("column.who"): _holder(voice, incident),
        "Incident": str(incident.id)[:_ENOUGH_OF_ID],
        voice.say("column.what"): explain(voice, facts, incident.sentence),  # last: long, and tables do not wrap
    }


def _loudness(incident: Incident) -> str:
    return incident.severity.value if incident.is_open else "restored"


def _holder(voice: Voice, incident: Incident) -> str:
    parts = [voice.say("report.acknowledged", who=incident.acknowledged_by)] if incident.acknowledged_by else []
    if incident.silenced_until and incident.is_open:
        parts.append(voice.say("report.silenced"))
    return ", ".join(parts)
