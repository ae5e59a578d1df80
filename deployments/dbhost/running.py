"""How do the keeper of a server and its door run in one process, and end together?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from deployments.dbhost.door import Door
from deployments.dbhost.keeper import Keeper
from deployments.dbhost.orders import ORDERS

if TYPE_CHECKING:
    from deployments.dbhost.config import HostConfig

Told = Callable[[Keeper, str], None]
"""Told with the door's address whenever the server's process came or went, and once when all is open."""


def run_host(config: HostConfig, stopping: threading.Event, told: Told | None = None) -> None:
    """Keep the server and its door until `stopping`. On the main thread. Raises the three errors.

    The door opens first: two hosts that start at the same moment can ask each other.
    """
    keeper = Keeper(config, ORDERS, lambda: None if told is None else told(keeper, address))
    door = Door(keeper)
    door.start()
    address = door.await_open()
    try:
        keeper.run(stopping)
    finally:
        door.close()
