"""What was taken from a site, and given back, by steps of earlier moves?

The baseline of the step that took something is the only place that still knows what it was. The rule: every move of the
platform counts, the newest intent first; one without an outcome is said to be that.
"""

from __future__ import annotations

from psycopg import Connection

from blocks.ports.credentials import Touched


def touched(connection: Connection, platform: str, *, taking: str, giving: str) -> tuple[Touched, ...]:
    """The steps with these items of every run of the platform, newest first."""
    rows = connection.execute(
        "SELECT s.item, s.baseline, s.done_at IS NOT NULL FROM step s JOIN run r ON r.id = s.run_id "
        "JOIN platform p ON p.id = r.platform_id WHERE p.name = %s AND s.item IN (%s, %s) "
        "ORDER BY s.intended_at DESC, s.key DESC",
        (platform, taking, giving),
    ).fetchall()
    return tuple(Touched(gave_back=item == giving, kept=kept, done=done) for item, kept, done in rows)
