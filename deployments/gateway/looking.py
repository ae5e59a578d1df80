"""How is everything, and what runs? For one person who asks in Slack; anybody may."""

from __future__ import annotations

from blocks.journal.adapter import PostgresJournal
from blocks.ports.runs import Run, RunState
from blocks.slack.pieces import action_name, named_once, say
from blocks.slack.voice import Voice
from blocks.slack.words import root_name

_OPEN = (RunState.RUNNING, RunState.WAITING, RunState.FAILED, RunState.PARKED)
_MOST_LINES = 20


def now_text(journal: PostgresJournal, voice: Voice) -> str:
    """Every platform's last sweep and its open incidents."""
    lines: list[str] = []
    for platform in journal.platforms():
        swept = journal.last_finished(platform)
        if swept is None:
            lines.append(say(voice, "command.platform_never", platform=platform))
        else:
            lines.append(say(voice, "command.platform", platform=platform, moment=voice.moment(swept)))
        for incident in journal.open_incidents(platform):
            words = {"root": root_name(voice, incident), "moment": voice.moment(incident.opened_at)}
            lines.append(f"• {say(voice, 'command.incident', **words, sentence=voice.retell(incident.sentence))}")
    if not journal.open_incidents():
        lines.append(voice.say("command.no_incident"))
    return _cut(voice, lines)


def runs_text(journal: PostgresJournal, voice: Voice) -> str:
    """What runs, waits, failed or was parked."""
    lines = [f"• {_line(voice, run)}" for run in journal.runs(states=_OPEN)]
    return _cut(voice, lines) if lines else voice.say("command.no_runs")


def _line(voice: Voice, run: Run) -> str:
    return say(
        voice,
        "command.run",
        action=action_name(voice, run.action),
        about=named_once(run.platform, run.subject),
        state=voice.say(f"run_state.{run.state.value}"),
        moment=voice.moment(run.state_at),
    )


def _cut(voice: Voice, lines: list[str]) -> str:
    kept = lines[:_MOST_LINES]
    left = len(lines) - len(kept)
    return "\n".join([*kept, *([voice.say_count("card.more", left)] if left else [])])
