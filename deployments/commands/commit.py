"""`vigie commit`: a move stays where it is.

The same function as Slack's button and the Prefect UI's form: a name and a one-time code, written down with who it was.
"""

from __future__ import annotations

from typing import Annotated

import typer

from blocks.errors import Refused
from blocks.ports.recovery import MoveState
from deployments.commands.runs import As, Code, verify_in_terminal
from deployments.commands.telling import told


def commit(
    platform: Annotated[str, typer.Argument(help="The platform's name in the catalogue.")], who: As, code: Code
) -> None:
    """Commit the move of a platform: it stays there, and does not go back by itself."""
    from blocks.journal.opening import open_journal
    from blocks.orchestrator.client import PrefectOrchestrator
    from tasks.runs.catalogue import load_policy
    from tasks.runs.steering import Steer, steer

    with told(), open_journal() as journal, PrefectOrchestrator() as orchestrator:
        newest = next((move for move in journal.moves(platform) if move.state is not MoveState.ABANDONED), None)
        if newest is None:
            raise Refused(
                f"{platform} was never moved: there is nothing to commit",
                next_step="vigie now names what was moved and is not committed",
            )
        run = journal.run(newest.run)
        policy = load_policy(run.customer, run.platform, run.action)
        verify_in_terminal(journal, who, code)
        typer.echo(steer(journal, orchestrator, policy, Steer.COMMIT, run.id, who=who))
