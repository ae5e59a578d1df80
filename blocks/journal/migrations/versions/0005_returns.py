"""What does the journal hold of moves that go back by themselves? Which run takes which move back.

The rules the database itself keeps: a move is taken back by one run, and a run takes back one move; that is written
once and never changed.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_RETURNS = """
CREATE TABLE way_back (
    move_run_id uuid PRIMARY KEY REFERENCES move,
    run_id uuid NOT NULL UNIQUE REFERENCES run CHECK (run_id <> move_run_id),
    promised_at timestamptz NOT NULL
);
CREATE TRIGGER way_back_only_grows BEFORE UPDATE OR DELETE ON way_back
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER way_back_not_emptied BEFORE TRUNCATE ON way_back
    FOR EACH STATEMENT EXECUTE FUNCTION recovery_only_grows();
"""


def upgrade() -> None:
    """Make the table of ways back."""
    op.execute(_RETURNS)
