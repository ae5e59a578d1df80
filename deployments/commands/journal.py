"""`vigie journal`: is the journal's schema right, has nobody rewritten history, and how big does it grow?

The rule: `verify` answers per platform and ends with 1 when any chain is broken, so that a schedule
notices; nothing here prints the journal's password.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer

from blocks.catalogue.quantities import format_duration, parse_duration
from deployments.commands.telling import told

app = typer.Typer(no_args_is_help=True, help="The journal: its schema, its chain of events, its size.")
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
_KEEP = "30d"


@app.command()
def upgrade() -> None:
    """Bring the journal's tables to the version that this vigie needs. Harmless when they are there already."""
    from blocks.journal.connections import place_of
    from blocks.journal.opening import configured_dsn
    from blocks.journal.schema import upgrade as bring_up

    with told():
        dsn = configured_dsn()
        typer.echo(f"{place_of(dsn)} is at version {bring_up(dsn)}.")


@app.command()
def verify(
    platform: Annotated[str, typer.Argument(help="All platforms when not given.")] = "", as_json: Json = False
) -> None:
    """Walk the chains of incidents and of runs: does every event follow from the one before it?"""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        names = [platform] if platform else journal.platforms()
        found = {
            name: _checked(name, lambda each: journal.verify_chain(each) + journal.verify_actions(each))
            for name in names
        }
    if as_json:
        typer.echo(json.dumps({name: {"events": count, "fault": fault} for name, (count, fault) in found.items()}))
    else:
        _print(found)
    if any(fault for _, fault in found.values()):
        raise typer.Exit(1)


@app.command()
def retention(
    keep: Annotated[str, typer.Option("--keep", help="How long readings are kept, such as 30d.")] = _KEEP,
    as_json: Json = False,
) -> None:
    """Drop the days of readings that ended longer ago than --keep, and say what a reading costs."""
    from blocks.journal.opening import open_journal

    try:
        duration = parse_duration(keep)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with told(), open_journal() as journal:
        dropped = journal.drop_old_readings(duration)
        count, size = journal.reading_storage()
    each = round(size / count, 1) if count else None
    if as_json:
        typer.echo(json.dumps({"dropped": dropped, "kept": count, "bytes": size, "bytes_per_reading": each}))
        return
    typer.echo(f"{dropped} readings dropped, older than {format_duration(duration)}.")
    cost = "" if each is None else f", {each:g} bytes a reading"
    typer.echo(f"{count} readings kept in {size / 2**20:.1f} MiB{cost} (indexes counted).")


def _checked(name: str, verify_chain: Callable[[str], int]) -> tuple[int, str]:
    """(events that follow, "") or (0, what is wrong); a journal that does not answer is an error of the command."""
    from blocks.errors import Broken

    try:
        return verify_chain(name), ""
    except Broken as error:
        return 0, str(error)


def _print(found: dict[str, tuple[int, str]]) -> None:
    if not found:
        typer.echo("The journal knows no platform yet: nothing to verify.")
    for name, (count, fault) in found.items():
        typer.echo(fault or f"{name}: {count} events, each follows from the one before it.", err=bool(fault))
