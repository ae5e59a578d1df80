"""Which databases does a credential open?

A database role says nothing by itself: what it may do is asked of the servers that checks name. These are
the places where `vigie blocks check` tries it.
"""

from __future__ import annotations

from blocks.catalogue.checks import DatabaseCheck, ReplicationCheck
from blocks.catalogue.model import Catalogue, Platform


def databases_of(catalogue: Catalogue, block_name: str) -> list[tuple[str, str]]:
    """(host:port, database) of every check made with this credential block, each once, by name."""
    platforms = catalogue.platforms.values()
    return sorted({place for platform in platforms for place in databases_of_platform(platform, block_name)})


def databases_of_platform(platform: Platform, block_name: str) -> list[tuple[str, str]]:
    """The same for one platform, for who has only its saved block."""
    checks = [check for service in platform.services.values() for check in service.checks.values()]
    return sorted(
        {
            (check.address, check.database)
            for check in checks
            if isinstance(check, DatabaseCheck | ReplicationCheck)
            and block_name == (check.credentials or platform.database_credentials)
        }
    )


def databases_of_recovery(platform: Platform, block_name: str) -> list[tuple[str, str]]:
    """(host:port, database) of every server whose role a recovery plan changes with this operator's block."""
    if platform.recovery is None or platform.recovery.database_operator != block_name:
        return []
    members = {name for data in platform.recovery.data.values() for name in data.members.values()}
    checks = [check for name in members for check in platform.services[name].checks.values()]
    return sorted({(check.address, check.database) for check in checks if isinstance(check, DatabaseCheck)})
