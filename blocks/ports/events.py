"""What do sweeps tell Prefect's own automations?"""

from __future__ import annotations

FINISHED = "vigie.sweep.finished"
"""Emitted by every finished sweep; its absence is what the dead-man's switch notices."""


def resource_of(platform: str) -> str:
    """The Prefect resource that a platform's events are about."""
    return f"vigie.platform.{platform}"
