"""What is a platform, and what is it made of?

The catalogue's words as types: a customer owns platforms; a platform has sites and services; a
service has checks, dependencies and service-level objectives. Unknown keys are refused and
quantities carry units. The catalogue names credential blocks and never holds a secret.

Maps are written by name in YAML; the loader puts each key into the value's `name`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from blocks.catalogue.checks import (
    AlarmCheck,
    CapacityCheck,
    Check,
    CheckBase,
    ComputeServicesCheck,
    DatabaseCheck,
    DnsCheck,
    HeartbeatCheck,
    HttpCheck,
    IotConnectedCheck,
    IotMessageRateCheck,
    Limits,
    MetricCheck,
    Model,
    QueueCheck,
    QuotaCheck,
    ReplicationCheck,
    ResourceHealthCheck,
    ResourceStateCheck,
    TargetHealthCheck,
    TcpCheck,
    TlsCheck,
)
from blocks.catalogue.quantities import Duration, Limit, Percent
from blocks.catalogue.recovery import ControlPart, Recovery
from blocks.catalogue.recurrence import RuleText
from blocks.catalogue.texts import BlockName, ClockTime, Moment, Name, ZoneName
from blocks.errors import Refused

__all__ = [
    "AlarmCheck",
    "CapacityCheck",
    "Catalogue",
    "Check",
    "CheckBase",
    "ComputeServicesCheck",
    "Criticality",
    "Customer",
    "DatabaseCheck",
    "DnsCheck",
    "HeartbeatCheck",
    "HttpCheck",
    "IotConnectedCheck",
    "IotMessageRateCheck",
    "Limit",
    "Limits",
    "Maintenance",
    "MetricCheck",
    "Model",
    "Platform",
    "QueueCheck",
    "QuotaCheck",
    "Recovery",
    "ReplicationCheck",
    "ResourceHealthCheck",
    "ResourceStateCheck",
    "Service",
    "Site",
    "SiteRole",
    "Slo",
    "TargetHealthCheck",
    "TcpCheck",
    "TlsCheck",
]


class Criticality(StrEnum):
    """How much the customer suffers without it. Only `critical` services ring at night."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    MINOR = "minor"


def _leaves_a_budget(objective: float) -> float:
    if objective >= 100:  # noqa: PLR2004 - everything
        raise ValueError("expected an objective below 100 %: nothing may fail then, and there is no budget to spend")
    return objective


class Slo(Model):
    """A promise about a service: `objective` of the samples are good over `window` (rolling)."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    objective: Annotated[Percent, AfterValidator(_leaves_a_budget)]  # below 100 %
    window: Duration = Field(default="30d")  # type: ignore[assignment]
    description: str = ""


class Service(Model):
    """A part of a platform that can be asked how it is.

    `depends_on` names services of the same platform, or redundancy groups as `group:<name>`: a
    group is down only when all its members are.
    """

    name: Name = Field(default="", validate_default=False)  # its key in the map
    kind: str  # a key of blocks/catalogue/kinds.py, such as azure.app_service
    site: Name
    resource: str = ""  # the provider's own address of it (ARM id, ARN, server name)
    criticality: Criticality = Criticality.IMPORTANT
    depends_on: tuple[str, ...] = ()
    checks: dict[str, Check] = Field(default_factory=dict)
    slos: dict[str, Slo] = Field(default_factory=dict)
    clients: str = ""  # who notices when it fails, in the customer's words


class SiteRole(StrEnum):
    """What a site is for."""

    PRIMARY = "primary"
    RECOVERY = "recovery"


class Site(Model):
    """A place a platform can run in."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    provider: Literal["azure", "aws", "openstack"]
    region: str
    role: SiteRole
    credentials: BlockName  # name of the reader's credential block
    operator: BlockName | None = None  # name of the operator's: only steps that change the world open it


class Maintenance(Model):
    """A time when people are not told, though checks go on.

    Recurring: `rrule` (RFC 5545, such as FREQ=WEEKLY;BYDAY=SU) with `start` (local time of day) and
    `duration` (elapsed). Once: `begin` (with offset) and `duration`. `services` empty means all.
    """

    name: Name = Field(default="", validate_default=False)  # its key in the map
    rrule: RuleText | None = None
    start: ClockTime | None = None
    begin: Moment | None = None
    duration: Duration
    services: tuple[str, ...] = ()
    time_zone: ZoneName | None = None  # the customer's when absent

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        recurring, once = self.rrule is not None, self.begin is not None
        if recurring == once or recurring != (self.start is not None):
            raise ValueError("expected either rrule with start (it recurs) or begin (it happens once)")
        return self


class Customer(Model):
    """Who owns platforms, and how they are told."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    language: Literal["en", "fr"] = "en"
    time_zone: ZoneName
    channel: str  # Slack channel
    slack: BlockName = "slack"  # name of the Slack block
    pager: BlockName | None = None  # name of the pager block


class Platform(Model):
    """Everything of one product of one customer."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    customer: Name
    description: str = ""
    database_credentials: BlockName | None = None  # block for database and replication checks
    sweep_every: Duration = Field(default="5min")  # type: ignore[assignment]
    sweep_deadline: Duration = Field(default="2min")  # type: ignore[assignment]
    reopen_within: Duration = Field(default="30min")  # type: ignore[assignment]
    probes_at_once: int = Field(default=64, strict=True, ge=1, le=512)
    probes_per_host: int = Field(default=8, strict=True, ge=1, le=64)
    sites: dict[str, Site]
    redundancy_groups: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    services: dict[str, Service]
    maintenance: dict[str, Maintenance] = Field(default_factory=dict)
    recovery: Recovery | None = None
    control_plane: dict[ControlPart, Name] = Field(default_factory=dict)  # where it differs from the catalogue's

    @property
    def home(self) -> str:
        """The site where the platform belongs: its primary one."""
        return next(site.name for site in self.sites.values() if site.role is SiteRole.PRIMARY)

    @property
    def beats(self) -> tuple[str, ...]:
        """What reports by itself, and a heartbeat check waits for."""
        checks = (check for service in self.services.values() for check in service.checks.values())
        return tuple(dict.fromkeys(check.beat for check in checks if check.kind == "heartbeat"))

    def credentials_for(self, service: Service, check: CheckBase) -> str:
        """The reader's credential block that this check is made with."""
        return check.credentials or self.sites[check.site or service.site].credentials

    def operator_for(self, service: Service) -> str:
        """The operator's credential block that changes this service. Raises `Refused` when its site has none."""
        site = self.sites[service.site]
        if site.operator is None:
            raise Refused(
                f"site {site.name} names no operator, and a reader's credential never changes anything",
                where=f"platform {self.name}, service {service.name}",
                next_step=f"save an operator's credential block and add `operator: <its name>` to site {site.name}",
                code="no_operator",
            )
        return site.operator


class Catalogue(Model):
    """All customers and platforms, by name. `digest` is the SHA-256 of the canonical content.

    `control_plane` says where each part of vigie itself lives: a site of a platform, or a place that is none.
    Once loaded, every platform holds the whole of it.
    """

    control_plane: dict[ControlPart, Name] = Field(default_factory=dict)
    customers: dict[str, Customer] = Field(default_factory=dict)
    platforms: dict[str, Platform] = Field(default_factory=dict)
    digest: str = ""
