"""`vigie now`, `vigie ack`, `vigie silence`: what an operator on duty needs at 3 a.m.

`now` prints the night's picture: what is broken and since when, what runs, what waits for whom, and
whether vigie itself is well. When a part of that cannot be found out it says so; it never leaves it out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blocks.catalogue.quantities import format_count, parse_duration
from blocks.errors import Refused
from blocks.ports.incidents import Incident
from blocks.ports.journal import SweepSummary
from blocks.ports.notifications import Channel
from deployments.commands.half_way import moved_platforms, print_half_way, stopped_half_way
from deployments.commands.moments import ago, until
from deployments.commands.telling import told

if TYPE_CHECKING:
    from rich.console import Console

    from blocks.journal.adapter import PostgresJournal as Journal  # its platforms() is not in the port yet

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Who = Annotated[str, typer.Option("--who", help="Your name, as it is told to others.", default_factory=getuser)]
_ALL_CHANNELS = (Channel.SLACK_MESSAGE, Channel.SLACK_THREAD, Channel.PAGER)


@dataclass(frozen=True, slots=True)
class Run:
    """A flow run that is not finished. `waiting_for` is a person or a worker, empty while it runs."""

    name: str
    state: str
    since: str
    waiting_for: str
    url: str


def now(as_json: Json = False) -> None:
    """The night's picture: open incidents, what runs, what waits for whom, and is vigie itself well?"""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        incidents = journal.open_incidents()
        sweeps = {name: _last_sweep(journal, name) for name in journal.platforms()}
        undelivered = journal.undelivered_count()
        unreviewed = journal.unreviewed()
        halted, moved = stopped_half_way(journal), moved_platforms(journal)
        at = journal.now()
    runs, fault = _unfinished_runs()
    if as_json:
        found = _as_json(incidents, sweeps, undelivered, runs, fault)
        found["unreviewed"] = [str(each.run) for each in unreviewed]
        found["halted"] = [asdict(run) for run in halted]
        found["moved"] = [asdict(move) for move in moved]
        typer.echo(json.dumps(found, default=str))
        return
    _print_incidents(incidents, at)
    _print_sweeps(sweeps, at)
    _print_runs(runs, fault)
    print_half_way(halted, moved, at)
    for each in unreviewed:
        typer.echo(f"  {each.reason}; to be reviewed: vigie runs review {str(each.run)[:8]}")
    if undelivered:
        waiting = format_count(undelivered, "message is", "messages are")
        typer.echo(f"\n{waiting} waiting to be told; the next sweep sends them, unless Slack or the pager is down.")


def ack(incident: str, who: Who, as_json: Json = False) -> None:
    """Say that you have taken an incident: `vigie ack 4f1c`. The first letters of its id are enough."""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        taken = journal.acknowledge(_find(journal, incident).id, who, _ALL_CHANNELS)
    _say(as_json, taken, f"{taken.root} on {taken.platform} is taken by {taken.acknowledged_by}.")


def silence(
    incident: str,
    who: Who,
    lasting: Annotated[str, typer.Option("--for", help="How long, such as 2h or 30min.")],
    as_json: Json = False,
) -> None:
    """Stop telling about an incident until an end; it is still watched, and closing it is still told."""
    from blocks.journal.opening import open_journal

    try:
        duration = parse_duration(lasting)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if duration > timedelta(days=7):
        raise typer.BadParameter("at most 7d: a longer silence is a catalogue change")
    with told(), open_journal() as journal:
        found = _find(journal, incident)
        quiet = journal.silence(found.id, who, journal.now() + duration, _ALL_CHANNELS)
        end = until(quiet.silenced_until, journal.now()) if quiet.silenced_until else ""
    _say(as_json, quiet, f"{quiet.root} on {quiet.platform} is silent until {end}.")


# -- finding out ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LastSweep:
    """A platform's newest sweep, and when one last finished: a platform that fell silent is never left out."""

    newest: SweepSummary | None
    finished_at: datetime | None
    is_running: bool


def _last_sweep(journal: Journal, platform: str) -> LastSweep:
    newest = next(iter(journal.latest_sweeps(platform, 1)), None)
    return LastSweep(newest, journal.last_finished(platform), journal.is_sweeping(platform))


def _find(journal: Journal, start: str) -> Incident:
    found = [incident for incident in journal.open_incidents() if str(incident.id).startswith(start.lower())]
    if len(found) == 1:
        return found[0]
    what = "no open incident begins" if not found else f"{len(found)} open incidents begin"
    raise Refused(
        f"{what} with {start!r}",
        next_step=f"{'give more of its id; ' if found else ''}vigie now shows those that are open, with their ids",
    )


def _unfinished_runs() -> tuple[list[Run], str]:
    """Running, late and waiting flow runs, by plain HTTP: importing Prefect takes longer than the answer."""
    import httpx

    api = os.environ.get("PREFECT_API_URL", "")
    if not api:
        return [], "PREFECT_API_URL is not set; what runs is unknown"
    wanted = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "PAUSED", "CANCELLING"]}}}}
    late = {"flow_runs": {"state": {"name": {"any_": ["Late", "AwaitingRetry"]}}}}
    try:
        with httpx.Client(timeout=5, headers=_authorisation()) as client:
            rows = [row for query in (wanted, late) for row in _filter(client, api, query)]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return [], f"the Prefect API does not answer ({type(error).__name__}); what runs is unknown"
    return [_run(row) for row in rows], ""


def _filter(client: Any, api: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(f"{api}/flow_runs/filter", json={**query, "limit": 50, "sort": "START_TIME_DESC"})
    answer.raise_for_status()
    return answer.json()


def _authorisation() -> dict[str, str]:
    import base64

    shared = os.environ.get("PREFECT_API_AUTH_STRING", "")
    return {"Authorization": "Basic " + base64.b64encode(shared.encode()).decode()} if shared else {}


def _run(row: dict[str, Any]) -> Run:
    state = row["state"]["name"]
    waiting = {"Late": "a worker", "Pending": "a worker", "Paused": "a person", "Suspended": "a person"}.get(state, "")
    base = os.environ.get("PREFECT_UI_URL") or os.environ.get("PREFECT_API_URL", "").removesuffix("/api")
    since = row.get("start_time") or row.get("expected_start_time") or ""
    return Run(row["name"], state, since, waiting, f"{base}/runs/flow-run/{row['id']}")


# -- printing ---------------------------------------------------------------------------------


def _say(as_json: bool, incident: Incident, sentence: str) -> None:
    typer.echo(json.dumps(_incident_json(incident), default=str) if as_json else sentence)


def _incident_json(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in Incident.__slots__}


def _as_json(
    incidents: Sequence[Incident], sweeps: dict[str, LastSweep], undelivered: int, runs: Sequence[Run], fault: str
) -> dict[str, Any]:
    return {
        "incidents": [_incident_json(incident) for incident in incidents],
        "sweeps": {
            name: {
                "started_at": s.newest.started_at if s.newest else None,
                "finished_at": s.newest.finished_at if s.newest else None,
                "verdict": s.newest.verdict if s.newest else None,
                "last_finished_at": s.finished_at,
                "is_running": s.is_running,
            }
            for name, s in sweeps.items()
        },
        "runs": [{name: getattr(run, name) for name in Run.__slots__} for run in runs],
        "runs_unknown_because": fault or None,
        "undelivered_count": undelivered,
    }


def _print_incidents(incidents: Sequence[Incident], at: datetime) -> None:
    from rich.console import Console

    console = Console()
    if not incidents:
        console.print("[green]No open incident.[/green]")
        return
    console.print(f"[bold]{len(incidents)} open incident{'s' if len(incidents) > 1 else ''}[/bold]")
    for incident in sorted(incidents, key=lambda i: (-i.severity.rank, i.opened_at)):
        _print_incident(console, incident, at)


def _print_incident(console: Console, incident: Incident, at: datetime) -> None:
    """First what and how bad, then since when and who has it: readable on a narrow screen."""
    colour = {"page": "bold red", "ticket": "yellow"}.get(incident.severity.value, "cyan")
    console.print(
        f"\n[{colour}]{incident.severity.value.upper()}[/]  {incident.platform} / {incident.root}", highlight=False
    )
    console.print(f"  {incident.sentence}", markup=False, highlight=False)
    silenced = incident.silenced_until if incident.silenced_until and incident.silenced_until > at else None
    quiet = f", silent until {until(silenced, at)}" if silenced else ""
    taken = f"taken by {incident.acknowledged_by}" if incident.acknowledged_by else "taken by nobody yet"
    console.print(
        f"  for {ago(at, incident.since)}, {taken}{quiet}; id {str(incident.id)[:8]}", markup=False, highlight=False
    )
    if incident.affected:
        console.print(f"  also suffering: {', '.join(incident.affected)}", markup=False, highlight=False)


def _print_sweeps(sweeps: dict[str, LastSweep], at: datetime) -> None:
    if not sweeps:
        typer.echo("\nNo sweep has been made yet.")
        return
    typer.echo("\nLast sweep of each platform")
    for name, sweep in sorted(sweeps.items()):
        typer.echo(f"  {name}: {_sweep_line(sweep, at)}")


def _sweep_line(sweep: LastSweep, at: datetime) -> str:
    newest = sweep.newest
    finished = f"finished {ago(at, sweep.finished_at)} ago" if sweep.finished_at else "none has ever finished"
    if newest is None:
        return finished
    if newest.finished_at is None:
        fate = "is running" if sweep.is_running else "was killed, or cut off from the journal"
        return f"{finished}; one started {ago(at, newest.started_at)} ago {fate}"
    counts = f"{newest.problem_count} of {newest.check_count} checks with problems"
    return f"{finished}: {newest.verdict}; {counts}, {newest.missing_count} without evidence"


def _print_runs(runs: Sequence[Run], fault: str) -> None:
    typer.echo("")
    if fault:
        typer.echo(fault)
    elif not runs:
        typer.echo("Nothing runs or waits in Prefect.")
    for run in runs:
        waiting = f", waits for {run.waiting_for}" if run.waiting_for else ""
        typer.echo(f"  {run.state:<14}{run.name}{waiting}  {run.url}")
