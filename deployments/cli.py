"""The `vigie` command: one file a group of commands under deployments/commands/."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Managed cloud operations as Prefect flows.")


@app.callback()
def _root() -> None:
    """Managed cloud operations as Prefect flows."""


def main() -> None:
    """Entry point of the `vigie` command."""
    app()
