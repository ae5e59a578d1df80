"""How is the sandbox's Azure as it was left? Its resources, what goes on with them, who asked for what and who may.

The rules: a resource that the catalogue declares otherwise by now begins anew, one that it no longer declares is gone,
and one that somebody made stays. What was still going on takes its time again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deployments.sandbox.azure_kinds import KINDS
from deployments.sandbox.azure_lives import ActivityLog, Life
from deployments.sandbox.azure_resources import Operation, Resource
from deployments.sandbox.azure_store import Store
from deployments.sandbox.kept import digest_of

_MOST_EVENTS, _MOST_OPERATIONS = 200, 200
_PLAIN = ("body", "power", "settled", "becoming", "failed", "gone")
Content = dict[str, Any]


def mark_seeds(store: Store) -> None:
    """Remember what each resource began as; to be called when everything is seeded."""
    for resource in store.resources.values():
        resource.seed = digest_of(resource.body)


def described(store: Store, log: ActivityLog) -> Content:
    """Everything that is to be known again."""
    newest = list(store.operations.values())[-_MOST_OPERATIONS:]
    going_on = [one.operation for one in store.resources.values() if one.operation is not None]
    operations = {one.id: one for one in (*newest, *going_on)}
    return {
        "resources": {key: _resource(one) for key, one in store.resources.items()},
        "operations": [_operation(one) for one in operations.values()],
        "events": log.events[-_MOST_EVENTS:],
        "rights": store.rights.described(),
    }


def restore(store: Store, log: ActivityLog, content: Content) -> None:
    """Into a store that was seeded and marked: as it was left."""
    if not content:
        return
    known = {one["id"]: Operation(**one) for one in content["operations"]}
    store.operations.update(known)
    log.events += content["events"]
    store.rights.restore(content.get("rights", {}))
    for key, kept in content["resources"].items():
        today = store.resources.get(key)
        if kept["seed"] == (today.seed if today else ""):
            store.resources[key] = _known_again(kept, known)


def _resource(resource: Resource) -> Content:
    life = resource.life
    return {
        "type": resource.kind.type,
        "seed": resource.seed,
        "operation": resource.operation.id if resource.operation else "",
        "life": life.saved(),
        **{name: getattr(resource, name) for name in _PLAIN},
    }


def _known_again(kept: Content, operations: dict[str, Operation]) -> Resource:
    return Resource(
        KINDS[kept["type"].lower()],
        operation=operations.get(kept["operation"]),
        life=Life.again(kept["life"]),
        seed=kept["seed"],
        **{name: kept[name] for name in _PLAIN},
    )


def _operation(operation: Operation) -> Content:
    """One that is over stays so; the clock of another begins again, because no clock of this machine lasts."""
    plain = asdict(operation)
    del plain["began"]
    return plain | ({"needed_polls": 0, "takes_s": 0.0} if operation.done else {"polls": 0})
