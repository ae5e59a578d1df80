"""`vigie up`, `status`, `down` and `sandbox`: is the sandbox there, and what in it is broken on purpose?

Bringing up shows what is awaited, and on failure the log to read. Nothing here needs an account.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Self

import typer

from blocks.errors import VigieError

if TYPE_CHECKING:
    from deployments.sandbox.lifecycle import Picture

sandbox_app = typer.Typer(no_args_is_help=True, help="Break and mend the sandbox's services, read its logs.")
_FOLLOW_EVERY_S = 0.3
_THERE = ("ready", "done", "resting")


def register(app: typer.Typer) -> None:
    """Mount `up`, `status`, `down` and the group `sandbox` on the command."""
    app.command()(up)
    app.command()(status)
    app.command()(down)
    app.add_typer(sandbox_app, name="sandbox")


def up(
    only: Annotated[str, typer.Option(help="Names or groups of components, with commas; all when absent.")] = "",
) -> None:
    """Start the sandbox in the background and wait until all is ready."""
    from rich.console import Console

    from deployments.sandbox.lifecycle import bring_up, look
    from deployments.sandbox.parts import chosen_parts

    console = Console()
    chosen = tuple(filter(None, (part.strip() for part in only.split(","))))
    try:
        chosen_parts(chosen)
    except VigieError as error:
        raise _ended(error) from error
    if look().phase == "ready":
        console.print("The sandbox is already running.")
        _print_picture(look())
        return
    began = time.monotonic()
    try:
        with progress_on(console) as show:
            picture = bring_up(only=chosen, progress=show)
    except VigieError as error:
        raise _ended(error) from error
    console.print(f"All ready in {time.monotonic() - began:.1f} s.")
    _print_picture(picture)


def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Each component: is it well, where does it listen, which process is it? Exit 1 unless all are well."""
    from deployments.sandbox.breaking import breaks
    from deployments.sandbox.lifecycle import look
    from deployments.sandbox.state import State

    picture, broken = look(), breaks(State.at())
    if as_json:
        content = {**asdict(picture), "healthy": picture.healthy, "broken": [asdict(each) for each in broken]}
        print(json.dumps(content, indent=1))
    else:
        _print_picture(picture)
        for each in broken:
            print(f"broken on purpose: {each.service}, {each.how}, since {each.since}")
    if not picture.healthy:
        raise typer.Exit(1)


def down() -> None:
    """Stop everything of the sandbox; what it stored stays."""
    from deployments.sandbox.lifecycle import take_down

    print("The sandbox is stopped." if take_down() else "No sandbox was running.")


@sandbox_app.command(name="break")
def break_(
    service: Annotated[str, typer.Argument(help="A service, or platform/service; absent: list what is possible.")] = "",
    how: Annotated[str, typer.Option(help="kill, slow, refuse, partition, expired-cert, wrong-body, ...")] = "",
    site: Annotated[str, typer.Option(help="A whole site instead, by name or role: kill or partition.")] = "",
) -> None:
    """Break a service or a whole site for real. Without arguments: what can be broken, and how."""
    from deployments.sandbox.breaking import break_service
    from deployments.sandbox.faults import FAULTS, ways
    from deployments.sandbox.state import State
    from deployments.sandbox.whole_sites import require_whole

    if not service and not site:
        for name in FAULTS:
            print(f"{name:24} {', '.join(ways(name))}")
        return
    try:
        name = _one(service, site)
        if site:
            require_whole(name, how)
        print(break_service(State.at(), name, how))
    except VigieError as error:
        raise _ended(error) from error


@sandbox_app.command()
def mend(
    service: Annotated[str, typer.Argument(help="A service, or platform/service.")] = "",
    *,
    site: Annotated[str, typer.Option(help="A whole site instead, by name or role.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Mend everything that was broken.")] = False,
) -> None:
    """Undo every break of a service or of a whole site, or all breaks."""
    from deployments.sandbox.breaking import mend_service
    from deployments.sandbox.state import State

    if not (service or site or every):
        raise typer.BadParameter("name a service, or --site, or --all")
    try:
        sentences = mend_service(State.at(), None if every else _one(service, site))
    except VigieError as error:
        raise _ended(error) from error
    print("\n".join(sentences) or "Nothing was broken.")


@sandbox_app.command()
def logs(
    component: Annotated[str, typer.Argument(help="A component as `vigie status` names it.")] = "supervisor",
    lines_count: Annotated[int, typer.Option("--lines", "-n", min=0)] = 50,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
) -> None:
    """The last lines of a component's log, and what comes after with --follow."""
    from deployments.sandbox.state import State

    state = State.at()
    path = state.log(component)
    if path.parent != state.logs or not path.exists():
        known = ", ".join(sorted(each.stem for each in state.logs.glob("*.log"))) or "none yet"
        raise typer.BadParameter(f"no log of {component!r}; there are: {known}")
    with path.open(errors="replace") as file:
        print("".join(file.readlines()[-lines_count:] if lines_count else []), end="")
        while follow:
            print(file.read(), end="", flush=True)
            time.sleep(_FOLLOW_EVERY_S)


class progress_on:  # noqa: N801  (used as a context, like rich's own)
    """A live table of what is ready and what is awaited."""

    def __init__(self, console: object) -> None:
        from rich.live import Live

        self._live = Live(console=console, refresh_per_second=8, transient=True)  # pyright: ignore[reportArgumentType]

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, picture: Picture) -> None:
        """Show how far it is."""
        ready = [each for each in picture.components if each.phase in _THERE]
        awaited = [each.name for each in picture.components if each.phase not in _THERE]
        text = f"{len(ready)} of {len(picture.components)} components ready"
        self._live.update(f"{text}; waiting for {', '.join(awaited)}" if awaited else text)


def _print_picture(picture: Picture) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not picture.components:
        console.print(f"No sandbox is running ({picture.phase}). Start it with: vigie up")
        if picture.reason:
            console.print(picture.reason)
        return
    table = Table("component", "state", "address", "process", "ready after")
    for each in picture.components:
        state = f"[green]{each.phase}[/]" if each.healthy else f"[bold red]{each.phase}, not well[/]"
        table.add_row(each.name, state, each.address, str(each.pid or ""), f"{each.seconds:.1f} s")
    console.print(table)
    for name, address in picture.addresses.items():
        console.print(f"{name}: {address}")


def _one(service: str, site: str) -> str:
    """What was named: a service, or a site by its name or role. Raises `Refused`."""
    from blocks.catalogue.loader import load_catalogue
    from deployments.sandbox.state import CHECKOUT
    from deployments.sandbox.whole_sites import named_site

    if service and site:
        raise typer.BadParameter("name a service or a site, not both")
    return named_site(load_catalogue(CHECKOUT / "deployments" / "catalogue"), site) if site else service


def _ended(error: VigieError) -> typer.Exit:
    from rich.console import Console

    Console(stderr=True).print(str(error), style="red", markup=False)
    return typer.Exit(1)
