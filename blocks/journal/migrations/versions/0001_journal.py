"""What does the journal hold? Sweeps, readings, statuses, incidents and their chain, deliveries, heartbeats.

The rules the database itself keeps: one open incident a platform and root; events are never changed
or deleted; one delivery an event and channel.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE platform (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    event_count bigint NOT NULL DEFAULT 0,
    event_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

CREATE TABLE check_identity (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform_id smallint NOT NULL REFERENCES platform,
    service text NOT NULL,
    check_name text NOT NULL,
    UNIQUE (platform_id, service, check_name)
);

CREATE TABLE measure_shape (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    names text[] NOT NULL,
    units text[] NOT NULL,
    UNIQUE (names, units)
);

CREATE TABLE sweep (
    id uuid PRIMARY KEY,
    number integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    platform_id smallint NOT NULL REFERENCES platform,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    assessed_at timestamptz,
    finished_at timestamptz,
    catalogue_digest text NOT NULL,
    verdict text NOT NULL DEFAULT 'unknown'
        CHECK (verdict IN ('ok', 'warning', 'critical', 'unknown', 'monitoring_fault')),
    check_count integer NOT NULL DEFAULT 0,
    problem_count integer NOT NULL DEFAULT 0,
    missing_count integer NOT NULL DEFAULT 0,
    incidents uuid[] NOT NULL DEFAULT '{}'
);
CREATE INDEX sweep_by_start ON sweep (platform_id, started_at DESC);
CREATE INDEX sweep_by_finish ON sweep (platform_id, finished_at DESC) WHERE finished_at IS NOT NULL;

-- Wide columns first, so that nothing is padded; `detail` is JSON, and empty when there is nothing to say.
CREATE TABLE reading (
    at timestamptz NOT NULL,
    value double precision,
    second double precision,
    sweep_number integer NOT NULL,
    check_id integer NOT NULL,
    elapsed_ms real NOT NULL,
    attempt smallint NOT NULL,
    shape_id smallint NOT NULL,
    detail text NOT NULL DEFAULT ''
) PARTITION BY RANGE (at);
CREATE INDEX reading_by_sweep ON reading USING brin (sweep_number) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE check_status (
    check_id integer PRIMARY KEY REFERENCES check_identity,
    state text NOT NULL CHECK (state IN ('ok', 'warning', 'critical', 'unknown')),
    mode text NOT NULL CHECK (mode IN ('soft', 'hard')),
    attempt integer NOT NULL,
    last_hard text NOT NULL CHECK (last_hard IN ('ok', 'warning', 'critical', 'unknown')),
    since timestamptz,
    hard_since timestamptz,
    checked_at timestamptz,
    flap_changes integer NOT NULL,
    flapping boolean NOT NULL,
    fresh boolean NOT NULL,
    sentence text NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE check_change (
    check_id integer NOT NULL REFERENCES check_identity,
    sweep_number integer NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (check_id, sweep_number)
);

CREATE TABLE service_status (
    platform_id smallint NOT NULL REFERENCES platform,
    service text NOT NULL,
    state text NOT NULL CHECK (state IN ('ok', 'warning', 'critical', 'unknown')),
    mode text NOT NULL CHECK (mode IN ('soft', 'hard')),
    since timestamptz,
    sentence text NOT NULL,
    reachable boolean NOT NULL,
    root_causes text[] NOT NULL,
    muted text NOT NULL,
    flapping boolean NOT NULL,
    PRIMARY KEY (platform_id, service)
) WITH (fillfactor = 50);

CREATE TABLE sli_bucket (
    platform_id smallint NOT NULL REFERENCES platform,
    slo text NOT NULL,
    bucket timestamptz NOT NULL,
    good_count bigint NOT NULL CHECK (good_count >= 0),
    bad_count bigint NOT NULL CHECK (bad_count >= 0),
    PRIMARY KEY (platform_id, bucket, slo)
);

CREATE TABLE heartbeat (
    platform_id smallint NOT NULL REFERENCES platform,
    name text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (platform_id, name)
);
"""

_INCIDENTS = """
CREATE TABLE incident (
    id uuid PRIMARY KEY,
    platform_id smallint NOT NULL REFERENCES platform,
    root text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('page', 'ticket', 'notice')),
    sentence text NOT NULL,
    affected text[] NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    reopened_count integer NOT NULL,
    acknowledged_by text NOT NULL,
    acknowledged_at timestamptz,
    silenced_until timestamptz,
    silenced_by text NOT NULL,
    flow_run uuid,
    version integer NOT NULL,
    paged boolean NOT NULL
);
CREATE UNIQUE INDEX incident_open_once ON incident (platform_id, root) WHERE closed_at IS NULL;
CREATE INDEX incident_by_close ON incident (platform_id, closed_at DESC) WHERE closed_at IS NOT NULL;

CREATE TABLE incident_event (
    platform_id smallint NOT NULL REFERENCES platform,
    number bigint NOT NULL,
    incident_id uuid NOT NULL REFERENCES incident,
    sequence integer NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    who text NOT NULL,
    numbers json NOT NULL,
    severity text NOT NULL,
    told boolean NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (platform_id, number),
    UNIQUE (incident_id, sequence)
);

CREATE FUNCTION incident_event_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'incident events are never changed or deleted (% refused)', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER incident_event_only_grows BEFORE UPDATE OR DELETE ON incident_event
    FOR EACH ROW EXECUTE FUNCTION incident_event_only_grows();
CREATE TRIGGER incident_event_not_emptied BEFORE TRUNCATE ON incident_event
    FOR EACH STATEMENT EXECUTE FUNCTION incident_event_only_grows();

CREATE TABLE delivery (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    platform_id smallint NOT NULL,
    event_number bigint NOT NULL,
    incident_id uuid NOT NULL REFERENCES incident,
    channel text NOT NULL CHECK (channel IN ('slack_message', 'slack_thread', 'pager')),
    sequence integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt_count integer NOT NULL DEFAULT 0,
    not_before timestamptz,
    claimed_until timestamptz,
    sent_at timestamptz,
    reference text NOT NULL DEFAULT '',
    channel_reference text NOT NULL DEFAULT '',
    last_error text NOT NULL DEFAULT '',
    superseded_by uuid REFERENCES delivery,
    FOREIGN KEY (platform_id, event_number) REFERENCES incident_event (platform_id, number),
    UNIQUE (incident_id, channel, sequence)
);
CREATE INDEX delivery_waiting ON delivery (platform_id, incident_id, channel, sequence)
    WHERE sent_at IS NULL AND superseded_by IS NULL;
"""


def upgrade() -> None:
    """Make the journal's tables."""
    op.execute(_TABLES)
    op.execute(_INCIDENTS)
