"""Is that run asleep, and will it wake?

Prefect's API over its own client's address and credential, in plain HTTP calls. The rule: an answer of 200 says
nothing; what was accepted stands in the body. `ACCEPT` is yes, `ABORT` and `REJECT` are no, and why.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

from blocks.errors import Broken, Refused, Retryable
from blocks.orchestrator.loading import known_prefect
from blocks.ports.orchestration import FlowRunView, RunPhase, Startable

_LATER = timedelta(days=1)
_PATIENCE_S = 5.0
_PAUSE_S = 0.1
_ANSWERS_S = 20.0
_PAGE = 200
_HTTP_ERROR = 400
_HTTP_NOT_FOUND = 404
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class PrefectOrchestrator:
    """Implements `Orchestrator` and `Deployments`.

    Opens its connection on first use; close it, or use it as a context manager.
    """

    def __init__(self) -> None:
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def view(self, run: UUID) -> FlowRunView | None:
        """The run as Prefect shows it; None when Prefect does not know it."""
        found = self._call("GET", f"/flow_runs/{run}", absent=None)
        return None if found is None else _view(found, self._page(run))

    def shown_at(self, artifact: str) -> datetime | None:
        """When an artifact of that key was last made; None when there is none."""
        found = self._call("GET", f"/artifacts/{artifact}/latest", absent=None)
        return None if found is None else datetime.fromisoformat(found["created"])

    def startables(self, tag: str = "") -> list[Startable]:
        """Every deployment, or those with a tag, by name."""
        wanted: dict[str, Any] = {"limit": _PAGE, "sort": "NAME_ASC"}
        if tag:
            wanted["deployments"] = {"tags": {"all_": [tag]}}
        found = self._call("POST", "/deployments/filter", wanted)
        flows = {each["id"]: each["name"] for each in self._call("POST", "/flows/filter", {"limit": _PAGE})}
        return [_startable(each, flows.get(each["flow_id"], "")) for each in found]

    def start(
        self, deployment: UUID, parameters: Mapping[str, Any], *, tags: tuple[str, ...] = (), key: str = ""
    ) -> UUID:
        """A scheduled run, a day ahead until it is released; the same run for the same key."""
        later = (datetime.now(UTC) + _LATER).isoformat()
        content = {
            "parameters": _only_scalars(parameters),
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": later}},
            "tags": list(tags),
            "enforce_parameter_schema": True,
            **({"idempotency_key": key} if key else {}),
        }
        return UUID(self._call("POST", f"/deployments/{deployment}/create_flow_run", content)["id"])

    def deployment(self, name: str) -> Startable | None:
        """By `flow/deployment`."""
        flow, _, own = name.partition("/")
        found = self._call("GET", f"/deployments/name/{quote(flow, safe='')}/{quote(own, safe='')}", absent=None)
        return None if found is None else _startable(found, flow)

    def start_once(self, deployment: UUID, parameters: Mapping[str, Any], *, key: str) -> UUID:
        """A run that begins now. Prefect keeps the key: asked again, it gives the run that is there."""
        content = {
            "parameters": _only_scalars(parameters),
            "state": {"type": "SCHEDULED"},
            "idempotency_key": key,
            "enforce_parameter_schema": True,
        }
        return UUID(self._call("POST", f"/deployments/{deployment}/create_flow_run", content)["id"])

    def started_as(self, key: str) -> UUID | None:
        """The run that has this key, None where nothing was started under it."""
        wanted = {"flow_runs": {"idempotency_key": {"any_": [key]}}, "limit": 1}
        found = self._call("POST", "/flow_runs/filter", wanted)
        return UUID(found[0]["id"]) if found else None

    def release(self, run: UUID) -> None:
        """Let it begin now."""
        now = datetime.now(UTC).isoformat()
        self._set_state(run, {"type": "SCHEDULED", "state_details": {"scheduled_time": now}})

    def resume(self, run: UUID) -> bool:
        """Wake it; waits a few seconds for a run that is just about to fall asleep."""
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            answer = self._call("POST", f"/flow_runs/{run}/resume", {"run_input": {}}, conflict={"status": "ABORT"})
            if answer.get("status") == "ACCEPT":
                return True
            if answer.get("status") == "REJECT":
                why = (answer.get("details") or {}).get("reason") or "no reason given"
                raise Broken(f"Prefect will not resume run {run}: {why}", where=self._where)
            seen = self.view(run)
            if seen is None or not seen.phase.has_process or time.monotonic() > give_up:
                return False
            time.sleep(_PAUSE_S)

    def retry(self, run: UUID, why: str) -> None:
        """From the top, now."""
        now = datetime.now(UTC).isoformat()
        state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": why, "state_details": {"scheduled_time": now}}
        self._set_state(run, state)

    def declare_crashed(self, run: UUID, why: str) -> None:
        """Say of a run whose process is gone that it crashed."""
        self._set_state(run, {"type": "CRASHED", "message": why})

    # -- the wire ------------------------------------------------------------------------------

    def _set_state(self, run: UUID, state: dict[str, Any]) -> None:
        answer = self._call("POST", f"/flow_runs/{run}/set_state", {"state": state, "force": True})
        if answer.get("status") != "ACCEPT":
            why = (answer.get("details") or {}).get("reason") or "no reason given"
            raise Broken(f"Prefect did not take {state['type'].lower()} for run {run}: {why}", where=self._where)

    def _call(self, method: str, path: str, content: Any = None, **instead: Any) -> Any:
        """The answer's body. `absent` is returned instead of a 404, `conflict` instead of a 409."""
        import httpx

        try:
            answer = self._http().request(method, path, json=content)
        except httpx.HTTPError as error:
            raise Retryable(
                f"Prefect does not answer ({type(error).__name__})",
                where=self._where,
                next_step="see that the Prefect server runs",
            ) from error
        for status, name in ((_HTTP_NOT_FOUND, "absent"), (409, "conflict")):
            if answer.status_code == status and name in instead:
                return instead[name]
        if answer.status_code in _BUSY:
            raise Retryable(f"Prefect answered {answer.status_code} to {method} {path}", where=self._where)
        if answer.status_code >= _HTTP_ERROR:
            raise Broken(
                f"Prefect answered {answer.status_code} to {method} {path}: {answer.text[:300]}", where=self._where
            )
        return answer.json() if answer.content else {}

    def _http(self) -> Any:
        if self._client is None:
            import httpx
            from prefect.settings import get_current_settings

            address, settings = known_prefect(), get_current_settings().api
            secret = settings.auth_string.get_secret_value() if settings.auth_string else ""
            key = settings.key.get_secret_value() if settings.key else ""
            user, _, password = secret.partition(":")
            self._client = httpx.Client(
                base_url=address,
                timeout=_ANSWERS_S,
                auth=(user, password) if secret else None,
                headers={"Authorization": f"Bearer {key}"} if key else {},
                verify=_trusted(settings),
            )
        return self._client

    @property
    def _where(self) -> str:
        return str(self._client.base_url) if self._client is not None else "Prefect"

    def _page(self, run: UUID) -> str:
        return run_page(run)


def run_page(run: UUID) -> str:
    """Where a person looks at the run; empty when nobody said where the UI is."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    base = str(settings.ui_url or "").rstrip("/") or str(settings.api.url or "").removesuffix("/api").rstrip("/")
    return f"{base}/runs/flow-run/{run}" if base else ""


def _trusted(settings: Any) -> Any:
    if settings.tls_insecure_skip_verify or not str(settings.url).startswith("https:"):
        return False  # over plain http there is nothing to trust, and loading authorities takes a tenth of a second
    if settings.ssl_cert_file:
        import ssl

        return ssl.create_default_context(cafile=settings.ssl_cert_file)
    return True


def _only_scalars(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Prefect evaluates templates in structured values: plain text, numbers and yes or no are all that passes."""
    for name, value in parameters.items():
        if not isinstance(value, str | int | float | bool) and value is not None:
            raise Refused(f"parameter {name!r} is not plain text, a number, or yes or no", where="start of a run")
    return dict(parameters)


def _view(found: Mapping[str, Any], page: str) -> FlowRunView:
    state = found.get("state") or {}
    kind = str(state.get("type") or "SCHEDULED").lower()
    return FlowRunView(
        id=UUID(found["id"]),
        name=str(found.get("name") or ""),
        phase=RunPhase.SUSPENDED if kind == "paused" else RunPhase(kind),
        state_name=str(state.get("name") or ""),
        message=str(state.get("message") or ""),
        since=datetime.fromisoformat(state["timestamp"]) if state.get("timestamp") else datetime.now(UTC),
        deployment=UUID(found["deployment_id"]) if found.get("deployment_id") else None,
        url=page,
    )


def _startable(found: Mapping[str, Any], flow: str) -> Startable:
    return Startable(
        id=UUID(found["id"]),
        name=f"{flow}/{found['name']}",
        flow=flow,
        description=str(found.get("description") or ""),
        tags=tuple(found.get("tags") or ()),
        schema=found.get("parameter_openapi_schema") or {},
    )
