"""A yes was given elsewhere: how does a run get its own approval out of it?

Whoever hands it on has judged that it may, with the platform's lock held. The rule: it is the run's first approval and
granted from the start, for exactly this plan; its line says out of which yes, about which digest, it came.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, replace
from uuid import UUID

from psycopg import Connection

from blocks.journal.actions import append_action
from blocks.journal.approvals import the_approval
from blocks.journal.identities import LockedPlatform
from blocks.journal.messages import want_message
from blocks.ports.approvals import Approval, Plan
from blocks.ports.recovery import Move
from blocks.ports.runs import SCHEDULE, ActionKind


def hand_on(
    connection: Connection, locked: LockedPlatform, agreed: Approval, own: Approval, kind: ActionKind, **about: str
) -> Approval:
    """`own` says which run, plan, requester, times and reason; whose rule it was is that of `agreed`."""
    made, digest = uuid.uuid5(own.run, "approval 1"), own.plan.digest
    connection.execute(
        "INSERT INTO approval (id, run_id, number, plan, digest, policy, requester, asked_at, expires_at, standing, "
        "settled_at, reason) VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s, 'granted', %s, %s)",
        (
            made, own.run, json.dumps(asdict(own.plan)), digest, json.dumps(asdict(agreed.policy)), own.requester,
            own.asked_at, own.expires_at, own.settled_at, own.reason,
        ),
    )  # fmt: skip
    data = {"approval": str(made), "digest": digest, "agreed": str(agreed.id), "agreed_digest": agreed.digest}
    append_action(connection, locked, own.run, kind, own.reason, data=data | about)
    want_message(connection, own.run, "approval:1")
    return the_approval(connection, made)


def speaks_against(move: Move, plan: Plan, *, action: str, to_site: str) -> str:
    """Why this plan is not what may be had on the yes of that move: another one, elsewhere, or not safe; else empty."""
    if (plan.platform, plan.action, plan.candidate) != (move.platform, action, to_site):
        return f"the plan is a {plan.action} of {plan.platform} to {plan.candidate}"
    if set(plan.roles) != {move.from_site, move.to_site}:
        return f"the plan is about {', '.join(sorted(plan.roles)) or 'no site'}"
    return "; ".join(guard.text for guard in plan.guards if not guard.holds)


def hand_on_from_move(  # noqa: PLR0917  whose yes goes to what
    connection: Connection,
    locked: LockedPlatform,
    move: Move,
    agreed: Approval,
    run: UUID,
    plan: Plan,
    kind: ActionKind,
) -> Approval:
    """The yes of a move, for what the schedule does afterwards as was approved with it."""
    own = replace(
        agreed,
        run=run,
        plan=plan,
        requester=SCHEDULE,
        asked_at=locked.now,
        expires_at=locked.now,
        settled_at=locked.now,
        reason=f"as approved with the {move.kind.value} of run {str(move.run)[:8]}: {agreed.reason}",
    )
    return hand_on(connection, locked, agreed, own, kind, move=str(move.run))
