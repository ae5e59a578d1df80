"""What does the journal hold of requests? Which signed ones were dealt with, so that a copy changes nothing."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_REQUESTS = """
CREATE TABLE gateway_request (
    key text PRIMARY KEY,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
CREATE INDEX gateway_request_by_age ON gateway_request (claimed_at);
"""


def upgrade() -> None:
    """Make the table of requests."""
    op.execute(_REQUESTS)
