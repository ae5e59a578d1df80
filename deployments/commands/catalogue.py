"""`vigie catalogue`: is what we declared about customers' platforms right, and what is it?

Reads files only: it needs neither Prefect nor the sandbox, so it can run in an editor, in a commit hook
and in review. `check` tells every mistake at once and leaves with 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.tree import Tree

    from blocks.catalogue.mistakes import Mistake
    from blocks.catalogue.model import Catalogue, Customer, Platform, Service

app = typer.Typer(no_args_is_help=True, help="What customers, platforms and services are declared.")

SHIPPED = Path(__file__).resolve().parents[1] / "catalogue"

Folder = Annotated[Path, typer.Argument(help="Folder of the catalogue's YAML files.", show_default=False)]
FolderOption = Annotated[Path, typer.Option("--catalogue", help="Folder of the catalogue's YAML files.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def check(folder: Folder = SHIPPED, as_json: Json = False) -> None:
    """Say every mistake as file:line:column, what was expected, and the nearest known name."""
    from blocks.catalogue.loader import catalogue_files, check_catalogue

    mistakes = [_shorter(mistake) for mistake in check_catalogue(folder)]
    if as_json:
        typer.echo(json.dumps({"ok": not mistakes, "mistakes": [mistake._asdict() for mistake in mistakes]}, indent=2))
    else:
        for mistake in mistakes:
            typer.echo(str(mistake))
        files = len(catalogue_files(folder)) if folder.is_dir() else 0
        found = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}" if mistakes else "no mistake"
        typer.echo(f"{found} in {files} file{'s' if files != 1 else ''} of {folder}", err=True)
    raise typer.Exit(1 if mistakes else 0)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a catalogue file, for editors."""
    from blocks.catalogue.schema import catalogue_schema

    typer.echo(json.dumps(catalogue_schema(), indent=2))


@app.command()
def show(platform: Annotated[str, typer.Argument(help="Its name.")], folder: FolderOption = SHIPPED) -> None:
    """Print a platform as a tree: sites, services, what each depends on, how it is checked."""
    from rich.console import Console

    catalogue = _load(folder)
    found = catalogue.platforms.get(platform)
    if found is None:
        from blocks.catalogue.mistakes import listed, nearest_name

        near = nearest_name(platform, catalogue.platforms)
        hint = f" Did you mean {near!r}?" if near else ""
        typer.echo(f"No platform named {platform!r}; there are {listed(catalogue.platforms)}.{hint}", err=True)
        raise typer.Exit(1)
    Console(highlight=False).print(platform_tree(found, catalogue.customers[found.customer]))


def platform_tree(platform: Platform, customer: Customer) -> Tree:
    """The platform as people would explain it to each other."""
    from rich.markup import escape
    from rich.tree import Tree

    tree = Tree(f"[bold]{platform.name}[/bold]  {escape(platform.description)}")
    tree.add(
        f"customer [bold]{customer.name}[/bold]: {customer.language}, {customer.time_zone}, "
        f"channel {escape(customer.channel)}, pager {customer.pager or 'none'}"
    )
    for site in platform.sites.values():
        branch = tree.add(f"site [bold]{site.name}[/bold]: {site.role}, {site.provider} {escape(site.region)}")
        for service in platform.services.values():
            if service.site == site.name:
                _add_service(branch, service)
    for group, members in platform.redundancy_groups.items():
        tree.add(f"group [bold]{group}[/bold]: down only when all are, {', '.join(members)}")
    _add_maintenance(tree, platform, customer)
    return tree


def _add_service(branch: Tree, service: Service) -> None:
    from rich.markup import escape

    node = branch.add(f"[bold]{service.name}[/bold]  {service.kind}, {service.criticality}")
    if service.depends_on:
        node.add(f"depends on {', '.join(service.depends_on)}")
    for check in service.checks.values():
        limits = [
            f"{name} {' / '.join(str(limit) for limit in (bounds.warning, bounds.critical) if limit)}"
            for name, bounds in check.limits().items()
            if bounds.warning or bounds.critical
        ]
        node.add(escape(f"{check.name}: {check.kind}{', ' if limits else ''}{', '.join(limits)}"))
    for slo in service.slos.values():
        node.add(escape(f"promise {slo.name}: {slo.objective:g} % over {slo.window.days} days"))


def _add_maintenance(tree: Tree, platform: Platform, customer: Customer) -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from blocks.catalogue.maintenance import next_windows
    from blocks.catalogue.quantities import format_duration

    zone = ZoneInfo(customer.time_zone)
    for window in next_windows(platform, customer, datetime.now(UTC)):
        begin = f"{window.begin.astimezone(zone):%a %d %b %Y %H:%M}"
        lasts = format_duration(window.end - window.begin)
        tree.add(f"maintenance [bold]{window.name}[/bold]: {begin} for {lasts}, {', '.join(window.services)}")


def _load(folder: Path) -> Catalogue:
    from blocks.catalogue.loader import load_catalogue
    from blocks.catalogue.mistakes import CatalogueInvalid

    try:
        return load_catalogue(folder)
    except CatalogueInvalid as error:
        for mistake in error.mistakes:
            typer.echo(str(_shorter(mistake)), err=True)
        raise typer.Exit(1) from None


def _shorter(mistake: Mistake) -> Mistake:
    """The same with the file as one would type it here."""
    here = Path.cwd()
    file = Path(mistake.file)
    return mistake._replace(file=str(file.relative_to(here))) if file.is_relative_to(here) else mistake
