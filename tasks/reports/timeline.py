"""How did it go in the last hours?

A picture of each check's state over time, and of the latencies below: what broke first, what followed,
what came back. Where nothing was measured nothing is drawn: a gap is not green.
Opaque and light, so that it reads the same on a light and on a dark page; states differ by pattern too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise, zip_longest
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from blocks.ports.health import CheckKey, Reading, State, Unit
from blocks.ports.journal import StatePoint
from blocks.slack.voice import Voice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

MOST_CHECKS = 24
MOST_LATENCIES = 5
MOST_BYTES = 150_000
_WIDTH = 10.0  # inches
_USUAL_GAP = timedelta(minutes=5)
_SECONDS_MATTER = timedelta(minutes=8)  # shorter pictures would name the same minute twice
_LONGEST_NAME = 34
_NAME_SPACE = 4.0  # points between a name and its row
_COLOURS = {"ok": "#3aa76d", "warning": "#f2b134", "critical": "#d92d20", "unknown": "#8a63d2"}
_PATTERNS = {"critical": "xx", "unknown": "///"}
_LINES = ("#1264a3", "#d9730d", "#0f7b6c", "#ad1a72", "#6940a5")
_PAPER, _INK, _GRID = "#fbfbfc", "#1f2328", "#d5d9de"


class Stretch(NamedTuple):
    """A time during which a check was in one state."""

    begin: datetime
    end: datetime
    state: str


def draw_timeline(points: Sequence[StatePoint], *, language: str, time_zone: str) -> bytes:
    """A PNG of less than 150 kB; empty when there is nothing to draw."""
    if not points:
        return b""
    histories = _histories(points)
    shown = worst_checks(histories)
    for dots in (110, 80, 55):
        picture = _draw(shown, histories, Voice(language, time_zone), dots)
        if len(picture) <= MOST_BYTES:
            return picture
    return b""


def stretches(history: Sequence[StatePoint]) -> list[Stretch]:
    """A check's states over time, equal neighbours joined. A state holds until the next point, but not over a gap."""
    usual, holds = _rhythm(history)
    joined: list[Stretch] = []
    for point, following in zip_longest(history, history[1:]):
        end = min(following.at, point.at + holds) if following else point.at + min(usual, holds)
        if joined and joined[-1].state == point.state and joined[-1].end >= point.at:
            joined[-1] = joined[-1]._replace(end=end)
        else:
            joined.append(Stretch(point.at, end, point.state))
    return joined


def latency_line(history: Sequence[StatePoint]) -> list[tuple[datetime, float]]:
    """Times and milliseconds to draw a line through; not a number where nothing was measured, so that it breaks."""
    _, holds = _rhythm(history)
    line: list[tuple[datetime, float]] = []
    for point, following in zip_longest(history, history[1:]):
        measured = point.value if point.unit == Unit.MILLISECONDS else None
        line.append((point.at, float("nan") if measured is None else measured))
        if following and following.at > point.at + holds:
            line.append((point.at + holds, float("nan")))
    return line


def _rhythm(history: Sequence[StatePoint]) -> tuple[timedelta, timedelta]:
    """How far apart points usually are, and for how long one is believed."""
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(history)]
    usual = timedelta(seconds=median(gaps)) if gaps else _USUAL_GAP
    return usual, max(usual, timedelta(seconds=1)) * 2


def slowest(readings: Sequence[Reading]) -> list[CheckKey]:
    """The checks of this sweep whose latency is worth a line."""
    timed = [
        (measured.value, reading.key)
        for reading in readings
        for measured in reading.measurements[:1]
        if measured.unit is Unit.MILLISECONDS
    ]
    return [key for _, key in sorted(timed, reverse=True)[:MOST_LATENCIES]]


def worst_checks(histories: dict[CheckKey, list[StatePoint]]) -> list[CheckKey]:
    """The checks to draw: those that fared worst, in the order of their names."""

    def badness(key: CheckKey) -> tuple[int, int]:
        ranks = [State(p.state).rank if p.state in set(State) else State.UNKNOWN.rank for p in histories[key]]
        return max(ranks), sum(ranks)

    chosen = sorted(histories, key=lambda key: (badness(key), key), reverse=True)[:MOST_CHECKS]
    return sorted(chosen)


def _histories(points: Sequence[StatePoint]) -> dict[CheckKey, list[StatePoint]]:
    found: dict[CheckKey, list[StatePoint]] = {}
    for point in sorted(points, key=lambda p: p.at):
        found.setdefault(point.key, []).append(point)
    return found


def _draw(shown: list[CheckKey], histories: dict[CheckKey, list[StatePoint]], voice: Voice, dots: int) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    slow = _slowest(histories)
    height = 0.9 + 0.27 * len(shown)
    tall = height + (2.6 if slow else 0.4)
    figure = Figure(figsize=(_WIDTH, tall), dpi=dots, facecolor=_PAPER)
    canvas = FigureCanvasAgg(figure)
    axes: Any = figure.subplots(
        2 if slow else 1, 1, sharex=True, squeeze=False, height_ratios=[height, 2.1][: 2 if slow else 1]
    )
    _draw_states(axes[0][0], shown, histories, voice)
    if slow:
        axes[0][0].xaxis.set_visible(False)  # the hours stand below the latencies, where their legend is not
        _draw_latencies(axes[1][0], slow, histories, voice)
    _draw_hours(axes[-1][0], voice)
    _leave_margins(figure, shown, tall)
    canvas.draw()
    return _fewer_colours(canvas)


def _leave_margins(figure: Figure, shown: list[CheckKey], tall: float) -> None:
    """Room for the longest name and the legends, counted: letting matplotlib find out draws everything twice."""
    longest = max((len(_name(key)) for key in shown), default=0)
    left = (0.3 + 0.075 * longest) / _WIDTH
    figure.subplots_adjust(left=left, right=0.985, bottom=0.35 / tall, top=1 - 0.4 / tall, hspace=0.9 / tall)


def _fewer_colours(canvas: FigureCanvasAgg) -> bytes:
    """A third of the size: flat colours need no more than 256, and lines drawn thin keep their own."""
    from PIL import Image

    smaller = io.BytesIO()
    size: tuple[int, int] = canvas.get_width_height()
    flat = Image.frombuffer("RGBA", size, bytes(canvas.buffer_rgba())).convert("RGB")
    few = flat.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(smaller, format="png")
    return smaller.getvalue()


def _draw_states(axes: Axes, shown: list[CheckKey], histories: dict[CheckKey, list[StatePoint]], voice: Voice) -> None:
    """A row a check. One collection a state and names as plain text: bars and ticks by the row take a third longer."""
    from matplotlib.collections import PolyCollection
    from matplotlib.dates import date2num
    from matplotlib.patches import Patch

    bars: dict[str, list[list[tuple[float, float]]]] = {}
    left, *_ = axes.get_yaxis_text1_transform(_NAME_SPACE)
    for row, key in enumerate(reversed(shown)):
        low, high = row - 0.38, row + 0.38
        for part in stretches(histories[key]):
            begin, end = float(date2num(part.begin)), float(date2num(part.end))
            bars.setdefault(part.state if part.state in _COLOURS else State.UNKNOWN.value, []).append(
                [(begin, low), (begin, high), (end, high), (end, low)]
            )
        axes.text(0, row, _name(key), transform=left, ha="right", va="center", fontsize=9, color=_INK)
    for state, corners in bars.items():
        axes.add_collection(
            PolyCollection(
                corners,
                facecolors=_COLOURS[state],
                hatch=_PATTERNS.get(state),
                edgecolor="#ffffffaa",
                linewidth=0,
            )
        )
    axes.autoscale_view(scaley=False)
    axes.set_yticks(())
    axes.set_ylim(-0.7, len(shown) - 0.3)
    legend = [
        Patch(facecolor=colour, hatch=_PATTERNS.get(state), edgecolor="#ffffffaa", label=voice.say(f"state.{state}"))
        for state, colour in _COLOURS.items()
        if state in bars
    ]
    axes.legend(
        handles=legend, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=9, labelcolor=_INK
    )
    _plain(axes)


def _draw_latencies(
    axes: Axes, keys: list[CheckKey], histories: dict[CheckKey, list[StatePoint]], voice: Voice
) -> None:
    from matplotlib.dates import date2num

    for key, colour in zip(keys, _LINES, strict=False):
        line = latency_line(histories[key])
        at, value = [float(date2num(moment)) for moment, _ in line], [value for _, value in line]
        axes.plot(at, value, color=colour, linewidth=1.4, label=_name(key))
    axes.set_ylim(bottom=0)
    axes.set_ylabel(voice.say("column.latency"), fontsize=9, color=_INK)
    axes.yaxis.set_major_formatter(lambda value, _: voice.number(value, 0))
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=8, labelcolor=_INK, ncols=3, borderaxespad=0.2
    )
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    _plain(axes)


def _draw_hours(axes: Axes, voice: Voice) -> None:
    from matplotlib.dates import AutoDateLocator, num2date

    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=9, tz=voice.time_zone))
    begin, end = axes.get_xlim()
    brief = (end - begin) * timedelta(days=1) < _SECONDS_MATTER
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{voice.local(num2date(value)):%H:%M:%S}" if brief else voice.clock(num2date(value))
    )
    axes.tick_params(axis="x", labelsize=9, colors=_INK)


def _plain(axes: Axes) -> None:
    axes.set_facecolor(_PAPER)
    axes.tick_params(colors=_INK, length=3)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)


def _slowest(histories: dict[CheckKey, list[StatePoint]]) -> list[CheckKey]:
    peaks = {
        key: max((p.value for p in history if p.value is not None and p.unit == Unit.MILLISECONDS), default=-1.0)
        for key, history in histories.items()
    }
    return sorted((key for key in peaks if peaks[key] >= 0), key=lambda key: (-peaks[key], key))[:MOST_LATENCIES]


def _name(key: CheckKey) -> str:
    name = f"{key.service} · {key.check}"
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
