"""What does the journal hold of sites that were left and answer again? Which runs rejoin them, for which move.

The rules the database itself keeps: a run rejoins the old site of one move; that is written once and never changed.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_REJOINS = """
CREATE TABLE rejoin (
    run_id uuid PRIMARY KEY REFERENCES run CHECK (run_id <> move_run_id),
    move_run_id uuid NOT NULL REFERENCES move,
    promised_at timestamptz NOT NULL
);
CREATE INDEX rejoin_of_move ON rejoin (move_run_id);
CREATE TRIGGER rejoin_only_grows BEFORE UPDATE OR DELETE ON rejoin
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER rejoin_not_emptied BEFORE TRUNCATE ON rejoin
    FOR EACH STATEMENT EXECUTE FUNCTION recovery_only_grows();
"""


def upgrade() -> None:
    """Make the table of rejoins."""
    op.execute(_REJOINS)
