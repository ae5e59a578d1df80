"""What does a person start and fill in here? The calls of Prefect's API that its UI makes for a click."""

from __future__ import annotations

import os
from typing import Any


def call(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST with a body. Raises httpx's errors: the sandbox's own server is expected to answer."""
    import httpx

    url = os.environ["PREFECT_API_URL"] + path
    answer = httpx.get(url, timeout=30) if body is None else httpx.post(url, json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def start(deployment: str, **parameters: str) -> str:
    """Run a deployment (`flow/name`); the id of the run."""
    found = call(f"/deployments/name/{deployment}")["id"]
    return str(call(f"/deployments/{found}/create_flow_run", {"parameters": parameters})["id"])
