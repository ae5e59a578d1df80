"""Which adapter looks at a service, which one restarts or moves it, and how?

The only table from a service's kind to the provider that knows it and the checks that make sense
for it, and from a check's kind to the prober that makes it and the units it measures in. A new kind
of service is one line here and code in its provider's folder; nothing else has to learn of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from blocks.catalogue.model import Check, MetricCheck
from blocks.errors import Refused
from blocks.ports.health import Unit

Provider = Literal["network", "azure", "aws", "openstack", "postgres", "journal"]


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """What can be asked of services of one kind.

    `checks` are the check kinds beyond those that any service may have (`EVERYWHERE`).
    `resource` is the ARM type of an Azure resource, or what the provider calls the name that the
    service's `resource` holds; empty where the kind has none.
    `restarts` says that its provider's restarter knows how to restart it, `moves` that its provider's compute can
    start, stop and resize it when a platform moves to another site.
    """

    provider: Provider
    checks: frozenset[str]
    resource: str = ""
    restarts: bool = False
    moves: bool = False


EVERYWHERE = frozenset({"http", "tcp", "tls", "dns", "heartbeat"})


def _kind(provider: Provider, resource: str, *checks: str, restarts: bool = False, moves: bool = False) -> ServiceKind:
    return ServiceKind(provider, frozenset(checks), resource, restarts, moves)


KINDS: dict[str, ServiceKind] = {
    "azure.app_service": _kind(
        "azure", "Microsoft.Web/sites", "resource_health", "resource_state", "metric", restarts=True, moves=True
    ),
    "azure.virtual_machine": _kind(
        "azure",
        "Microsoft.Compute/virtualMachines",
        "resource_health",
        "resource_state",
        "metric",
        restarts=True,
        moves=True,
    ),
    "azure.iot_hub": _kind(
        "azure",
        "Microsoft.Devices/IotHubs",
        "resource_health",
        "resource_state",
        "metric",
        "iot_connected",
        "iot_message_rate",
        "quota",
    ),
    "azure.storage_account": _kind(
        "azure", "Microsoft.Storage/storageAccounts", "resource_health", "resource_state", "metric"
    ),
    "aws.autoscaling_group": _kind("aws", "Auto Scaling group name", "capacity", "metric", "alarm", restarts=True),
    "aws.load_balancer": _kind(
        "aws", "load balancer name or ARN", "target_health", "resource_state", "metric", "alarm"
    ),
    "aws.sqs_queue": _kind("aws", "queue name", "queue", "metric", "alarm"),
    "aws.rds_instance": _kind("aws", "DB instance identifier", "resource_state", "metric", "alarm", "database"),
    "aws.dynamodb_table": _kind("aws", "table name", "resource_state", "metric", "alarm"),
    "openstack.server": _kind("openstack", "server name", "resource_state", restarts=True, moves=True),
    "openstack.compute": _kind("openstack", "", "compute_services", "quota"),
    "postgres": _kind("postgres", "", "database", "replication"),
    "web": _kind("network", ""),
}

_PROBERS: dict[str, Provider] = {
    "http": "network",
    "tcp": "network",
    "tls": "network",
    "dns": "network",
    "heartbeat": "journal",
    "database": "postgres",
    "replication": "postgres",
}

UNITS: dict[str, dict[str, Unit]] = {
    "http": {"latency": Unit.MILLISECONDS, "certificate": Unit.DAYS},
    "tcp": {"latency": Unit.MILLISECONDS},
    "tls": {"certificate": Unit.DAYS, "latency": Unit.MILLISECONDS},
    "dns": {"latency": Unit.MILLISECONDS},
    "heartbeat": {"age": Unit.SECONDS},
    "resource_health": {"available": Unit.COUNT},  # 1 or 0
    "resource_state": {"available": Unit.COUNT},
    "metric": {},  # `value`, in the unit the check itself names
    "alarm": {"alarm": Unit.COUNT},  # 1 in ALARM, 0 otherwise
    "target_health": {"healthy": Unit.PERCENT, "healthy_count": Unit.COUNT},
    "capacity": {"in_service": Unit.PERCENT, "desired_count": Unit.COUNT, "in_service_count": Unit.COUNT},
    "queue": {"depth": Unit.COUNT, "age": Unit.SECONDS},
    "database": {"latency": Unit.MILLISECONDS, "connections": Unit.PERCENT},
    "replication": {"lag": Unit.SECONDS, "lag_bytes": Unit.BYTES},
    "iot_connected": {"connected": Unit.PERCENT, "device_count": Unit.COUNT},
    "iot_message_rate": {"against_last_week": Unit.PERCENT, "rate": Unit.PER_SECOND},
    "quota": {"used": Unit.PERCENT, "used_count": Unit.COUNT, "limit_count": Unit.COUNT},
    "compute_services": {"up": Unit.PERCENT, "down_count": Unit.COUNT},
}


def allowed_checks(service_kind: str) -> frozenset[str]:
    """The check kinds that a service of this kind may have. Raises KeyError for an unknown kind."""
    return EVERYWHERE | KINDS[service_kind].checks


def prober_for(service_kind: str, check_kind: str) -> Provider:
    """Who makes this check: `prober_for("azure.app_service", "http")` is "network", with "metric" it is "azure".

    Raises KeyError for an unknown service kind, ValueError where the kind cannot have such a check.
    """
    if check_kind not in allowed_checks(service_kind):
        raise ValueError(f"a {service_kind} service cannot have a {check_kind} check")
    return _PROBERS.get(check_kind) or KINDS[service_kind].provider


def open_prober_path(provider: Provider) -> str:
    """Where a provider's prober is opened, as "module:function", so that only the ones needed are imported."""
    if provider not in get_args(Provider):
        raise ValueError(f"expected one of {', '.join(get_args(Provider))}, not {provider!r}")
    return f"blocks.{provider}.prober:open_prober"


def open_restarter_path(service_kind: str) -> str:
    """Where the restarter of a service's provider is opened, as "module:function".

    Raises KeyError for an unknown kind, `Refused` for one that is not restarted.
    """
    kind = KINDS[service_kind]
    if not kind.restarts:
        possible = ", ".join(name for name, each in KINDS.items() if each.restarts)
        raise Refused(
            f"a service of kind {service_kind} is not restarted by vigie",
            next_step=f"choose a service of kind {possible}",
            code="not_restarted",
        )
    return f"blocks.{kind.provider}.restart:open_restarter"


def open_compute_path(service_kind: str) -> str:
    """Where the compute of a service's provider is opened, as "module:function".

    Raises KeyError for an unknown kind, `Refused` for one that cannot be started and stopped.
    """
    kind = KINDS[service_kind]
    if not kind.moves:
        possible = ", ".join(name for name, each in KINDS.items() if each.moves)
        raise Refused(
            f"a service of kind {service_kind} is not started, stopped or resized by vigie",
            next_step=f"choose a service of kind {possible}",
            code="not_moved",
        )
    return f"blocks.{kind.provider}.compute:open_compute"


def open_traffic_path(switch_kind: str) -> str:
    """Where a switch of a recovery plan's traffic is opened, as "module:function". Raises KeyError for another kind."""
    folder = {"azure.traffic_manager": "azure", "dns": "dns"}[switch_kind]
    return f"blocks.{folder}.traffic:open_traffic"


def units_of(check: Check) -> dict[str, Unit]:
    """Measurement name -> unit, for everything that this check may measure."""
    if isinstance(check, MetricCheck):
        return {"value": check.unit}
    return UNITS[check.kind]
