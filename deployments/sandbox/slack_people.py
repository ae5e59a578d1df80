"""Who is in the sandbox's Slack?

Roles instead of persons: one line each. The stranger may approve nothing, and the visitor is of another
workspace (a shared channel), because whoever authorises a click must look at the team and at the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TEAM, TEAM_DOMAIN, OTHER_TEAM = "T0SANDBOX0", "sandbox", "T0ELSEWHERE"
APP = "A0VIGIE000"
_UPDATED = 1_760_000_000


@dataclass(frozen=True, slots=True)
class Person:
    """A member: `locale` decides in which language Slack itself speaks to them."""

    id: str
    name: str
    locale: str
    time_zone: str
    team: str = TEAM

    @property
    def language(self) -> str:
        """`en` or `fr`."""
        return self.locale[:2]

    @property
    def domain(self) -> str:
        """The domain of their workspace."""
        return TEAM_DOMAIN if self.team == TEAM else "elsewhere"


PEOPLE = {
    person.id: person
    for person in (
        Person("U0ENGINEER0", "engineer", "en-GB", "Europe/Paris"),
        Person("U0OPERATOR0", "operator", "fr-FR", "Europe/Paris"),
        Person("U0SHIFTLEAD", "lead", "en-GB", "Europe/Paris"),
        Person("U0MANAGER00", "manager", "en-US", "Europe/Paris"),
        Person("U0STRANGER0", "stranger", "en-US", "Europe/Paris"),
        Person("U0VISITOR00", "visitor", "en-US", "Europe/Paris", OTHER_TEAM),
    )
}
FIRST = next(iter(PEOPLE.values()))


def find_person(asked: str) -> Person | None:
    """By id, name or @name."""
    return PEOPLE.get(asked) or next((each for each in PEOPLE.values() if each.name == asked.removeprefix("@")), None)


def described(person: Person, *, include_locale: bool) -> dict[str, Any]:
    """A `user` as users.info gives it."""
    shown = {
        "id": person.id,
        "team_id": person.team,
        "name": person.name,
        "deleted": False,
        "real_name": person.name.capitalize(),
        "tz": person.time_zone,
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "profile": {
            "real_name": person.name.capitalize(),
            "display_name": person.name,
            "team": person.team,
        },
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "updated": _UPDATED,
    }
    strange = {"is_stranger": True} if person.team != TEAM else {}
    return shown | strange | ({"locale": person.locale} if include_locale else {})
