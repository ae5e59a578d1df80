"""hearth as the catalogue ships it, and looks at it on a quiet day, for the tests of recovery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from blocks.catalogue.loader import load_catalogue
from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import Promise
from blocks.catalogue.serialised import platform_from_json, platform_to_json
from blocks.ports.credentials import CredentialLook
from blocks.ports.recovery import (
    CapacityLook,
    ComputeLook,
    DatabaseLook,
    DatabaseRole,
    Move,
    MoveKind,
    MoveState,
    Sighting,
)
from tasks.recovery.values import Facts, Ran

HEARTH = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue").platforms["hearth"]
AZURE, CELLAR = "azure-west", "dc-west"
NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
RUN = UUID("00000000-0000-4000-8000-000000000001")
PRIMARY, STANDBY, FENCED = DatabaseRole.PRIMARY, DatabaseRole.STANDBY, DatabaseRole.FENCED
STOPPED, UNREACHABLE = DatabaseRole.STOPPED, DatabaseRole.UNREACHABLE


def with_plan(**changes) -> Platform:
    """hearth with another recovery plan."""
    return HEARTH.model_copy(update={"recovery": HEARTH.recovery.model_copy(update=changes)})


def promised() -> Platform:
    """hearth, whose data promises zero loss."""
    household = HEARTH.recovery.data["household"]
    kept = household.model_copy(update={"promise": Promise.ZERO_LOSS, "lose_at_most_rows": 0})
    return with_plan(data={"household": kept})


def saved(platform: Platform = HEARTH) -> Platform:
    """As a run reads it."""
    return platform_from_json(platform_to_json(platform))


def database(role: DatabaseRole, *, behind_s: float = 0.0, **changes) -> DatabaseLook:
    known = role is not UNREACHABLE
    values = {
        "address": "db:5432",
        "role": role,
        "text": f"the database is {role.value}",
        "system_id": "7" if known else "",
        "timeline": 3 if known else 0,
        "heartbeat_at": NOW - timedelta(seconds=behind_s) if known and role is not STOPPED else None,
        "heartbeat_number": 5000 - round(behind_s),
        "changed_rows_per_s": 40.0 if known else 0.0,
    }
    return DatabaseLook(**(values | changes))


def compute(*services: str, **changes) -> dict[str, ComputeLook]:
    values = {"running": True, "settled": True, "size": "m1.small", "text": "it runs"} | changes
    return {name: ComputeLook(service=name, **values) for name in services}


EVERYTHING = ("device-api", "device-api-recovery", "household-digest", "household-digest-recovery")
ROOM = CapacityLook(site=CELLAR, cores_free=16, ram_free_mib=65536, instances_free=8, hosts_up=2, text="16 cores free")
SHARES = {"api": {AZURE: 100, CELLAR: 0}, "database-name": {AZURE: 100, CELLAR: 0}}


def held(*, fits: bool = True, here: bool = True) -> dict[str, CredentialLook]:
    """hearth's credential, as its provider says."""
    text = "credential archive-writer of azure-west is " + ("there" if here else "not there")
    return {"archive-writer": CredentialLook(name="archive-writer", held=here, fits=fits, text=text)}


def quiet(**changes) -> Facts:
    """Everything is well at home."""
    values = {
        "now": NOW,
        "active": AZURE,
        "databases": {("household", AZURE): database(PRIMARY), ("household", CELLAR): database(STANDBY, behind_s=1)},
        "compute": compute(*EVERYTHING),
        "credentials": held(),
        "capacity": {CELLAR: ROOM},
        "shares": SHARES,
    }
    return Facts(**(values | changes))


def gone(*vantages: str, site: str = AZURE) -> tuple[Sighting, ...]:
    return tuple(Sighting(vantage=each, site=site, gone=True, sure=True, text="nothing answers") for each in vantages)


def dark(**changes) -> Facts:
    """The primary site is gone for everybody who looks."""
    values = {
        "databases": {
            ("household", AZURE): database(UNREACHABLE),
            ("household", CELLAR): database(STANDBY, behind_s=31),
        },
        "compute": compute("device-api-recovery", "household-digest-recovery"),
        "sightings": gone("lyon", "frankfurt"),
    }
    return replace(quiet(**values), **changes)


def a_move(**changes) -> Move:
    values = {
        "run": RUN,
        "platform": "hearth",
        "kind": MoveKind.FAILOVER,
        "from_site": AZURE,
        "to_site": CELLAR,
        "state": MoveState.SERVING,
        "began_at": NOW - timedelta(hours=5),
    }
    return Move(**(values | changes))


def elsewhere(**changes) -> Facts:
    """After a failover: dc-west serves, azure-west is back with a server of its own history, fenced by itself."""
    values = {
        "active": CELLAR,
        "databases": {
            ("household", AZURE): database(FENCED, timeline=3, fenced_by="itself"),
            ("household", CELLAR): database(PRIMARY, timeline=4),
        },
        "moves": (a_move(),),
        "ran": (
            Ran(phase="promote", item=f"promote-database:household:{CELLAR}"),
            Ran(phase="promote", item=f"stand-alone:household:{CELLAR}"),
        ),
        "shares": {"api": {AZURE: 0, CELLAR: 100}, "database-name": {AZURE: 0, CELLAR: 100}},
    }
    return quiet(**(values | changes))


def with_database(facts: Facts, site: str, look: DatabaseLook | None, data: str = "household") -> Facts:
    others = {key: value for key, value in facts.databases.items() if key != (data, site)}
    return replace(facts, databases=others if look is None else others | {(data, site): look})
