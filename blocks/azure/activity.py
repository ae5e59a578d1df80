"""Did Azure accept the request that we made for this intent?

The activity log keeps who asked for what, with the id that the caller gave the request
(https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema: httpRequest.clientRequestId).
Ours is made from the intent's key, so that it is the same at every try and nobody else's.

The rule: a request that failed is no evidence, and neither is somebody else's. The log is three to twenty
minutes late (https://learn.microsoft.com/azure/azure-monitor/platform/data-ingestion-time): that a request is
not in it says nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from blocks.ports.changes import Evidence, EvidenceKind

if TYPE_CHECKING:
    from blocks.azure.connection import Connection
    from blocks.azure.resource import AzureResource
    from blocks.ports.changes import Mark

LOG_VERSION = "2015-04-01"
_MARGIN = timedelta(hours=1)  # the journal's clock and Azure's may differ; the request is known by its id
_SELECT = "correlationId,eventTimestamp,httpRequest,operationName,resourceId,status"
_FAILED = {"failed", "canceled", "cancelled"}


def request_id(mark: Mark) -> str:
    """What our request is called, at every try of the intent: a GUID, as Azure wants it."""
    return str(UUID(hex=mark.client_token))


async def find_request(
    azure: Connection, resource: AzureResource, mark: Mark, now: datetime, *, operation: str, deed: str
) -> Evidence | None:
    """Our request in the activity log of that resource. Raises what Azure's SDK raises.

    `operation` is how its name ends there ("restart/action", "write"), `deed` what it was to do, for people.
    """
    from azure.mgmt.monitor.aio import MonitorManagementClient

    log = azure.client(MonitorManagementClient, resource.subscription).activity_logs
    between = f"eventTimestamp ge '{_text(mark.intended_at - _MARGIN)}' and eventTimestamp le '{_text(now + _MARGIN)}'"
    events = [
        event
        async for event in log.list(
            f"{between} and resourceUri eq '{resource.id}'", select=_SELECT, api_version=LOG_VERSION
        )
        if _is_ours(event, request_id(mark), operation)
    ]
    failed = {event.correlation_id for event in events if _status(event) in _FAILED}
    accepted = [event for event in events if event.correlation_id not in failed]
    if not accepted:
        return None
    said = f"Azure's activity log has our request to {deed} ({_status(accepted[-1])})"
    return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=str(accepted[-1].correlation_id), text=said)


def _is_ours(event: Any, number: str, operation: str) -> bool:
    asked, named = event.http_request, event.operation_name
    if asked is None or named is None:
        return False
    same = str(asked.client_request_id or "").lower() == number.lower()
    return same and str(named.value).lower().endswith(f"/{operation}")


def _status(event: Any) -> str:
    return str(event.status.value).lower() if event.status is not None else "no status"


def _text(moment: datetime) -> str:
    from datetime import UTC

    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
