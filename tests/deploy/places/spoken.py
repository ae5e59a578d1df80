"""Is a command line in a unit, a manifest or a page one that the real program understands?"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
PLACES = CHECKOUT / "deployments" / "places"
INSTALLED = "/opt/vigie"
_BEFORE = (f"{INSTALLED}/deployments/places/systemd/with-credentials", f"{INSTALLED}/.venv/bin/")


class NotUnderstoodError(Exception):
    """The real program refuses this line."""


def understood(line: str | list[str]) -> str:
    """The command that a line runs ("prefect server start"). Raises `NotUnderstoodError` with the program's own words."""
    words = shlex.split(line) if isinstance(line, str) else list(line)
    words = [word.removeprefix(_BEFORE[1]) for word in words if word != _BEFORE[0]]
    program, arguments = words[0], [_plausible(word) for word in words[1:]]
    if program == "prefect":
        return _prefect(arguments)
    if program == "vigie":
        return _vigie(arguments)
    raise NotUnderstoodError(f"neither prefect nor vigie: {program}")


def _plausible(word: str) -> str:
    """A variable stands for a value; numbers are what most of them hold."""
    return re.sub(r"\$\{[A-Z_]*(AT_ONCE|_PORT|_S)\}|%i", "4200", word)


def _prefect(arguments: list[str]) -> str:
    import cyclopts
    from prefect.cli._app import _app

    try:
        command, bound, *_ = _app.parse_args(arguments, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        raise NotUnderstoodError(str(error)) from error
    if command.__name__ == "help_print":
        raise NotUnderstoodError("no command, only help")
    given = {str(value) for value in bound.arguments.values()}
    return " ".join(["prefect", *(word for word in arguments if not word.startswith("-") and word not in given)])


def _vigie(arguments: list[str]) -> str:
    from typer.exceptions import TyperException
    from typer.main import get_command

    from deployments.cli import app

    command = get_command(app)
    context, name, rest = None, "vigie", arguments
    path: list[str] = []
    try:
        while True:
            context = command.make_context(name, list(rest), parent=context)
            path.append(name)
            if not hasattr(command, "resolve_command"):
                return " ".join(path)
            left = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, left)
            command = found
    except TyperException as error:
        raise NotUnderstoodError(getattr(error, "message", str(error))) from error
