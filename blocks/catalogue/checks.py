"""What can be asked of a service, and when is the answer bad?

One type a kind of check, with what it needs and what it measures. The names of measurements are those
that the adapters yield; what a measurement's unit is stands in kinds.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from blocks.catalogue.quantities import Duration, LimitText
from blocks.catalogue.texts import BlockName, HeaderName, HostPort, HttpUrl, Name
from blocks.ports.health import Unit


class Model(BaseModel):
    """Unknown keys are refused; values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Limits(Model):
    """When a measurement is a warning and when it is critical. At least one is given."""

    warning: LimitText | None = None
    critical: LimitText | None = None


class CheckBase(Model):
    """What every check has. `attempts` bad results in a row make a hard state; rechecks happen inside the sweep."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    timeout: Duration = Field(default="10s")  # type: ignore[assignment]
    attempts: int = Field(default=3, strict=True, ge=1, le=10)
    recheck_every: Duration = Field(default="10s")  # type: ignore[assignment]
    slo: bool = Field(default=False, strict=True)  # do its results count as good and bad samples of the service's SLOs?
    site: Name | None = None  # when it is measured at another site than the service's
    credentials: BlockName | None = None  # credential block, when not the site's

    def limits(self) -> dict[str, Limits]:
        """Measurement name -> limits; the measurement names are those the adapters yield."""
        return {}


class HttpCheck(CheckBase):
    """Does an address answer what it should? Measures `latency` (ms) and, over TLS, `certificate` (d left)."""

    kind: Literal["http"]
    url: HttpUrl
    method: Literal["GET", "HEAD", "POST", "OPTIONS"] = "GET"
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: str | None = None
    expect_status: tuple[int, ...] = (200,)
    expect_body: str | None = None  # a substring of the first `max_body_bytes`
    expect_json: dict[str, Any] = Field(default_factory=dict)  # JSONPath -> exact value
    max_redirects: int = Field(default=0, strict=True, ge=0, le=10)
    max_body_bytes: int = Field(default=262_144, strict=True, ge=0, le=4_194_304)
    latency: Limits = Limits()
    certificate: Limits = Limits(warning="< 14 d", critical="< 3 d")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"latency": self.latency, "certificate": self.certificate}


class TcpCheck(CheckBase):
    """Does a port accept? Measures `latency` (ms)."""

    kind: Literal["tcp"]
    address: HostPort  # host:port
    latency: Limits = Limits()

    def limits(self) -> dict[str, Limits]:
        return {"latency": self.latency}


class TlsCheck(CheckBase):
    """Is the certificate right, and for how long? Measures `certificate` (d left) and `latency` (ms)."""

    kind: Literal["tls"]
    address: HostPort
    server_name: str | None = None
    certificate: Limits = Limits(warning="< 14 d", critical="< 3 d")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"certificate": self.certificate}


class DnsCheck(CheckBase):
    """Does a name resolve to what it should? Measures `latency` (ms)."""

    kind: Literal["dns"]
    record: str
    record_type: Literal["A", "AAAA", "CNAME", "TXT", "MX", "NS"] = "A"
    resolver: HostPort | None = None  # host:port; the system's when absent
    expect: tuple[str, ...] = ()  # each must be among the answers
    latency: Limits = Limits()

    def limits(self) -> dict[str, Limits]:
        return {"latency": self.latency}


class HeartbeatCheck(CheckBase):
    """Has something reported in time? Measures `age` (s); over `deadline` it is LATE."""

    kind: Literal["heartbeat"]
    beat: Name  # reported by `vigie beat <platform> <beat>`
    deadline: Duration


class ResourceHealthCheck(CheckBase):
    """Does the cloud say the resource is available? (Azure Resource Health.)"""

    kind: Literal["resource_health"]


class ResourceStateCheck(CheckBase):
    """Is the resource in the state it should be in?

    The adapter knows what is right for its kind (App Service `Running`, virtual machine
    `PowerState/running`, RDS `available`, DynamoDB `ACTIVE`, OpenStack server `ACTIVE`, storage
    primary `available`).
    """

    kind: Literal["resource_state"]
    expect: str | None = None  # when another state than the kind's normal one is right


class MetricCheck(CheckBase):
    """Is a cloud metric within bounds? Measures `value` in `unit`."""

    kind: Literal["metric"]
    metric: str  # Azure Monitor metric name, or CloudWatch "Namespace/MetricName"
    aggregation: Literal["average", "minimum", "maximum", "total", "count"] = "average"
    window: Duration = Field(default="5min")  # type: ignore[assignment]
    unit: Unit
    dimensions: dict[str, str] = Field(default_factory=dict)
    value: Limits

    def limits(self) -> dict[str, Limits]:
        return {"value": self.value}


class AlarmCheck(CheckBase):
    """What does a CloudWatch alarm say? ALARM is critical, INSUFFICIENT_DATA is missing."""

    kind: Literal["alarm"]
    alarm: str


class TargetHealthCheck(CheckBase):
    """How many targets of a load balancer are healthy? Measures `healthy` (%) and `healthy_count` (count)."""

    kind: Literal["target_health"]
    target_group: str  # ARN or name
    healthy: Limits = Limits(warning="< 100 %", critical="< 50 %")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"healthy": self.healthy}


class CapacityCheck(CheckBase):
    """Does a group have the instances it wants? Measures `in_service` (% of desired) and `desired_count`."""

    kind: Literal["capacity"]
    in_service: Limits = Limits(warning="< 100 %", critical="< 50 %")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"in_service": self.in_service}


class QueueCheck(CheckBase):
    """How much waits in a queue, and how long? Measures `depth` (count) and `age` (s, of the oldest)."""

    kind: Literal["queue"]
    depth: Limits = Limits()
    age: Limits = Limits()

    def limits(self) -> dict[str, Limits]:
        return {"depth": self.depth, "age": self.age}


class DatabaseCheck(CheckBase):
    """Can one log in and ask? Measures `latency` (ms) and `connections` (% of max_connections)."""

    kind: Literal["database"]
    address: HostPort  # host:port
    database: str
    latency: Limits = Limits()
    connections: Limits = Limits(warning="> 80 %", critical="> 95 %")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"latency": self.latency, "connections": self.connections}


class ReplicationCheck(CheckBase):
    """Does the standby follow? Measures `lag` (s) and `lag_bytes`.

    Asked on the primary at `address`. No connected standby is NOT_REPLICATING.
    """

    kind: Literal["replication"]
    address: HostPort
    database: str
    standby: str  # application_name of the standby; empty stands for any that follows
    lag: Limits = Limits()
    lag_bytes: Limits = Limits()

    def limits(self) -> dict[str, Limits]:
        return {"lag": self.lag, "lag_bytes": self.lag_bytes}


class IotConnectedCheck(CheckBase):
    """What share of the fleet is connected? Measures `connected` (% of registered) and `device_count`."""

    kind: Literal["iot_connected"]
    connected: Limits

    def limits(self) -> dict[str, Limits]:
        return {"connected": self.connected}


class IotMessageRateCheck(CheckBase):
    """Do messages arrive as in the same hour last week? Measures `against_last_week` (%) and `rate` (/s)."""

    kind: Literal["iot_message_rate"]
    window: Duration = Field(default="1h")  # type: ignore[assignment]
    against_last_week: Limits

    def limits(self) -> dict[str, Limits]:
        return {"against_last_week": self.against_last_week}


class QuotaCheck(CheckBase):
    """How near is a limit of the provider? Measures `used` (%), `used_count` and `limit_count`."""

    kind: Literal["quota"]
    quota: str  # the provider's own name of the quota (IoT Hub "TotalMessages", OpenStack "cores")
    used: Limits = Limits(warning="> 80 %", critical="> 95 %")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"used": self.used}


class ComputeServicesCheck(CheckBase):
    """Are OpenStack's own compute services up? Measures `up` (% of enabled) and `down_count`."""

    kind: Literal["compute_services"]
    up: Limits = Limits(warning="< 100 %", critical="< 50 %")  # type: ignore[arg-type]

    def limits(self) -> dict[str, Limits]:
        return {"up": self.up}


Check = Annotated[
    HttpCheck
    | TcpCheck
    | TlsCheck
    | DnsCheck
    | HeartbeatCheck
    | ResourceHealthCheck
    | ResourceStateCheck
    | MetricCheck
    | AlarmCheck
    | TargetHealthCheck
    | CapacityCheck
    | QueueCheck
    | DatabaseCheck
    | ReplicationCheck
    | IotConnectedCheck
    | IotMessageRateCheck
    | QuotaCheck
    | ComputeServicesCheck,
    Field(discriminator="kind"),
]
