"""Adapters are held to their contracts on the event loop that a sweep gives them."""

from __future__ import annotations

import uvloop


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}
