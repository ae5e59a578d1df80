"""Is there one standby without which this primary acknowledges no commit?

Pure, over what the server and its host said in one look. A setting that names several standbys lets a commit go when
another one has it; `synchronous_commit` below `on`, of the server or of any role or database, lets those go that have
it; a host that lets commits go where the standby is gone does so when it matters. What one session sets for itself is
seen by nobody. The rule: only what was seen whole is called strict; what could not be seen is neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blocks.ports.recovery import Waiting

_NAME = r"\"(?:[^\"]|\"\")+\"|[A-Za-z_\x80-\U0010ffff][\w$]*"
_ONE = re.compile(
    rf"\s*(?:(?:(?:FIRST|ANY)\s+)?1\s*\(\s*(?P<listed>{_NAME})\s*\)|(?P<alone>{_NAME}))\s*", re.IGNORECASE
)
_STRICT = frozenset({"on", "remote_apply"})
"""Of `synchronous_commit`: the standby has it on its disk before anybody is told."""


def the_one(setting: str) -> str:
    """The only name in a `synchronous_standby_names`; empty where it names nobody, anybody or several."""
    found = _ONE.fullmatch(setting)
    if found is None:
        return ""
    name = str(found["listed"] or found["alone"])
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def judge_commits(
    setting: str, levels: Sequence[str], synchronous: Sequence[str], *, host_answers: bool, lets_go: bool
) -> Waiting:
    """How commits of a primary are acknowledged.

    `levels` is every `synchronous_commit` that is set for the server, a role or a database; `synchronous` the names of
    the standbys that stream and are waited for.
    """
    one = the_one(setting)
    if not one or lets_go or not _STRICT.issuperset(levels):
        return Waiting.NOT
    seen = [name.casefold() for name in synchronous] == [one.casefold()]
    return Waiting.STRICTLY if seen and host_answers else Waiting.UNKNOWN
