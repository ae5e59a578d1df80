"""`vigie plan` and `vigie paper`: what would a move do, how long would it take, may it begin, and how by hand?

Both look and change nothing. Paper is for the night when Prefect is down too: print it while all is well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blocks.errors import Refused, VigieError
from deployments.commands.telling import told

if TYPE_CHECKING:
    from blocks.catalogue.model import Platform as PlatformModel
    from blocks.ports.approvals import Plan, PlanStep
    from tasks.recovery.values import Accepted

Kind = Annotated[str, typer.Argument(help="failover, switchover, failback or restore.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Of a restore: the last right moment, with its time zone.")]
Platform = Annotated[str, typer.Argument(help="The platform's name in the catalogue.")]
Platforms = Annotated[
    list[str], typer.Argument(help="The platform's name in the catalogue; several fail over together.")
]
Candidate = Annotated[str, typer.Option("--to", help="The site to go to, where there are several.")]
Gone = Annotated[bool, typer.Option("--suppose-gone", help="As if the active site were dark: to read, not to do.")]
Rows = Annotated[int, typer.Option("--accept-rows", help="Of a failover: rows that may be lost beyond its plan.")]
Time = Annotated[str, typer.Option("--accept-time", help="And how much time of them, such as 10min.")]
_RESTORES = ("restore", "point-in-time-restore")
_EXAMPLE = timedelta(seconds=30)
"""A moment that is young enough to lie after the first backup soon after a start."""
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def plan(  # noqa: PLR0917  typer gives each by its name
    kind: Kind,
    platforms: Platforms,
    candidate: Candidate = "",
    as_of: AsOf = "",
    accept_rows: Rows = 0,
    accept_time: Time = "",
    suppose_gone: Gone = False,
    as_json: Json = False,
) -> None:
    """Show the plan of a move: its steps in waves, what it fences, what may be lost, and what forbids it now.

    Of several platforms the common plan: who goes by priority, who waits and what it lacks, and each one's own.
    Exit 1 when a guard does not hold: the move would be refused.
    """
    from tasks.recovery.accepting import read_accepted
    from tasks.runs.catalogue import load_platform

    unseen: list[str] = []
    with told():
        accepted = read_accepted(accept_rows, accept_time)
        made = _made(kind, platforms, candidate, as_of, accepted=accepted, suppose_gone=suppose_gone, say=unseen.append)
        known = [load_platform(each.platform) for each in made.parts or (made,)]
        people = [] if made.parts else _people(made, known[0].customer.name)
    if as_json:
        typer.echo(json.dumps(asdict(made) | {"digest": made.digest, "unseen": unseen}, default=str))
    else:
        for line in (
            *together(made),
            *(
                line
                for each, part in zip(known, made.parts or (made,), strict=True)
                for line in lines_of(each.platform, part)
            ),
            *_titled("Who decides", people),
            *_titled("Looked at without an answer, and planned as not known", unseen),
        ):
            typer.echo(line)
    if not all(guard.holds for guard in made.guards):
        raise typer.Exit(1)


def _made(
    kind: str,
    platforms: Sequence[str],
    candidate: str,
    as_of: str,
    *,
    accepted: Accepted,
    suppose_gone: bool,
    say: Callable[[str], None],
) -> Plan:
    """The plan of one, or of several on one card."""
    from tasks.recovery.accepting import must_fail_over
    from tasks.recovery.gathering import make_common_plan

    must_fail_over(kind, accepted)
    if len(platforms) == 1:
        return planned(
            kind,
            platforms[0],
            candidate=candidate,
            as_of=as_of,
            accepted=accepted,
            as_if_gone=suppose_gone,
            say=say,
        )
    if accepted.is_something:
        raise Refused("nothing is accepted for several platforms at once", next_step="plan, and start, each alone")
    if kind != "failover" or candidate or as_of:
        raise Refused(
            "several platforms only fail over together, each to its one other site",
            next_step="plan each alone",
        )
    names = tuple(dict.fromkeys(platforms))
    return make_common_plan(names, reason="", say=say, as_if_gone=suppose_gone)


def _people(made: Plan, customer: str) -> list[str]:
    from blocks.journal.opening import open_journal
    from tasks.approvals.who import who_decides
    from tasks.runs.catalogue import load_policy

    try:
        policy = load_policy(customer, made.platform, made.action)
    except VigieError as nobody:
        return [f"NO {nobody}"]
    with open_journal() as journal:
        known = [each for name in (*policy.approvers, *policy.escalate_to) if (each := journal.approver(name))]
    return who_decides(policy, {each.name: each.enrolled_at is not None for each in known})


def together(made: Plan) -> Iterator[str]:
    """Who goes on one card, and who does not; nothing for a plan of one platform."""
    if made.parts:
        yield f"together, on one approval: {made.subject} (plan {made.digest[:12]})"
        yield from _titled("Not on it", made.known_wrong)


def paper(
    platform: Platform,
    kind: Annotated[str, typer.Option("--move", help="failover, switchover, failback or restore.")] = "failover",
    as_of: AsOf = "",
    file: Annotated[Path | None, typer.Option("--out", help="Where to write; else paper-PLATFORM-MOVE.html.")] = None,
) -> None:
    """Write a move as one page with the exact commands, to be done by hand on the night when Prefect is down too.

    A failover is written as if the active site were gone; a restore to an example of a moment, which whoever does it
    replaces.
    """
    from tasks.recovery.paper import render_paper
    from tasks.runs.catalogue import load_platform

    with told():
        known = load_platform(platform)
        moment = as_of or (datetime.now(UTC) - _EXAMPLE).isoformat(timespec="seconds")
        made = planned(kind, platform, as_of=moment, as_if_gone=kind == "failover")
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


def planned(
    kind: str,
    platform: str,
    *,
    candidate: str = "",
    as_of: str = "",
    accepted: Accepted | None = None,
    as_if_gone: bool = False,
    say: Callable[[str], None] | None = None,
) -> Plan:
    """The plan as it would be asked for now; `say` hears what could not be seen. Raises `Refused`."""
    say = say or echo_error
    if kind in _RESTORES:
        from tasks.recovery.planning_back import make_restore_plan

        return make_restore_plan(platform, as_of, reason="", candidate=candidate, say=say)
    from tasks.recovery.planning import make_plan

    return make_plan(kind, platform, reason="", candidate=candidate, accepted=accepted, as_if_gone=as_if_gone, say=say)


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
