"""The report of a move for whoever opens its run, and the one page that a service manager is sent.

Both say the same, in the customer's language: the numbers, the picture, who decided, what proves each step. The HTML
page stands alone: no script, no address that a browser would fetch, everything that came from outside escaped.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import NamedTuple

from blocks.slack.cards import said_choice
from blocks.slack.moves_told import facts_of, stopwatch, title_of
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.reports.moves.picture import phase_name
from tasks.reports.moves.values import Bar, MoveReport
from tasks.reports.sweep import cell

_MOST_ARTIFACT_ROWS = 60
_STYLE = """
:root { color-scheme: light }
body { font: 16px/1.45 system-ui, sans-serif; color: #1f2328; background: #fbfbfc; margin: 0 auto; padding: 1rem;
       max-width: 46rem }
h1 { font-size: 1.35rem } h2 { font-size: 1.1rem; margin-top: 2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem } dt { font-weight: 600 } dd { margin: 0 }
img { max-width: 100%; height: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem; border-bottom: 1px solid #d5d9de;
         overflow-wrap: anywhere }
.critical { font-weight: 600 } .scroll { overflow-x: auto }
@media print { body { max-width: none; background: #fff } tr { break-inside: avoid } }
"""


class Table(NamedTuple):
    """A titled table; `bold` are the rows on the critical path. `otherwise` stands where there is none."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: frozenset[int] = frozenset()
    otherwise: str = ""


def render_markdown(report: MoveReport, *, picture: bytes, kept_in: str, language: str, time_zone: str) -> str:
    """The report as Prefect shows it. `kept_in` is where the whole page is."""
    voice = Voice(language, time_zone)
    facts = [[fact.label, fact.text] for fact in facts_of(voice, report.summary)]
    parts = [
        f"# {cell(title_of(voice, report.summary))}",
        _markdown_table(Table("", ["", ""], facts)),
        f"![{voice.say('move.picture_alt')}]({_data(picture)})" if picture else "",
        *(_markdown_section(table) for table in _tables(voice, report)),
        voice.say("move.kept", where=f"`{' '.join(kept_in.replace('`', ' ').split())}`") if kept_in else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_html(report: MoveReport, *, picture: bytes, language: str, time_zone: str) -> str:
    """The report as one file."""
    voice = Voice(language, time_zone)
    title = title_of(voice, report.summary)
    facts = "".join(
        f"<dt>{html.escape(fact.label)}</dt><dd>{html.escape(fact.text)}</dd>"
        for fact in facts_of(voice, report.summary)
    )
    alt = html.escape(voice.say("move.picture_alt"))
    body = [
        f"<h1>{html.escape(title)}</h1><dl>{facts}</dl>",
        f'<p><img alt="{alt}" src="{_data(picture)}"></p>' if picture else "",
        *(_html_section(table) for table in _tables(voice, report)),
    ]
    return html_page(title, "".join(body), language)


def html_page(title: str, body: str, language: str) -> str:
    """A page of its own around a body that is escaped already. The policy forbids what we do not use."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="{"fr" if language == "fr" else "en"}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


# -- tables ------------------------------------------------------------------------------------


def _tables(voice: Voice, report: MoveReport) -> list[Table]:
    return [_moments(voice, report), _approvals(voice, report), _evidence(voice, report)]


def _moments(voice: Voice, report: MoveReport) -> Table:
    summary = report.summary
    seen = summary.outage_at is not None and summary.outage_at != summary.detected_at
    named = {
        "last_good" if seen else "outage": summary.outage_at,
        "detected": summary.detected_at,
        "decided": summary.decided_at,
        "serving": summary.serving_at,
    }
    rows = [
        (f"{voice.day(at)} {voice.local(at):%H:%M:%S}", voice.say(f"move.moment.{name}"))
        for name, at in named.items()
        if at is not None
    ]
    return Table(voice.say("move.course"), [voice.say("move.column.time"), voice.say("move.column.what")], rows)


def _approvals(voice: Voice, report: MoveReport) -> Table:
    rows = [
        (
            f"{voice.local(said.at):%H:%M:%S}",
            said.approver,
            " ".join(
                part
                for part in (
                    said_choice(voice, approval.plan, said.choice),
                    f"({voice.say(f'door.{said.door.value}')})",
                    said.reason,
                )
                if part
            ),
        )
        for approval in report.approvals
        for said in approval.decisions
    ]
    head = [voice.say(f"move.column.{name}") for name in ("time", "who", "answer")]
    return Table(voice.say("move.approvals"), head, rows, otherwise=voice.say("move.no_approval"))


def _evidence(voice: Voice, report: MoveReport) -> Table:
    head = [voice.say(f"move.column.{name}") for name in ("time", "phase", "step", "took", "evidence")]
    rows = [
        (
            f"{voice.local(bar.begin):%H:%M:%S}",
            phase_name(voice, bar.phase),
            retell(voice, bar.text),
            _took(voice, bar),
            _proof(voice, bar),
        )
        for bar in report.bars
    ]
    bold = frozenset(place for place, bar in enumerate(report.bars) if bar.is_critical)
    return Table(voice.say("move.evidence"), head, rows, bold, otherwise=voice.say("move.no_evidence"))


def _took(voice: Voice, bar: Bar) -> str:
    said = [voice.say("move.open_step") if bar.end is None else stopwatch(voice, (bar.end - bar.begin).total_seconds())]
    if bar.entered_count > 1:
        said.append(voice.say("move.again", count=voice.number(bar.entered_count)))
    return ", ".join(said)


def _proof(voice: Voice, bar: Bar) -> str:
    said = [voice.say("move.by_hand", who=bar.by_hand)] if bar.by_hand else []
    said.append(retell(voice, bar.evidence or bar.outcome) or voice.say("move.no_evidence"))
    return "; ".join(said)


# -- forms -------------------------------------------------------------------------------------


def _markdown_section(table: Table) -> str:
    title = f"## {table.title}"
    if not table.rows:
        return f"{title}\n\n{table.otherwise}" if table.otherwise else ""
    return f"{title}\n\n{_markdown_table(table)}"


def _markdown_table(table: Table) -> str:
    rows = list(table.rows)[:_MOST_ARTIFACT_ROWS]
    lines = [
        [cell(name) for name in table.head],
        ["---"] * len(table.head),
        *([_bold(cell(value), place in table.bold) for value in row] for place, row in enumerate(rows)),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bold(text: str, wanted: bool) -> str:
    return f"**{text}**" if wanted and text else text


def _html_section(table: Table) -> str:
    title = f"<h2>{html.escape(table.title)}</h2>"
    if not table.rows:
        return f"{title}<p>{html.escape(table.otherwise)}</p>" if table.otherwise else ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.head)
    rows = "".join(
        f"<tr{' class=critical' if place in table.bold else ''}>"
        + "".join(f"<td>{html.escape(value)}</td>" for value in row)
        + "</tr>"
        for place, row in enumerate(table.rows)
    )
    return f'{title}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _data(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
