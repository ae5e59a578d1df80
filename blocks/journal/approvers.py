"""Who may decide, what is their secret, and which of their codes were used?

The rules: a secret lies here sealed, and the key to it lies elsewhere; a one-time code is used once, whatever
came of it; wrong codes are counted. A Slack account belongs to one approver.
"""

from __future__ import annotations

from datetime import timedelta

from psycopg import Connection

from blocks.errors import Refused
from blocks.ports.approvals import Approver


def enrol(connection: Connection, name: str, sealed_secret: bytes) -> Approver:
    """A new secret; the former one no longer opens anything, and the Slack account must be linked anew."""
    connection.execute(
        "INSERT INTO approver (name, sealed_secret, enrolled_at) VALUES (%s, %s, clock_timestamp()) "
        "ON CONFLICT (name) DO UPDATE SET sealed_secret = excluded.sealed_secret, enrolled_at = excluded.enrolled_at, "
        "slack_team = '', slack_user = ''",
        (name, sealed_secret),
    )
    connection.execute("DELETE FROM used_code WHERE approver = %s", (name,))
    connection.execute("DELETE FROM wrong_code WHERE approver = %s", (name,))
    found = find_approver(connection, name)
    return found or Approver(name=name)


def find_approver(connection: Connection, name: str) -> Approver | None:
    """By the name that approvals.yaml uses; None when nobody enrolled under it."""
    row = connection.execute(
        "SELECT name, enrolled_at, slack_team, slack_user FROM approver WHERE name = %s", (name,)
    ).fetchone()
    return None if row is None else Approver(name=row[0], enrolled_at=row[1], slack_team=row[2], slack_user=row[3])


def approver_of(connection: Connection, slack_team: str, slack_user: str) -> Approver | None:
    """Whose Slack account this is; None when nobody linked it."""
    row = connection.execute(
        "SELECT name, enrolled_at, slack_team, slack_user FROM approver "
        "WHERE slack_team = %s AND slack_user = %s AND slack_user <> ''",
        (slack_team, slack_user),
    ).fetchone()
    return None if row is None else Approver(name=row[0], enrolled_at=row[1], slack_team=row[2], slack_user=row[3])


def sealed_secret(connection: Connection, name: str) -> bytes | None:
    """The sealed secret; None when nobody enrolled under this name."""
    row = connection.execute("SELECT sealed_secret FROM approver WHERE name = %s", (name,)).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def link_slack(connection: Connection, name: str, slack_team: str, slack_user: str, code_step: int) -> Approver:
    """This account is this approver's from now on. Raises `Refused` for a used code or somebody else's account."""
    owner = approver_of(connection, slack_team, slack_user)
    if owner is not None and owner.name != name:
        raise Refused(
            f"this Slack account is linked to {owner.name}", next_step=f"vigie approver enrol {owner.name} unlinks it"
        )
    if not use_code(connection, name, code_step):
        raise Refused("this one-time code was used before", next_step="wait for the next one")
    connection.execute(
        "UPDATE approver SET slack_team = %s, slack_user = %s WHERE name = %s", (slack_team, slack_user, name)
    )
    found = find_approver(connection, name)
    if found is None or found.enrolled_at is None:
        raise Refused(f"nobody enrolled as {name}", next_step=f"vigie approver enrol {name}")
    return found


def use_code(connection: Connection, name: str, code_step: int) -> bool:
    """Use up the code of this time step; False when it, or a later one, was used before."""
    row = connection.execute(
        "INSERT INTO used_code (approver, code_step) SELECT %s, %s WHERE NOT EXISTS "
        "(SELECT 1 FROM used_code WHERE approver = %s AND code_step >= %s) ON CONFLICT DO NOTHING RETURNING code_step",
        (name, code_step, name, code_step),
    ).fetchone()
    return row is not None


def note_wrong_code(connection: Connection, name: str) -> None:
    """One more wrong code; those of yesterday are forgotten."""
    connection.execute("DELETE FROM wrong_code WHERE at < clock_timestamp() - interval '1 day'")
    connection.execute("INSERT INTO wrong_code (approver) VALUES (%s)", (name,))


def wrong_codes(connection: Connection, name: str, within: timedelta) -> int:
    """How many wrong codes were given for this name lately."""
    row = connection.execute(
        "SELECT count(*) FROM wrong_code WHERE approver = %s AND at > clock_timestamp() - %s", (name, within)
    ).fetchone()
    return int(row[0]) if row else 0
