"""What does the journal hold of recovery? Moves, what they lost, drills, restores, what a drill created, reminders.

The rules the database itself keeps: one move a platform under way; losses, restores and counts of the old side are
never changed or deleted; one living lease a resource; one reminder a platform, name and day.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_MOVES = """
CREATE TABLE move (
    run_id uuid PRIMARY KEY REFERENCES run,
    platform_id smallint NOT NULL REFERENCES platform,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind text NOT NULL CHECK (kind IN ('switchover', 'failover', 'failback')),
    from_site text NOT NULL,
    to_site text NOT NULL CHECK (to_site <> from_site),
    state text NOT NULL DEFAULT 'under_way' CHECK (state IN
        ('under_way', 'serving', 'committed', 'rolled_back', 'abandoned')),
    began_at timestamptz NOT NULL,
    outage_at timestamptz,
    detected_at timestamptz,
    decided_at timestamptz,
    serving_at timestamptz CHECK (serving_at IS NOT NULL OR state NOT IN ('serving', 'committed')),
    commit_due_at timestamptz,
    rolls_back boolean NOT NULL DEFAULT false,
    settled_by text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX move_under_way_once ON move (platform_id) WHERE state = 'under_way';
CREATE INDEX move_newest ON move (platform_id, number DESC);
CREATE INDEX move_to_settle ON move (commit_due_at) WHERE state = 'serving';

CREATE TABLE move_loss (
    run_id uuid NOT NULL REFERENCES move,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    data text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('bound', 'exact')),
    row_count bigint NOT NULL CHECK (row_count >= 0),
    seconds double precision NOT NULL CHECK (seconds >= 0),
    text text NOT NULL,
    by_table json NOT NULL,
    saved_in text NOT NULL,
    PRIMARY KEY (run_id, number)
);

CREATE TABLE old_side (
    run_id uuid NOT NULL REFERENCES move,
    at timestamptz NOT NULL,
    client_count integer NOT NULL CHECK (client_count >= 0),
    PRIMARY KEY (run_id, at)
);
"""

_DRILLS = """
CREATE TABLE drill (
    run_id uuid PRIMARY KEY REFERENCES run,
    platform_id smallint NOT NULL REFERENCES platform,
    at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('passed', 'failed', 'stopped')),
    text text NOT NULL,
    leftovers text[] NOT NULL,
    durations json NOT NULL
);
CREATE INDEX drill_newest ON drill (platform_id, at DESC);

CREATE TABLE restore_test (
    run_id uuid NOT NULL REFERENCES run,
    data text NOT NULL,
    platform_id smallint NOT NULL REFERENCES platform,
    at timestamptz NOT NULL,
    restored_to timestamptz NOT NULL,
    passed boolean NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (run_id, data)
);
CREATE INDEX restore_test_newest ON restore_test (platform_id, at DESC);

CREATE TABLE resource_lease (
    run_id uuid NOT NULL REFERENCES run,
    kind text NOT NULL,
    reference text NOT NULL,
    platform_id smallint NOT NULL REFERENCES platform,
    leased_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    freed_at timestamptz,
    PRIMARY KEY (run_id, kind, reference)
);
CREATE UNIQUE INDEX resource_leased_once ON resource_lease (kind, reference) WHERE freed_at IS NULL;

CREATE TABLE reminder (
    platform_id smallint NOT NULL REFERENCES platform,
    name text NOT NULL,
    day date NOT NULL,
    run_id uuid NOT NULL REFERENCES run,
    action_number bigint NOT NULL,
    PRIMARY KEY (platform_id, name, day)
);
"""

_GUARDS = """
CREATE FUNCTION recovery_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed or deleted (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER move_loss_only_grows BEFORE UPDATE OR DELETE ON move_loss
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER old_side_only_grows BEFORE UPDATE OR DELETE ON old_side
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER restore_test_only_grows BEFORE UPDATE OR DELETE ON restore_test
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER move_not_deleted BEFORE DELETE ON move
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
"""


def upgrade() -> None:
    """Make the tables of recovery."""
    op.execute(_MOVES)
    op.execute(_DRILLS)
    op.execute(_GUARDS)
