"""What really happens when a cloud of the sandbox is asked to restart, stop or start something?

The processes that stand for the service do it: they are killed and started again, ended, or started, as a machine's
processes are. The rules: a restart mends what a restart would mend in earnest, which is a process that died or came
up with the wrong page, and nothing that lies in the network, in a certificate or in the cloud; what is stopped stays
so until somebody starts it; and where the power is gone nothing starts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from blocks.errors import VigieError
from deployments.sandbox.breaking import breaks, forget, is_dark, repeat, touches
from deployments.sandbox.lifecycle import order

if TYPE_CHECKING:
    from deployments.sandbox.state import State

BEHIND = {
    "device-api": "device-api",
    "web-fleet": "shop",
    "device-api-recovery": "device-api-recovery",
    "household-digest": "household-digest",
    "household-digest-recovery": "household-digest-recovery",
}
"""Service that a cloud restarts -> the component whose process stands for it."""
MACHINES = BEHIND | {
    "household-data-vm": "household-primary",
    "standby-server": "household-standby",
}
"""Service that a cloud stops and starts -> the component that runs on it. A restart of a database's machine is over
before its server would be missed, so it is not in the table above."""
MENDED = frozenset({"kill", "wrong-body"})
"""Ways of breaking a process that its restart mends."""


def restarting_behind(state: State) -> Begin:
    """What a simulator calls with the service that it restarts or resizes; its answer says whether it is over."""
    return _in_turn(state, BEHIND, restart_component)


def stopping_behind(state: State) -> Begin:
    """What a simulator calls with the service whose app or machine it stops."""
    return _in_turn(state, MACHINES, rest_component)


def starting_behind(state: State) -> Begin:
    """What a simulator calls with the service whose app or machine it starts."""
    return _in_turn(state, MACHINES, start_component)


def restart_component(state: State, component: str) -> None:
    """Kill the process, start it, forget the breaks that this mended, and break again what it did not."""
    if is_dark(state, component):
        return
    order(state, "kill", component)
    order(state, "start", component)
    for broken in breaks(state):
        if broken.how in MENDED and touches(broken, component):
            forget(state, broken)
        elif broken.how not in MENDED:
            repeat(state, broken, component)


def rest_component(state: State, component: str) -> None:
    """End the process politely; it is not missed until it is started."""
    order(state, "rest", component)


def start_component(state: State, component: str) -> None:
    """Start the process; nothing happens where it runs, or where there is no power."""
    if not is_dark(state, component):
        order(state, "start", component)


Begin = Callable[[str], Callable[[], bool] | None]
Done = Callable[["State", str], None]
_waiting: SimpleQueue[tuple[Done, State, str, threading.Event]] = SimpleQueue()
_worker: list[threading.Thread] = []


def _in_turn(state: State, machines: dict[str, str], do: Done) -> Begin:
    """One after the other and in the order asked, however long each takes. None where no process stands for it."""

    def begin(service: str) -> Callable[[], bool] | None:
        component = machines.get(service, "")
        if not component or not state.is_ready("supervisor"):
            return None
        over = threading.Event()
        _waiting.put((do, state, component, over))
        if not _worker:
            _worker.append(threading.Thread(target=_work, daemon=True))
            _worker[0].start()
        return over.is_set

    return begin


def _work() -> None:
    while True:
        do, state, component, over = _waiting.get()
        try:
            do(state, component)
        except VigieError as error:
            logging.getLogger(__name__).warning("%s: %s was not done: %s", component, do.__name__, error)
        finally:
            over.set()
