"""`vigie plan` and `vigie paper`: what would a move do, how long would it take, may it begin, and how by hand?

Both look and change nothing. Paper is for the night when Prefect is down too: print it while all is well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands.telling import told

if TYPE_CHECKING:
    from blocks.catalogue.model import Platform as PlatformModel
    from blocks.ports.approvals import Plan, PlanStep

Kind = Annotated[str, typer.Argument(help="failover, switchover or failback.")]
Platform = Annotated[str, typer.Argument(help="The platform's name in the catalogue.")]
Candidate = Annotated[str, typer.Option("--to", help="The site to go to, where there are several.")]
Gone = Annotated[bool, typer.Option("--suppose-gone", help="As if the active site were dark: to read, not to do.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def plan(
    kind: Kind, platform: Platform, candidate: Candidate = "", suppose_gone: Gone = False, as_json: Json = False
) -> None:
    """Show the plan of a move: its steps in waves, what it fences, what may be lost, and what forbids it now.

    Exit 1 when a guard does not hold: the move would be refused.
    """
    from tasks.recovery.planning import make_plan
    from tasks.runs.catalogue import load_platform

    with told():
        made = make_plan(kind, platform, reason="", candidate=candidate, as_if_gone=suppose_gone, say=echo_error)
        declared = load_platform(platform).platform
    if as_json:
        typer.echo(json.dumps(asdict(made) | {"digest": made.digest}, default=str))
    else:
        for line in lines_of(declared, made):
            typer.echo(line)
    if not all(guard.holds for guard in made.guards):
        raise typer.Exit(1)


def paper(
    platform: Platform,
    kind: Annotated[str, typer.Option("--move", help="failover, switchover or failback.")] = "failover",
    file: Annotated[Path | None, typer.Option("--out", help="Where to write; else paper-PLATFORM-MOVE.html.")] = None,
) -> None:
    """Write a move as one page with the exact commands, to be done by hand on the night when Prefect is down too.

    A failover is written as if the active site were gone.
    """
    from tasks.recovery.paper import render_paper
    from tasks.recovery.planning import make_plan
    from tasks.runs.catalogue import load_platform

    with told():
        known = load_platform(platform)
        made = make_plan(kind, platform, reason="", as_if_gone=kind == "failover", say=echo_error)
        page = render_paper(
            known.platform,
            made,
            at=datetime.now(UTC),
            language=known.customer.language,
            time_zone=known.customer.time_zone,
        )
    written = file or Path(f"paper-{platform}-{kind}.html")
    written.write_text(page, encoding="utf-8")
    typer.echo(f"{written}: {len(made.steps)} steps; print it, and keep it where the control plane is not")


def echo_error(said: str) -> None:
    """What could not be seen, beside the plan."""
    typer.echo(said, err=True)


def lines_of(declared: PlatformModel, made: Plan) -> Iterator[str]:
    """The plan as people read it in a terminal."""
    from tasks.recovery.order import groups_of
    from tasks.recovery.timing import predict_rto

    roles = ", ".join(f"{site} becomes {role}" for site, role in made.roles.items())
    yield f"{made.action} of {made.platform} to {made.candidate}: {roles}"
    yield predict_rto(declared, timedelta(seconds=made.expected_s), ()).text
    yield from _titled("May it begin?", (f"{_sign(guard.holds)} {guard.name}: {guard.text}" for guard in made.guards))
    yield from _titled(
        "At most", (f"{_sign(b.holds)} {b.name}: {b.at_most:g} {b.unit} (now {b.measured:g})" for b in made.bounds)
    )
    yield from _titled("Fences", (f"{what}: {how}" for what, how in made.coverage.items()))
    yield from _titled("When the old site answers again, by itself", (step.text for step in made.when_back))
    yield from _titled("Good to know", made.known_wrong)
    for phase, steps in groupby(made.steps, key=lambda step: step.phase):
        for number, group in enumerate(groups_of(declared, list(steps)), 1):
            yield from _group(phase, number, group)


def _group(phase: str, number: int, group: Sequence[PlanStep]) -> Iterator[str]:
    yield f"{phase} {number}, about {_seconds(max(step.expected_s for step in group))}:"
    for step in group:
        by = ", as a drill took" if step.expected_from == "drill" else ""
        yield f"    {step.text}  ({_seconds(step.expected_s)}{by})"


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield f"{title}:"
        yield from (f"    {line}" for line in found)


def _sign(holds: bool) -> str:
    return "yes" if holds else "NO "


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
