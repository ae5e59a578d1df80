"""What came of a move, said the same in Slack, on the run's page and in the report?

The rule: a number that was never measured is said to be unknown, a bound is never said without its label, and nothing
is compared with a target that it was not measured for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from blocks.ports.recovery import LossKind, MoveKind
from blocks.ports.reports import Exposure, LossSaid, MoveSummary
from blocks.slack.rulings import retell
from blocks.slack.voice import NO_BREAK, Voice

_SIGNS = {
    "under_way": "▶️",
    "serving": "🟢",
    "committed": "✅",
    "rolled_back": "↩️",
    "abandoned": "⚪",
    "passed": "✅",
    "failed": "🔴",
    "stopped": "⚪",
}
_TENTHS_BELOW_S = 10
_SECONDS_BELOW_S = 3600


class Fact(NamedTuple):
    """One line: what it is about, and what is said of it. Plain text."""

    label: str
    text: str


def title_of(voice: Voice, summary: MoveSummary) -> str:
    """One plain line: what, of what, from where to where, how it ended."""
    kind, state = voice.say(f"move.kind.{summary.kind}"), voice.say(f"move.state.{summary.state}")
    key = "move.title" if summary.to_site else "move.title_drill"
    blanks = {"origin": summary.from_site, "target": summary.to_site} if summary.to_site else {}
    return f"{_SIGNS[summary.state]} {voice.say(key, kind=kind, platform=summary.platform, state=state, **blanks)}"


def facts_of(voice: Voice, summary: MoveSummary) -> list[Fact]:
    """The numbers, most important first."""
    facts = [Fact(voice.say("move.rto"), _rto(voice, summary))]
    if parts := _parts(voice, summary):
        facts.append(Fact(voice.say("move.parts"), parts))
    facts += [Fact(voice.say("move.rpo"), _rpo(voice, summary)), *losses_of(voice, summary)]
    facts.append(Fact(voice.say("move.steps"), _steps(voice, summary)))
    if summary.kind == "drill":
        left = voice.listing(summary.leftovers) if summary.leftovers else voice.say("move.no_leftovers")
        facts.append(Fact(voice.say("move.leftovers"), left))
    else:
        facts.append(Fact(voice.say("move.old_side"), _old_side(voice, summary)))
        facts += [Fact(voice.say("move.fenced_late"), _exposure(voice, each)) for each in summary.exposures]
    return facts


def losses_of(voice: Voice, summary: MoveSummary) -> list[Fact]:
    """Each loss with its label, bound or exact."""
    title = "move.left_behind" if summary.kind == MoveKind.RESTORE else "move.losses"
    return [Fact(voice.say(title), _loss(voice, loss)) for loss in summary.losses]


def stopwatch(voice: Voice, seconds: float) -> str:
    """0.4 s, 12 s, 4 min 12 s, 1 h 05 min: to the second below an hour."""
    if seconds < _TENTHS_BELOW_S:
        return f"{voice.number(round(max(0.0, seconds), 1))}{NO_BREAK}s"
    whole = round(seconds)
    if whole < 60 or whole >= _SECONDS_BELOW_S or not whole % 60:  # noqa: PLR2004 - a minute
        return voice.span(timedelta(seconds=whole))
    return f"{whole // 60}{NO_BREAK}min{NO_BREAK}{whole % 60:02d}{NO_BREAK}s"


def _rto(voice: Voice, summary: MoveSummary) -> str:
    measured = summary.measured_s
    if measured is None:
        key = "move.never_served" if summary.serving_at is None and summary.kind != "drill" else "move.not_known"
        return voice.say(key)
    key = "move.against" if summary.outage_at is not None else "move.no_outage"
    key = "move.rehearsed" if summary.kind == "drill" else key
    return _against(voice, key, stopwatch(voice, measured), measured, summary.rto_target_s)


def _rpo(voice: Voice, summary: MoveSummary) -> str:
    if summary.rpo_s is None:
        return voice.say("move.not_counted")
    measured = stopwatch(voice, summary.rpo_s)
    if not summary.rpo_is_exact:
        measured = voice.say("move.at_most", measured=measured)
    if summary.kind == MoveKind.RESTORE:  # so much was chosen: it is no promise that was missed
        return voice.say("move.chosen", measured=measured)
    return _against(voice, "move.against", measured, summary.rpo_s, summary.rpo_target_s)


def _against(voice: Voice, key: str, said: str, measured: float, target: float) -> str:
    verdict = voice.say("move.met" if measured <= target else "move.missed")
    return voice.say(key, measured=said, target=stopwatch(voice, target), verdict=verdict)


def _parts(voice: Voice, summary: MoveSummary) -> str:
    spans = {
        "move.detection": summary.detection_s,
        "move.decision": summary.decision_s,
        "move.execution": summary.execution_s,
    }
    if all(span is None for span in spans.values()):
        return ""
    return ", ".join(
        voice.say(
            "move.part", name=voice.say(key), span=voice.say("move.not_known") if s is None else stopwatch(voice, s)
        )
        for key, s in spans.items()
        if s is not None or summary.outage_at is not None
    )


def _loss(voice: Voice, loss: LossSaid) -> str:
    key = "move.loss_exact" if loss.kind is LossKind.EXACT else "move.loss_bound"
    said = voice.say_count(key, loss.rows, data=loss.data, span=stopwatch(voice, loss.seconds))
    return voice.say("move.saved", loss=said, where=loss.saved_in) if loss.saved_in else said


def _steps(voice: Voice, summary: MoveSummary) -> str:
    said = [voice.say_count("move.steps_done", summary.done_count, all=voice.number(summary.step_count))]
    if summary.path_s:
        said.append(voice.say("move.path", span=stopwatch(voice, summary.path_s)))
    if summary.people_s:
        said.append(voice.say("move.people", span=stopwatch(voice, summary.people_s)))
    return ", ".join(said)


def _exposure(voice: Voice, exposure: Exposure) -> str:
    what, end = retell(voice, exposure.text), exposure.end
    if end is None:
        return voice.say("move.unfenced", what=what, time=voice.clock_s(exposure.begin))
    span = stopwatch(voice, (end - exposure.begin).total_seconds())
    return voice.say("move.fenced_at", what=what, time=voice.clock_s(end), span=span)


def _old_side(voice: Voice, summary: MoveSummary) -> str:
    if not summary.old_side_most or summary.old_side_last_at is None:
        return voice.say("move.old_side_none")
    time = voice.clock_s(summary.old_side_last_at)
    return voice.say_count("move.old_side_seen", summary.old_side_most, time=time)
