"""`vigie beat`: what has no address to probe reports that it lives; does any check wait for that name?

The rules: a name that the catalogue does not declare is refused, because nobody would miss it when it falls silent;
and no beat is lost because Prefect, which holds the catalogue, is away: then it is kept, and that its name was not
checked is said.
"""

from __future__ import annotations

import typer

from blocks.errors import Refused, VigieError
from deployments.commands.telling import told

_ANSWERS_S = 5.0


def beat(platform: str, name: str) -> None:
    """Report that something has happened, for a heartbeat check: `vigie beat hearth nightly-export`."""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        fault = require_declared(platform, name)
        at = journal.beat(platform, name)
    typer.echo(f"{platform}/{name} has reported at {at.astimezone():%H:%M:%S %Z}.")
    if fault:
        typer.echo(f"Kept, but whether a check waits for {platform}/{name} could not be looked up: {fault}", err=True)


def require_declared(platform: str, name: str) -> str:
    """Why that could not be looked up; empty when a check waits for it. Raises `VigieError` when none does."""
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from blocks.catalogue.mistakes import listed, nearest_name
    from tasks.runs.catalogue import PlatformUnknown, load_platform

    try:
        with temporary_settings({PREFECT_API_REQUEST_TIMEOUT: _ANSWERS_S, PREFECT_CLIENT_MAX_RETRIES: 0}):
            declared = load_platform(platform).platform.beats
    except PlatformUnknown:
        raise
    except VigieError as error:
        return str(error)
    if name in declared:
        return ""
    near = nearest_name(name, declared)
    raise Refused(
        f"no check of {platform} waits for {name!r}{f'; the nearest is {near!r}' if near else ''}",
        next_step=f"{platform} waits for {listed(declared) or 'none'}; another is declared in the catalogue first",
    )
