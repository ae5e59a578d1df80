"""How is something broken for real, and how is all of it made whole again?

Every break is written down before it is done, so that `mend` finds it whatever happens in between.
Breaking what is broken and mending what is whole change nothing and succeed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from blocks.errors import Broken
from deployments.sandbox.control import tell
from deployments.sandbox.faults import FAULTS, Action, Cut, Kill, Tell, actions_for, components_of
from deployments.sandbox.lifecycle import order, require_running
from deployments.sandbox.state import State, read_json, write_json


@dataclass(frozen=True, slots=True)
class Break:
    """A fault that is there now."""

    service: str
    how: str
    since: str


def break_service(state: State, service: str, how: str) -> str:
    """Break a service for real; the sentence says what was done. Raises `Refused`, `Broken`."""
    actions = actions_for(service, how)
    require_running(state)
    name = service.rpartition("/")[2]
    path = state.breaks / f"{name}.{how}.json"
    if not path.exists():
        write_json(path, {"service": name, "how": how, "since": datetime.now(UTC).isoformat(timespec="seconds")})
    for action in actions:
        _do(state, action)
    return f"{name} is broken: {how} ({'; '.join(_said(action) for action in actions)})"


def mend_service(state: State, service: str | None = None) -> list[str]:
    """Undo every break of one service, or of all; a sentence for each. Raises `Refused`, `Broken`."""
    name = service.rpartition("/")[2] if service else None
    if name is not None and name not in FAULTS:
        actions_for(name, "")
    sentences: list[str] = []
    for broken in [each for each in breaks(state) if name in (None, each.service)]:
        for action in reversed(actions_for(broken.service, broken.how)):
            _undo(state, action)
        forget(state, broken)
        sentences.append(f"{broken.service} is mended: {broken.how} since {broken.since}")
        _again(state, broken)
    return sentences


def breaks(state: State) -> tuple[Break, ...]:
    """What is broken on purpose now, oldest first."""
    found = (read_json(path) for path in state.breaks.glob("*.json"))
    return tuple(sorted((Break(**each) for each in found if each), key=lambda each: each.since))


def touches(broken: Break, component: str) -> bool:
    """Does this break act on that component?"""
    return any(component in components_of(action) for action in actions_for(broken.service, broken.how))


def is_dark(state: State, component: str) -> bool:
    """Has the site of that component no power now?"""
    actions = (action for broken in breaks(state) for action in actions_for(broken.service, broken.how))
    return any(isinstance(action, Cut) and component in action.components for action in actions)


def forget(state: State, broken: Break) -> None:
    """It is mended: nothing is left to undo."""
    (state.breaks / f"{broken.service}.{broken.how}.json").unlink(missing_ok=True)


def repeat(state: State, broken: Break, component: str) -> None:
    """Do again what a break does to one component, which began anew and knows nothing of it."""
    for action in actions_for(broken.service, broken.how):
        if component in components_of(action):
            _do(state, action)


def _again(state: State, mended: Break) -> None:
    """A mend heals a whole port or process: what else is still broken there is broken again."""
    touched = set(_places(actions_for(mended.service, mended.how)))
    for other in breaks(state):
        for action in actions_for(other.service, other.how):
            if touched & set(_places([action])):
                _do(state, action)


def _places(actions: Iterable[Action]) -> list[tuple[str, str]]:
    return [
        (component, action.target if isinstance(action, Tell) else "")
        for action in actions
        for component in components_of(action)
    ]


def _do(state: State, action: Action) -> None:
    if isinstance(action, Kill):
        order(state, "kill", action.component)
        return
    if isinstance(action, Cut):
        order(state, "cut", ",".join(action.components))
        return
    asked: dict[str, Any] = {"target": action.target, "how": action.how}
    if action.delay_s is not None:
        asked["delay_s"] = action.delay_s
    tell(_control(state, action.component), "/_sandbox/break", asked)


def _undo(state: State, action: Action) -> None:
    if isinstance(action, Kill | Cut):
        order(state, "return", ",".join(components_of(action)))
    elif state.is_ready(action.component):  # a fault inside a process died with it
        tell(_control(state, action.component), "/_sandbox/mend", {"target": action.target})


def _control(state: State, component: str) -> str:
    ready = state.read_ready(component)
    if not state.is_ready(component):
        raise Broken(
            f"the sandbox's {component} is not running", where=str(state.home), next_step="vigie status, then vigie up"
        )
    return str(ready.get("control") or ready["address"])


def _said(action: Action) -> str:
    if isinstance(action, Kill):
        return f"process {action.component} killed"
    if isinstance(action, Cut):
        return f"the power of {', '.join(action.components)} cut"
    return f"{action.component} told {action.how} for {action.target}"
