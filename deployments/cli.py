"""The `vigie` command: one file a group of commands under deployments/commands/."""

from __future__ import annotations

import typer

from deployments.commands import (
    apply,
    approver,
    beat,
    blocks,
    catalogue,
    commit,
    demo,
    drills,
    gateway,
    journal,
    night,
    plan,
    runs,
    sandbox,
    worker,
)
from deployments.environment import adopt_sandbox

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Managed cloud operations as Prefect flows.",
)

sandbox.register(app)
app.command("demo")(demo.demo)
app.command("gateway")(gateway.gateway)
app.command("now")(night.now)
app.command("ack")(night.ack)
app.command("silence")(night.silence)
app.command("beat")(beat.beat)
app.command("apply")(apply.apply)
app.command("plan")(plan.plan)
app.command("paper")(plan.paper)
app.command("commit")(commit.commit)
app.command("drills")(drills.drills)
app.command("worker")(worker.worker)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(blocks.app, name="blocks")
app.add_typer(journal.app, name="journal")
app.add_typer(approver.app, name="approver")
app.add_typer(runs.app, name="runs")


def main() -> None:
    """Entry point of the `vigie` command."""
    adopt_sandbox()
    app()
