"""`vigie apply`: make Prefect know what prefect.yaml and the catalogue say."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from blocks.errors import VigieError

CODE = Path(__file__).resolve().parents[2]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
Check = Annotated[bool, typer.Option("--check", help="Exit 1 when anything would change; change nothing.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Rules = Annotated[Path, typer.Option("--rules", help="The file that says who may approve what.")]
Folder = Annotated[Path, typer.Option("--catalogue", help="Folder of the catalogue's YAML files.")]


def apply(
    dry_run: DryRun = False,
    check: Check = False,
    as_json: Json = False,
    catalogue: Folder = CODE / "deployments" / "catalogue",
    rules: Rules = CODE / "deployments" / "approvals.yaml",
) -> None:
    """Register deployments, schedules, platforms and dead-man's switches; twice changes nothing."""
    from blocks.catalogue.approvals import load_rules
    from blocks.catalogue.loader import CatalogueInvalid, load_catalogue
    from deployments.apply import Change, register
    from deployments.listing import read_listing

    def say(change: Change) -> None:
        if not as_json:
            typer.echo(f"{'would ' if dry_run or check else ''}{change}")

    try:
        loaded = load_catalogue(catalogue)
        listing = read_listing(CODE / "prefect.yaml")
        who_may = load_rules(rules, loaded, tuple(entry.action for entry in listing.deployments))
        really = not (dry_run or check)
        changes = asyncio.run(register(loaded, who_may, listing, code=CODE, really=really, on_change=say))
    except CatalogueInvalid as error:
        typer.echo(str(error), err=True)
        typer.echo("Nothing was registered. Correct the catalogue, see `vigie catalogue check`.", err=True)
        raise typer.Exit(1) from error
    except VigieError as error:
        typer.echo(f"{error}\nNothing more was registered.", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps([{"verb": c.verb, "kind": c.kind, "name": c.name, "keys": c.keys} for c in changes]))
    elif not changes:
        typer.echo("Prefect already knows everything; nothing to change.")
    if check and changes:
        raise typer.Exit(1)
