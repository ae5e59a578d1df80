"""What does the journal hold of several platforms that move at once? Who holds which room, and who used which yes.

The rules the database itself keeps: of one yes each platform's part is given to one run, and a run has one part; that
is written once and never changed. What a run was given of a site's room is freed once, and never vanishes.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_PARTS = """
CREATE TABLE joint_part (
    approval_id uuid NOT NULL REFERENCES approval,
    platform_id smallint NOT NULL REFERENCES platform,
    run_id uuid NOT NULL UNIQUE REFERENCES run,
    promised_at timestamptz NOT NULL,
    PRIMARY KEY (approval_id, platform_id)
);
CREATE TRIGGER joint_part_only_grows BEFORE UPDATE OR DELETE ON joint_part
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER joint_part_not_emptied BEFORE TRUNCATE ON joint_part
    FOR EACH STATEMENT EXECUTE FUNCTION recovery_only_grows();
"""

_ROOM = """
CREATE TABLE room_claim (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES run,
    platform_id smallint NOT NULL REFERENCES platform,
    pool text NOT NULL CHECK (pool <> ''),
    cores integer NOT NULL CHECK (cores >= 0),
    ram_mib bigint NOT NULL CHECK (ram_mib >= 0),
    instances integer NOT NULL CHECK (instances >= 0),
    claimed_at timestamptz NOT NULL,
    freed_at timestamptz CHECK (freed_at >= claimed_at)
);
CREATE UNIQUE INDEX room_claimed_once ON room_claim (platform_id) WHERE freed_at IS NULL;
CREATE INDEX room_claim_of_pool ON room_claim (pool, freed_at);
CREATE INDEX room_claim_of_run ON room_claim (run_id) WHERE freed_at IS NULL;
CREATE TRIGGER room_claim_not_deleted BEFORE DELETE ON room_claim
    FOR EACH ROW EXECUTE FUNCTION recovery_only_grows();
CREATE TRIGGER room_claim_not_emptied BEFORE TRUNCATE ON room_claim
    FOR EACH STATEMENT EXECUTE FUNCTION recovery_only_grows();
CREATE FUNCTION room_is_freed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.freed_at IS NOT NULL OR (NEW.number, NEW.run_id, NEW.platform_id, NEW.pool, NEW.cores, NEW.ram_mib,
            NEW.instances, NEW.claimed_at) IS DISTINCT FROM (OLD.number, OLD.run_id, OLD.platform_id, OLD.pool,
            OLD.cores, OLD.ram_mib, OLD.instances, OLD.claimed_at) THEN
        RAISE EXCEPTION 'a claim of room is freed once and never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER room_is_freed_once BEFORE UPDATE ON room_claim
    FOR EACH ROW EXECUTE FUNCTION room_is_freed_once();
"""


def upgrade() -> None:
    """Make the tables of several platforms at once."""
    op.execute(_PARTS)
    op.execute(_ROOM)
