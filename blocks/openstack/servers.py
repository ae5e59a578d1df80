"""Which server is meant by what the catalogue says?

A name or an id. The rule: several servers of one name are a fault of the catalogue; nobody is looked at
or restarted by chance.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from blocks.errors import Broken
from blocks.openstack.failures import status_of
from blocks.ports.health import MissingCode


def find_server(compute: Any, resource: str) -> Any | None:
    """The one server with that id or name, None when there is none. Raises `Broken` when there are several."""
    found = _by_id(compute, resource) if _is_id(resource) else _by_name(compute, resource)
    if len(found) > 1:
        raise Broken(
            f"{len(found)} servers are named {resource}",
            next_step="write the server's id into the catalogue",
            code=MissingCode.PROBE_FAILED,
        )
    return found[0] if found else None


def _by_name(compute: Any, name: str) -> list[Any]:
    """Nova takes a regular expression and pages; every page is read."""
    return [server for server in compute.servers(name=f"^{re.escape(name)}$") if server.name == name]


def _by_id(compute: Any, server_id: str) -> list[Any]:
    from openstack.exceptions import NotFoundException

    try:
        return [compute.get_server(server_id)]
    except NotFoundException as error:
        if status_of(error) == 404:  # noqa: PLR2004
            return []
        raise


def _is_id(resource: str) -> bool:
    try:
        return str(uuid.UUID(resource)) == resource.lower()
    except ValueError:
        return False
