"""How is the simulated private cloud as it was left? Its servers, what goes on with them, and Nova's list of actions.

The rules: a server that would begin otherwise today begins anew, and one that the catalogue no longer declares is gone.
What somebody broke is whole again, because no fault outlives the sandbox. What was still going on takes its time again.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from deployments.sandbox.kept import digest_of
from deployments.sandbox.openstack_cloud import Cloud
from deployments.sandbox.openstack_lives import Action, Server

_PLAIN = ("flavor", "host", "held", "wanted", "fault", "course")
_MOST_ACTIONS = 100
Content = dict[str, Any]


def mark_seeds(cloud: Cloud) -> None:
    """Remember what each server began as; to be called before anything happened to it."""
    for server in cloud.servers:
        server.seed = digest_of([server.name, server.service, server.site, server.flavor, server.status])


def described(cloud: Cloud) -> Content:
    """Everything that is to be known again."""
    return {server.id: _server(server) for server in cloud.servers}


def restore(cloud: Cloud, content: Content) -> None:
    """Into a cloud that was seeded and marked: as it was left."""
    for server in cloud.servers:
        kept = content.get(server.id)
        if kept is not None and kept["seed"] == server.seed:
            _as_it_was(server, kept)
            cloud.go_on(server)


def _server(server: Server) -> Content:
    plain = {name: getattr(server, name) for name in _PLAIN}
    actions = [asdict(each) | {"started_at": each.started_at.isoformat()} for each in server.actions[-_MOST_ACTIONS:]]
    return {**plain, "seed": server.seed, "status": server.broken_from or server.status, "actions": actions}


def _as_it_was(server: Server, kept: Content) -> None:
    for name in (*_PLAIN, "status"):
        setattr(server, name, kept[name])
    server.actions = [
        Action(**(each | {"started_at": datetime.fromisoformat(each["started_at"])})) for each in kept["actions"]
    ]
