"""Names of the simulated private cloud that are the same at every start."""

from __future__ import annotations

import uuid

_SPACE = uuid.UUID("5b0ff0a6-6e1e-4c39-8f54-3f0d1d2c9a10")


def stable_id(*parts: str) -> str:
    """The same UUID for the same words."""
    return str(uuid.uuid5(_SPACE, "/".join(parts)))
