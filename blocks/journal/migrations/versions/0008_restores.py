"""What does the journal hold of a platform that went back to a moment? A move of a kind of its own.

The rule the database itself keeps: a move is of one of four kinds. Until now a restore was kept as a failover and told
apart by its run's action; from here on the move says it itself.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_RESTORES = """
ALTER TABLE move DROP CONSTRAINT move_kind_check;
ALTER TABLE move ADD CONSTRAINT move_kind_check
    CHECK (kind IN ('switchover', 'failover', 'failback', 'point-in-time-restore'));
UPDATE move SET kind = 'point-in-time-restore' FROM run
    WHERE run.id = move.run_id AND run.action = 'point-in-time-restore' AND move.kind = 'failover';
"""


def upgrade() -> None:
    """Let a restore be a kind of move, and those that were made be that kind."""
    op.execute(_RESTORES)
