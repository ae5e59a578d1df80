"""Does the standby follow its primary?

Asked where the catalogue says, which is the primary in quiet times. The rule: a standby that is not
connected is NOT_REPLICATING whatever its last lag was, and a server that is itself a standby vouches
only for the standbys that hang on it, or for itself when it is the one asked about. No name stands for
any standby that follows.

Lag in seconds: no bytes behind is no lag. Otherwise it is the primary's own `replay_lag` (PostgreSQL
manual, pg_stat_replication), which is as old as the standby's last word, plus the time since that
word: the number alone stands still while a standby replays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks.network.course import Course, Outcome
from blocks.network.wording import tidy
from blocks.ports.health import Finding, FindingCode, Measurement, Unit
from blocks.postgres.faults import lacking_right
from blocks.postgres.session import ask, first_question

if TYPE_CHECKING:
    from blocks.catalogue.model import ReplicationCheck
    from blocks.postgres.session import Connection

_FOLLOWERS = """
    SELECT state,
           extract(epoch FROM replay_lag)::float,
           pg_wal_lsn_diff(
               CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn
           )::float,
           greatest(extract(epoch FROM now() - reply_time), 0)::float
      FROM pg_stat_replication WHERE application_name = %s OR (%s::text = '' AND state <> 'backup')
     ORDER BY replay_lsn DESC NULLS LAST LIMIT 1
"""
_OWN_NAME = """
    SELECT pg_is_in_recovery(),
           EXISTS (SELECT FROM pg_settings WHERE name = 'primary_conninfo'),
           coalesce(
               (SELECT substring(setting FROM 'application_name *= *''?([^ '']+)')
                  FROM pg_settings WHERE name = 'primary_conninfo'),
               nullif(current_setting('cluster_name'), ''), 'walreceiver')
"""
_OWN_LAG = """
    SELECT (SELECT status FROM pg_stat_wal_receiver),
           CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END::float,
           pg_wal_lsn_diff(
               greatest(pg_last_wal_receive_lsn(), (SELECT latest_end_lsn FROM pg_stat_wal_receiver)),
               pg_last_wal_replay_lsn())::float
"""
_FOLLOWING = {"streaming", "catchup"}


async def measure_replication(check: ReplicationCheck, connection: Connection, course: Course) -> Outcome:
    """Lag (s) and lag_bytes of the standby, or NOT_REPLICATING.

    Raises psycopg.Error, and `Refused` when the role may not see the state of replication.
    """
    await first_question(connection, course)
    followers = await ask(connection, _FOLLOWERS, check.standby, check.standby)
    if followers:
        return _follower(check, followers[0])
    ((is_standby, may_see, own_name),) = await ask(connection, _OWN_NAME)
    if not is_standby:
        return Outcome((), _broken(check, f"is not connected to {check.address}"))
    if not may_see:
        raise lacking_right(check.address)
    if own_name != check.standby:
        said = f"is not connected to {check.address}, which is itself a standby now"
        return Outcome((), _broken(check, said))
    return _itself(check, (await ask(connection, _OWN_LAG))[0])


def _follower(check: ReplicationCheck, row: tuple[Any, ...]) -> Outcome:
    state, lag_s, behind_bytes, heard_s = row
    if state is None:
        raise lacking_right(check.address)
    if state not in _FOLLOWING or behind_bytes is None:
        return Outcome((), _broken(check, f"is connected to {check.address} but does not follow ({tidy(state, 20)})"))
    return _measured((lag_s or 0.0) + heard_s if behind_bytes > 0 else 0.0, behind_bytes)


def _itself(check: ReplicationCheck, row: tuple[Any, ...]) -> Outcome:
    status, lag_s, behind_bytes = row
    if status != "streaming" or lag_s is None or behind_bytes is None:
        return Outcome((), _broken(check, f"({check.address}) has lost its primary: it receives nothing"))
    return _measured(lag_s, behind_bytes)


def _measured(lag_s: float, behind_bytes: float) -> Outcome:
    return Outcome(
        (
            Measurement("lag", max(0.0, float(lag_s or 0.0)), Unit.SECONDS),
            Measurement("lag_bytes", max(0.0, behind_bytes), Unit.BYTES),
        )
    )


def _broken(check: ReplicationCheck, said: str) -> Finding:
    standby = f"standby {check.standby}" if check.standby else "the standby"
    return Finding(FindingCode.NOT_REPLICATING, f"{standby} {said}")
