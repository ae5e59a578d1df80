"""Where did the time go? A picture that is read on a phone, at a glance.

Above, the whole course: detection, decision and execution against the target. Below, each step as a bar of its phase's
colour under its own name, the critical path in bold, waits for people hatched. At the foot the clients that were still
on the old side. Opaque and light, so that it reads the same on a light and on a dark page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from blocks.slack.messages import TEXTS
from blocks.slack.moves_told import stopwatch
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.reports.moves.values import Bar, MoveReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

MOST_BARS = 18
MOST_BYTES = 200_000
_WIDTH = 5.6  # inches: a phone held upright, its letters then as large as text
_SIDE = 0.2
_ROW = 0.46
_COURSE, _PARTS_NAMED, _CURVE, _LEGEND = 0.5, 0.62, 1.1, 0.24
_ABOVE, _BELOW = 0.42, 0.34  # a panel's title, its hours
_PAPER, _INK, _GRID, _PALE = "#fbfbfc", "#1f2328", "#d5d9de", "#6b7280"
_PARTS = {"detection": "#f2b134", "decision": "#8a63d2", "execution": "#1264a3"}
_PHASES = {
    "check": "#8b949e",
    "fence": "#d92d20",
    "promote": "#6940a5",
    "verify-data": "#0f7b6c",
    "start": "#1264a3",
    "shift": "#d9730d",
    "verify-clients": "#3aa76d",
    "settle": "#8b949e",
}
_OTHER_PHASE = "#4b5563"
_LONGEST_NAME = 42
_FAR = 5  # a target so many times further off is only written
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def draw_move(report: MoveReport, *, language: str, time_zone: str) -> bytes:
    """A PNG of less than 200 kB; empty while no step was begun."""
    if not report.bars:
        return b""
    for dots in (160, 120, 90):
        picture = _draw(report, Voice(language, time_zone), dots)
        if len(picture) <= MOST_BYTES:
            return picture
    return b""


def worth_a_bar(bars: Sequence[Bar]) -> list[Bar]:
    """The steps to draw, in the order of time: of very many the critical ones and the longest."""

    def weight(bar: Bar) -> tuple[bool, bool, timedelta]:
        return bar.is_critical, bar.end is None, (bar.end or bar.begin) - bar.begin

    chosen = sorted(bars, key=weight, reverse=True)[:MOST_BARS]
    return sorted(chosen, key=lambda bar: (bar.begin, bar.end is None, bar.end or bar.begin, bar.key))


def _draw(report: MoveReport, voice: Voice, dots: int) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = worth_a_bar(report.bars)
    signs = _signs(report, shown, voice)
    steps, legend = _ROW * len(shown) + 0.15, _LEGEND * -(-len(signs) // 2) + 0.15
    curve = _ABOVE + _CURVE + _BELOW if report.old_side else 0.0
    tall = _ABOVE + _COURSE + _BELOW + _PARTS_NAMED + _ABOVE + steps + _BELOW + legend + curve
    figure = Figure(figsize=(_WIDTH, tall), dpi=dots, facecolor=_PAPER)
    canvas = FigureCanvasAgg(figure)

    def panel(top: float, height: float) -> Axes:
        return figure.add_axes((_SIDE / _WIDTH, 1 - (top + height) / tall, 1 - 2 * _SIDE / _WIDTH, height / tall))

    top = _ABOVE
    _draw_course(panel(top, _COURSE), report, voice)
    top += _COURSE + _BELOW
    _name_parts(panel(top, _PARTS_NAMED), report, voice)
    top += _PARTS_NAMED + _ABOVE
    _draw_steps(panel(top, steps), report, shown, voice)
    top += steps + _BELOW
    _draw_signs(panel(top, legend), signs)
    if report.old_side:
        _draw_old_side(panel(top + legend + _ABOVE, _CURVE), report, voice)
    canvas.draw()
    return _fewer_colours(canvas)


# -- the whole course --------------------------------------------------------------------------


def _draw_course(axes: Axes, report: MoveReport, voice: Voice) -> None:
    summary = report.summary
    target, at = summary.rto_target_s, 0.0
    for part, span in _parts(report).items():
        axes.broken_barh([(at, span or 0.0)], (0, 1), facecolors=_PARTS[part])
        at += span or 0.0
    axes.set_xlim(0, max(at, target if target <= _FAR * at else 0) * 1.02 or 1)
    _hatch(axes, report, summary.outage_at or summary.detected_at or summary.decided_at or report.begin, at)
    if target <= _FAR * at:
        axes.axvline(target, color=_INK, linewidth=2, linestyle=(0, (3, 2)))
    axes.set_ylim(0, 1.05)
    axes.set_yticks([])
    key = "course" if summary.outage_at is not None else "planned"
    measured = summary.measured_s
    total = voice.say("move.not_known") if measured is None else stopwatch(voice, measured)
    _title(axes, f"{voice.say(f'move.picture.{key}')} · {total}")
    _aside(axes, voice.say("move.picture.target", span=stopwatch(voice, target)))
    _spans_below(axes, voice)


def _hatch(axes: Axes, report: MoveReport, zero: datetime, end: float) -> None:
    for wait in report.waits:
        begin = max(0.0, (wait.begin - zero).total_seconds())
        until = min(end, (wait.end - zero).total_seconds())
        if until > begin:
            axes.broken_barh(
                [(begin, until - begin)], (0, 1), facecolors="none", hatch="///", edgecolor="#ffffffcc", lw=0
            )


def _parts(report: MoveReport) -> dict[str, float | None]:
    summary = report.summary
    return {"detection": summary.detection_s, "decision": summary.decision_s, "execution": summary.execution_s}


def _name_parts(axes: Axes, report: MoveReport, voice: Voice) -> None:
    """Names in a row below the bar, each with its colour: a part of a second is too narrow to be written on."""
    axes.set_axis_off()
    told = [(part, span) for part, span in _parts(report).items() if span is not None]
    for place, (part, span) in enumerate(told):
        left = place / len(told)
        axes.text(left, 0.78, "■", fontsize=12, color=_PARTS[part], va="center")
        axes.text(left + 0.05, 0.78, voice.say(f"move.{part}"), fontsize=10, color=_INK, va="center")
        axes.text(left + 0.05, 0.3, stopwatch(voice, span), fontsize=11, color=_INK, va="center", fontweight="bold")


# -- the steps ---------------------------------------------------------------------------------


def _draw_steps(axes: Axes, report: MoveReport, shown: Sequence[Bar], voice: Voice) -> None:
    zero = min(bar.begin for bar in shown)
    last = max(bar.end or report.end for bar in shown)
    whole = max((last - zero).total_seconds(), 0.1)
    axes.set_xlim(0, whole * 1.02)
    for row, bar in enumerate(shown):
        _draw_bar(axes, row, bar, (zero, report.end), voice)
    for wait in report.waits:
        begin, end = (wait.begin - zero).total_seconds(), (wait.end - zero).total_seconds()
        if end > 0 and begin < whole:
            axes.axvspan(max(0, begin), min(whole, end), facecolor="#eceff3", edgecolor="#b8bfc8", hatch="///", lw=0)
    axes.set_ylim(len(shown) - 0.05, -0.35)
    axes.set_yticks([])
    _title(axes, voice.say("move.picture.steps"))
    if left_out := len(report.bars) - len(shown):
        _aside(axes, voice.say_count("move.picture.more", left_out))
    _spans_below(axes, voice)


def _draw_bar(axes: Axes, row: int, bar: Bar, span: tuple[datetime, datetime], voice: Voice) -> None:
    zero, now = span
    begin, end = (bar.begin - zero).total_seconds(), ((bar.end or now) - zero).total_seconds()
    colour = _PHASES.get(bar.phase, _OTHER_PHASE)
    least = 0.012 * (axes.get_xlim()[1] or 1)
    axes.broken_barh(
        [(begin, max(end - begin, least))], (row + 0.36, 0.34 if bar.is_critical else 0.2),
        facecolors=colour if bar.end is not None else "none", edgecolor=_INK if bar.is_critical else colour,
        linewidth=1.1 if bar.is_critical else 0.6,
    )  # fmt: skip
    took = stopwatch(voice, end - begin) if bar.end is not None else voice.say("move.open_step")
    weight = "bold" if bar.is_critical else "normal"
    axes.text(
        0.0, row + 0.27, _name(retell(voice, bar.text)), transform=axes.get_yaxis_transform(), fontsize=10,
        color=_INK, va="bottom", fontweight=weight,
    )  # fmt: skip
    axes.text(
        1.0, row + 0.27, took, transform=axes.get_yaxis_transform(), fontsize=10, color=_INK, va="bottom",
        ha="right", fontweight=weight,
    )  # fmt: skip


def _signs(report: MoveReport, shown: Sequence[Bar], voice: Voice) -> list[Any]:
    """What the colours and lines mean, as far as they are there."""
    from matplotlib.patches import Patch

    phases = dict.fromkeys(bar.phase for bar in shown)
    signs = [Patch(facecolor=_PHASES.get(p, _OTHER_PHASE), label=phase_name(voice, p)) for p in phases]
    signs.append(Patch(facecolor="white", edgecolor=_INK, linewidth=1.4, label=voice.say("move.picture.path")))
    if report.waits:
        signs.append(
            Patch(facecolor="#eceff3", edgecolor="#8b949e", hatch="///", label=voice.say("move.picture.people"))
        )
    return signs


def _draw_signs(axes: Axes, signs: Sequence[Any]) -> None:
    axes.set_axis_off()
    axes.legend(
        handles=signs, loc="upper left", bbox_to_anchor=(0, 0, 1, 1), ncols=2, frameon=False, fontsize=10,
        labelcolor=_INK, borderaxespad=0, borderpad=0.2, mode="expand",
    )  # fmt: skip


def phase_name(voice: Voice, phase: str) -> str:
    """The phase in the reader's words where there are some."""
    return voice.say(f"phase.{phase}") if f"phase.{phase}" in TEXTS else phase


# -- the old side ------------------------------------------------------------------------------


def _draw_old_side(axes: Axes, report: MoveReport, voice: Voice) -> None:
    zero = report.old_side[0].at
    at = [(count.at - zero).total_seconds() for count in report.old_side]
    clients = [count.client_count for count in report.old_side]
    axes.step(at, clients, where="post", color="#d92d20", linewidth=1.8)
    axes.fill_between(at, clients, step="post", color="#d92d20", alpha=0.15)
    axes.set_ylim(0, max(*clients, 1) * 1.1)
    axes.set_xlim(0, max(at[-1], 1))
    axes.set_yticks([])
    _title(axes, voice.say("move.picture.old_side"))
    _aside(axes, voice.say("move.at_most", measured=voice.number(max(clients))))
    _spans_below(axes, voice)


# -- pieces ------------------------------------------------------------------------------------


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=11, color=_INK, fontweight="bold", pad=5)


def _aside(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="right", fontsize=9, color=_PALE, pad=6)


def _spans_below(axes: Axes, voice: Voice) -> None:
    from matplotlib.ticker import MultipleLocator

    whole = axes.get_xlim()[1]
    axes.xaxis.set_major_locator(MultipleLocator(next((step for step in _TICKS_S if whole / step <= 4), whole)))  # noqa: PLR2004
    axes.xaxis.set_major_formatter(lambda value, _: _tick(voice, value))
    axes.tick_params(axis="x", labelsize=9, colors=_INK, length=3)
    axes.set_facecolor(_PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)


def _tick(voice: Voice, seconds: float) -> str:
    return voice.span(timedelta(seconds=seconds)) if seconds >= 1 else voice.number(seconds, 1) if seconds else "0"


def _name(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def _fewer_colours(canvas: FigureCanvasAgg) -> bytes:
    from PIL import Image

    smaller = io.BytesIO()
    size: tuple[int, int] = canvas.get_width_height()
    flat = Image.frombuffer("RGBA", size, bytes(canvas.buffer_rgba())).convert("RGB")
    few = flat.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(smaller, format="png")
    return smaller.getvalue()
