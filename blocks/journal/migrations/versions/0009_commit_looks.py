"""What does the journal hold of commits that waited? Each look at a primary that said so, or said that they do not.

The rules the database itself keeps: what was seen is written once and never changed; whoever saw commits wait says for
whom, and how far the primary had written by then.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

_LOOKS = """
CREATE TABLE commit_look (
    platform_id smallint NOT NULL REFERENCES platform,
    data text NOT NULL CHECK (data <> ''),
    site text NOT NULL CHECK (site <> ''),
    waits boolean NOT NULL,
    seen_at timestamptz NOT NULL,
    seen_by text NOT NULL CHECK (seen_by <> ''),
    standby text NOT NULL,
    system_id text NOT NULL,
    timeline integer NOT NULL,
    position_bytes bigint NOT NULL,
    PRIMARY KEY (platform_id, data, seen_at, waits, seen_by),
    CHECK (NOT waits OR (standby <> '' AND system_id <> '' AND timeline > 0 AND position_bytes > 0))
);
CREATE TRIGGER commit_look_only_grows BEFORE UPDATE OR DELETE ON commit_look
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER commit_look_not_emptied BEFORE TRUNCATE ON commit_look
    FOR EACH STATEMENT EXECUTE FUNCTION recovery_only_grows();
"""


def upgrade() -> None:
    """Make the table of looks at whom commits wait for."""
    op.execute(_LOOKS)
