"""`vigie gateway`: Slack's door."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from deployments.commands.telling import told

Host = Annotated[str, typer.Option("--host", help="Loopback unless a proxy stands before it on another machine.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]


def gateway(host: Host = "127.0.0.1", port: Port = 0) -> None:
    """Serve Slack's buttons, modals and commands, and a page an approval, until Ctrl-C."""
    from deployments.gateway.serve import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with told():
        serve(host, port, lambda address: typer.echo(f"The gateway listens at {address}."))
