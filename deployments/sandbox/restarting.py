"""What really restarts when a cloud of the sandbox is asked to restart something?

The process that stands for the service: it is killed and started again, as a machine's processes are when
the machine restarts. The rule: a restart mends what a restart would mend in earnest, which is a process that
died or came up with the wrong page, and nothing that lies in the network, in a certificate or in the cloud.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from blocks.errors import VigieError
from deployments.sandbox.breaking import breaks, forget, repeat, touches
from deployments.sandbox.lifecycle import order

if TYPE_CHECKING:
    from deployments.sandbox.state import State

BEHIND = {
    "device-api": "device-api",
    "web-fleet": "shop",
    "device-api-recovery": "device-api-recovery",
}
"""Service that a cloud restarts -> the component whose process stands for it."""
MENDED = frozenset({"kill", "wrong-body"})
"""Ways of breaking a process that its restart mends."""
_turn = threading.Lock()


def restarting_behind(state: State) -> Callable[[str], None]:
    """What a simulator calls with the service that it restarts; returns at once, the restart takes its time."""

    def begin(service: str) -> None:
        component = BEHIND.get(service, "")
        if component and state.is_ready("supervisor"):
            threading.Thread(target=_restart, args=(state, component), daemon=True).start()

    return begin


def restart_component(state: State, component: str) -> None:
    """Kill the process, start it, forget the breaks that this mended, and break again what it did not."""
    with _turn:
        order(state, "kill", component)
        order(state, "start", component)
        for broken in breaks(state):
            if broken.how in MENDED and touches(broken, component):
                forget(state, broken)
            elif broken.how not in MENDED:
                repeat(state, broken, component)


def _restart(state: State, component: str) -> None:
    try:
        restart_component(state, component)
    except VigieError as error:
        logging.getLogger(__name__).warning("%s was not restarted: %s", component, error)
