"""`vigie worker`: who runs the flows of a pool, with runs that start warm?"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Annotated

import typer

from blocks.errors import VigieError
from blocks.orchestrator.loading import known_prefect


def worker(
    pool: Annotated[str, typer.Option(help="The work pool to serve, of type process.")] = "vigie",
    limit: Annotated[int | None, typer.Option(min=1, help="Most runs at once; as many as come when absent.")] = None,
    name: Annotated[str, typer.Option(help="Its name in Prefect; one a machine. The host's when absent.")] = "",
    drain_s: Annotated[float, typer.Option("--drain", min=0, help="Seconds to wait for runs on SIGTERM.")] = 60.0,
) -> None:
    """Run the flows of a work pool until SIGTERM or Ctrl-C; runs start warm."""
    from rich.console import Console

    try:
        serve(pool, limit, name or f"vigie-{socket.gethostname()}", drain_s)
    except VigieError as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error


def serve(pool: str, limit: int | None, name: str, drain_s: float) -> None:
    """Be the worker `name` of `pool`, at most `limit` runs at once; told to stop, wait `drain_s` seconds for them."""
    if not os.environ.get("PREFECT_API_URL"):
        known_prefect()
    from deployments.worker.worker import WarmWorker

    async def until_told() -> None:
        serving = WarmWorker(work_pool_name=pool, limit=limit, name=name)
        serving.drain_patience_s = drain_s
        await serving.start()

    asyncio.run(until_told())
