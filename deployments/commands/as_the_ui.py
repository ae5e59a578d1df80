"""What does a person start and fill in here? The calls of Prefect's API that its UI makes for a click."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


def call(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST with a body. Raises httpx's errors: the sandbox's own server is expected to answer."""
    url = os.environ["PREFECT_API_URL"] + path
    answer = _client().get(url) if body is None else _client().post(url, json=body)
    answer.raise_for_status()
    return answer.json()


def start(deployment: str, **parameters: str) -> str:
    """Run a deployment (`flow/name`); the id of the run."""
    found = call(f"/deployments/name/{deployment}")["id"]
    return str(call(f"/deployments/{found}/create_flow_run", {"parameters": parameters})["id"])


@cache
def _client() -> httpx.Client:
    """One for all calls: whoever waits asks several times a second, and opening it costs more than asking."""
    import httpx

    return httpx.Client(timeout=30)
