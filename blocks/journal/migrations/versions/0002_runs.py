"""What does the journal hold of runs? Runs, leases, steps, approvals, decisions, approvers, and their chain.

The rules the database itself keeps: one lease a platform; one row a step of a run; one waiting approval a run;
one answer an approver and approval; a one-time code is used once; actions are never changed or deleted.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_RUNS = """
ALTER TABLE platform
    ADD COLUMN action_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN action_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex');

CREATE TABLE run (
    id uuid PRIMARY KEY,
    platform_id smallint NOT NULL REFERENCES platform,
    action text NOT NULL,
    subject text NOT NULL,
    parameters json NOT NULL,
    requested_by text NOT NULL,
    customer text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL DEFAULT 'running' CHECK (state IN
        ('running', 'waiting', 'failed', 'cancelled', 'parked', 'rejected', 'expired', 'void', 'done')),
    state_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL DEFAULT '',
    resume_count integer NOT NULL DEFAULT 0,
    resumed_at timestamptz,
    stop_requested_by text NOT NULL DEFAULT ''
);
CREATE INDEX run_by_state ON run (state, state_at);
CREATE INDEX run_by_platform ON run (platform_id, opened_at DESC);

CREATE TABLE lease (
    platform_id smallint PRIMARY KEY REFERENCES platform,
    token bigint NOT NULL CHECK (token > 0),
    run_id uuid REFERENCES run,
    taken_at timestamptz NOT NULL
);
CREATE FUNCTION lease_token_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.token < OLD.token OR (NEW.token = OLD.token AND NEW.run_id IS DISTINCT FROM OLD.run_id
            AND NEW.run_id IS NOT NULL) THEN
        RAISE EXCEPTION 'a lease''s token only grows' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lease_token_only_grows BEFORE UPDATE OR DELETE ON lease
    FOR EACH ROW EXECUTE FUNCTION lease_token_only_grows();

CREATE TABLE step (
    run_id uuid NOT NULL REFERENCES run,
    key text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'),
    phase text NOT NULL,
    item text NOT NULL,
    text text NOT NULL,
    token bigint NOT NULL,
    intended_at timestamptz NOT NULL,
    baseline json NOT NULL,
    evidence json,
    outcome text NOT NULL DEFAULT '',
    done_at timestamptz,
    entered_count integer NOT NULL DEFAULT 1,
    by_hand text NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, key)
);

CREATE TABLE action_event (
    platform_id smallint NOT NULL REFERENCES platform,
    number bigint NOT NULL,
    run_id uuid NOT NULL REFERENCES run,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    who text NOT NULL,
    data json NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (platform_id, number)
);
CREATE INDEX action_event_by_run ON action_event (run_id, number);
CREATE FUNCTION action_event_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'actions are never changed or deleted (% refused)', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER action_event_only_grows BEFORE UPDATE OR DELETE ON action_event
    FOR EACH ROW EXECUTE FUNCTION action_event_only_grows();
CREATE TRIGGER action_event_not_emptied BEFORE TRUNCATE ON action_event
    FOR EACH STATEMENT EXECUTE FUNCTION action_event_only_grows();
"""

_APPROVALS = """
CREATE TABLE approval (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES run,
    number integer NOT NULL,
    plan json NOT NULL,
    digest text NOT NULL,
    policy json NOT NULL,
    requester text NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    standing text NOT NULL DEFAULT 'waiting' CHECK (standing IN
        ('waiting', 'granted', 'rejected', 'expired', 'void')),
    settled_at timestamptz,
    reason text NOT NULL DEFAULT '',
    escalated_at timestamptz,
    differences text[] NOT NULL DEFAULT '{}',
    reviewed_by text NOT NULL DEFAULT '',
    form_count integer NOT NULL DEFAULT 0,
    form_refusal text NOT NULL DEFAULT '',
    UNIQUE (run_id, number)
);
CREATE UNIQUE INDEX approval_waiting_once ON approval (run_id) WHERE standing = 'waiting';
CREATE INDEX approval_waiting ON approval (asked_at) WHERE standing = 'waiting';

CREATE TABLE decision (
    approval_id uuid NOT NULL REFERENCES approval,
    approver text NOT NULL,
    choice text NOT NULL CHECK (choice IN ('approve', 'reject', 'break_glass')),
    door text NOT NULL CHECK (door IN ('slack', 'prefect', 'terminal')),
    at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (approval_id, approver)
);
CREATE FUNCTION decision_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decisions are never changed or deleted (% refused)', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER decision_only_grows BEFORE UPDATE OR DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION decision_only_grows();

CREATE TABLE approver (
    name text PRIMARY KEY,
    sealed_secret bytea,
    enrolled_at timestamptz,
    slack_team text NOT NULL DEFAULT '',
    slack_user text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX approver_of_slack ON approver (slack_team, slack_user) WHERE slack_user <> '';

CREATE TABLE used_code (
    approver text NOT NULL REFERENCES approver,
    code_step bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (approver, code_step)
);

CREATE TABLE wrong_code (
    approver text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX wrong_code_by_approver ON wrong_code (approver, at DESC);

CREATE TABLE run_message (
    run_id uuid NOT NULL REFERENCES run,
    purpose text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('slack_message', 'pager')),
    wanted_version integer NOT NULL,
    sent_version integer NOT NULL DEFAULT 0,
    attempt_count integer NOT NULL DEFAULT 0,
    not_before timestamptz,
    claimed_until timestamptz,
    reference text NOT NULL DEFAULT '',
    channel_reference text NOT NULL DEFAULT '',
    last_error text NOT NULL DEFAULT '',
    delivery uuid NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (run_id, purpose)
);
CREATE INDEX run_message_waiting ON run_message (run_id) WHERE wanted_version > sent_version;
"""


def upgrade() -> None:
    """Make the tables of runs and approvals."""
    op.execute(_RUNS)
    op.execute(_APPROVALS)
