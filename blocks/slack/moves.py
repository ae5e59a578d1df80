"""What came of a move or a drill, and how long has the platform run elsewhere, as Slack shows it?

Rendered from the lines that the journal keeps of a report and of a reminder, so that what people read is what was
recorded. Pure: the same picture gives the same message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from pydantic import TypeAdapter

from blocks.errors import Broken
from blocks.ports.reports import MoveSummary
from blocks.ports.runs import Action, ActionKind
from blocks.ports.showing import RunPicture
from blocks.slack.cards import voice_of
from blocks.slack.markup import escaped_line, plain
from blocks.slack.moves_told import facts_of, title_of
from blocks.slack.pieces import MOST_FACT, MOST_HEADER, Blocks, context, header, listed, run_link, say, section
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice

SUMMARY = TypeAdapter(MoveSummary)
_LINE = 300


def render_report(picture: RunPicture) -> tuple[str, Blocks]:
    """(text, blocks) of the newest report of the run. Raises `Broken` when there is none."""
    voice, line = voice_of(picture), _newest(picture)
    summary = SUMMARY.validate_python(line.data["summary"])
    title = plain(title_of(voice, summary), MOST_HEADER)
    facts = [f"*{escaped_line(f.label, 60)}* {escaped_line(f.text, MOST_FACT)}" for f in facts_of(voice, summary)]
    blocks = [header(title), *listed(voice, facts[0], facts[1:])]
    return f"{escaped_line(title, 2 * MOST_HEADER)}\n{facts[0]}", [*blocks, _foot(voice, picture, line)]


def render_reminder(picture: RunPicture, line: Action) -> tuple[str, Blocks]:
    """(text, blocks) of one daily reminder: of a platform that runs elsewhere, or of a move that nobody committed."""
    if "why" in line.data:
        return _commit_reminder(picture, line)
    voice, since = voice_of(picture), datetime.fromisoformat(str(line.data["since"]))
    span = voice.span(max(timedelta(0), line.at - since))
    title = voice.say("reminder.title", platform=picture.run.platform, site=str(line.data["site"]), span=span)
    facts = [voice.say("reminder.since", moment=voice.moment(since))]
    cost = str(line.data.get("cost") or "")
    facts.append(say(voice, "reminder.cost", cost=retell(voice, cost)) if cost else voice.say("reminder.no_cost"))
    platform = picture.run.platform
    facts.append(
        voice.say("reminder.home", start="`failback/failback`", look=f"`vigie plan failback {plain(platform, 60)}`")
    )
    blocks = [header(title), section("\n".join(facts)), *_missing(voice, line), _foot(voice, picture, line)]
    return f"{escaped_line(plain(title, MOST_HEADER), 2 * MOST_HEADER)}\n{facts[0]}", blocks


def _commit_reminder(picture: RunPicture, line: Action) -> tuple[str, Blocks]:
    voice, platform = voice_of(picture), plain(picture.run.platform, 60)
    kind = voice.say(f"action.{line.data['kind']}")
    title = voice.say("commit.title", platform=platform, kind=kind, site=str(line.data["site"]))
    facts = [
        voice.say("commit.since", moment=voice.moment(datetime.fromisoformat(str(line.data["since"])))),
        say(voice, "commit.why", why=retell(voice, str(line.data["why"]))),
        voice.say("commit.how", commit=f"`vigie commit {platform}`"),
    ]
    blocks = [header(plain(title, MOST_HEADER)), section("\n".join(facts)), _foot(voice, picture, line)]
    return f"{escaped_line(plain(title, MOST_HEADER), 2 * MOST_HEADER)}\n{facts[1]}", blocks


def _missing(voice: Voice, line: Action) -> Blocks:
    sentences = cast("Sequence[object]", line.data.get("missing") or ())
    if not sentences:
        return [section(voice.say("reminder.ready"))]
    told = [f"• {escaped_line(retell(voice, str(sentence)), _LINE)}" for sentence in sentences]
    return listed(voice, voice.say("reminder.missing"), told)


def _newest(picture: RunPicture) -> Action:
    found = next((line for line in reversed(picture.actions) if line.kind is ActionKind.REPORTED), None)
    if found is None:
        raise Broken(f"run {picture.run.id} has no report")
    return found


def _foot(voice: Voice, picture: RunPicture, line: Action) -> dict[str, object]:
    kept = str(line.data.get("kept_in") or "")
    where = voice.say("move.kept", where=f"`{escaped_line(kept.replace('`', ' '), _LINE)}`") if kept else ""
    return context([run_link(voice, picture.run_url), where])
