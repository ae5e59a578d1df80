"""Which saved block is this, and where do real names lead?

What a step opens before it looks or acts. The rule: a block that is absent is said by its name and kind, and what
to do about it; a server that does not answer for a moment is tried again by the step.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from blocks.errors import Refused
from blocks.orchestrator.loading import prefect_answers
from blocks.ports.network import Routes
from tasks.core.remembering import remembered


def load_block(block_class: Any, name: str) -> Any:
    """A saved block. Raises `Refused` saying which one is absent."""
    return remembered(block_class.get_block_type_slug(), name, lambda: _loaded(block_class, name))


def _loaded(block_class: Any, name: str) -> Any:
    try:
        with prefect_answers(f"block {name}"):
            return block_class.load(name, _sync=True)
    except ValueError as error:
        raise Refused(
            f"no {block_class.get_block_type_slug()} block named {name!r} is saved",
            where="the credential blocks",
            next_step="create it in the Prefect UI, then run `vigie blocks check`",
        ) from error


def load_routes() -> Routes:
    """Where real names lead: the `probe-network` block's word, or as the name service says."""
    return remembered("routes", "", _routes)


def _routes() -> Routes:
    from blocks.network.block import ProbeNetwork
    from tasks.health.probers import NETWORK_BLOCK

    try:
        with prefect_answers(f"block {NETWORK_BLOCK}"):
            found: Any = ProbeNetwork.load(NETWORK_BLOCK, _sync=True)  # pyright: ignore[reportCallIssue]
    except ValueError:
        return Routes()
    return found.over(Routes())


def imported(path: str) -> Any:
    """What "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
