"""Our errors as one line for people, and exit code 1."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer

from blocks.errors import VigieError


@contextmanager
def told() -> Generator[None]:
    """What was raised inside is said on standard error; no traceback at 3 a.m."""
    try:
        yield
    except VigieError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
