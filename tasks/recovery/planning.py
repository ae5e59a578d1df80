"""The plan of a move, made anew from what is seen now. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from prefect.logging import get_run_logger

from blocks.catalogue.mistakes import nearest_name
from blocks.errors import Refused
from blocks.journal.opening import open_journal
from blocks.ports.approvals import Plan
from blocks.ports.recovery import MoveKind
from tasks.core.retries import OUTSIDE
from tasks.core.step import fresh_step
from tasks.recovery.decide import plan_move
from tasks.recovery.looking import look_at
from tasks.recovery.opening import parts_of
from tasks.recovery.supposing import suppose_gone
from tasks.recovery.values import Accepted

_CALLED = ("failover", "switchover", "failback", "restore")
"""The moves as people call them; the last one's flow and approvals are named point-in-time-restore."""


def make_plan(
    kind: str,
    platform: str,
    *,
    reason: str,
    candidate: str = "",
    accepted: Accepted | None = None,
    as_if_gone: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Look, and decide. Raises `Refused` with what speaks against the move.

    `as_if_gone`: what it would be if the active site were dark; for reading, not for doing.
    """
    try:
        wanted = MoveKind(kind)
    except ValueError:
        near = nearest_name(kind, _CALLED)
        raise Refused(
            f"there is no move called {kind!r}{f'; the nearest is {near!r}' if near else ''}",
            next_step=f"choose one of {', '.join(_CALLED)}",
        ) from None
    if wanted is MoveKind.RESTORE:
        raise Refused("a restore needs a moment to go back to", next_step="vigie plan restore PLATFORM --as-of MOMENT")
    parts = parts_of(platform)
    with open_journal() as journal:
        facts = look_at(parts, journal, wanted, say)
    facts = suppose_gone(parts.platform, facts) if as_if_gone else facts
    return plan_move(wanted, parts.platform, facts, to=candidate, accepted=accepted, reason=reason)


@fresh_step(retry=OUTSIDE, run_name="plan the {kind} of {platform}")
def plan_for(kind: MoveKind, platform: str, reason: str, candidate: str, accepted: Accepted | None = None) -> Plan:
    """The plan as a step of the run, with what could not be seen in its log."""
    warn = get_run_logger().warning
    return make_plan(
        kind,
        platform,
        reason=reason,
        candidate=candidate,
        accepted=accepted,
        say=lambda missed: warn("%s", missed),
    )
