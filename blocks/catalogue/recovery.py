"""How does a platform live on when its site is gone?

A recovery plan says for each part of a platform what stands for it in each site, how its data follows and what
that can promise, where clients are sent, and how one knows that it worked. Everything is written by site, not by
role: after a move the same plan is read the other way round.

The rule: what has no counterpart says what its clients do meanwhile; nothing is left to be wished.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from blocks.catalogue.checks import Model
from blocks.catalogue.quantities import Duration, Percent
from blocks.catalogue.texts import BlockName, Guid, HeaderName, HostPort, HttpUrl, Name, Plain


class Promise(StrEnum):
    """What a kind of replication can promise."""

    ZERO_LOSS = "zero_loss"  # each commit waits for the other site
    BOUNDED = "bounded"  # the other site is seconds behind


class Table(Model):
    """What must be true of a table on a promoted database before clients return."""

    name: str = Field(default="", validate_default=False)  # its key in the map; schema-qualified where needed
    key: tuple[str, ...] = Field(min_length=1)  # unique and never null
    recent: str | None = None  # a column of moments
    recent_within: Duration | None = None  # the newest is at most so old
    shrinks_at_most: Percent = Field(default="1 %", validate_default=True)  # type: ignore[assignment]  fewer rows than last known
    references: dict[str, str] = Field(default_factory=dict)  # column -> table.column that a sample is found in


class ReplicatedData(Model):
    """One database that follows: a PostgreSQL server in each site, and the host beside it that acts on it."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    kind: Literal["postgres"] = "postgres"
    members: dict[Name, Name]  # site -> service of kind postgres
    hosts: dict[Name, HostPort]  # site -> where the database host's own door is (docs/recovery.md)
    database: str
    promise: Promise = Promise.BOUNDED
    lose_at_most_rows: int = Field(default=0, strict=True, ge=0)  # the bound on a failover's card
    tables: dict[str, Table] = Field(default_factory=dict)


class Sizes(Model):
    """A flavour or plan while the site rests, and while it is active."""

    rest: str
    active: str


class Counterpart(Model):
    """What stands for a service in each site; or, without a counterpart, what its clients do meanwhile."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    sites: dict[Name, Name] = Field(default_factory=dict)  # site -> service
    sizes: dict[Name, Sizes] = Field(default_factory=dict)  # site -> sizes
    degraded: str = ""  # in the customer's words


class SecondWorker(Model):
    """Something besides the services that writes or sends by itself: cron, a queue's consumer, mail, billing.

    It is stopped where the platform leaves and started where it arrives, never in both.
    """

    name: Name = Field(default="", validate_default=False)  # its key in the map
    sites: dict[Name, Name]  # site -> service


class TrafficManagerSwitch(Model):
    """Azure Traffic Manager: a weighted endpoint a site."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    kind: Literal["azure.traffic_manager"]
    resource: str  # ARM id of the profile
    site: Name  # whose credentials reach it
    endpoints: dict[Name, str]  # site -> endpoint
    asked: tuple[HttpUrl, ...] = ()  # what clients ask through it; else every proof of the plan that is an address


class DnsSwitch(Model):
    """A record that is changed by RFC 2136, signed, and only from the value that we know."""

    name: Name = Field(default="", validate_default=False)  # its key in the map
    kind: Literal["dns"]
    server: HostPort
    zone: str
    record: str
    type: Literal["A", "AAAA", "CNAME"] = "A"
    ttl: Duration
    values: dict[Name, str]  # site -> value
    key: BlockName  # name of the block with the TSIG key


Switch = Annotated[TrafficManagerSwitch | DnsSwitch, Field(discriminator="kind")]


class RoleAssignment(Model):
    """A right in Azure that something in one site holds on what both sites share, or on what is elsewhere by then.

    A failover from that site takes it away, and the way back gives it again, exactly as it was.
    """

    name: Name = Field(default="", validate_default=False)  # its key in the map
    kind: Literal["azure.role_assignment"]
    holder: Name  # the site of whoever holds it
    site: Name  # whose credentials reach it
    resource: str  # ARM id of the assignment itself
    principal: Guid  # object id of whoever holds it
    role: Guid  # of the role's definition


class Capacity(Model):
    """What a site must be able to take, and why we believe that it can. Quota is not capacity."""

    cores: int = Field(strict=True, ge=0)
    ram_mib: int = Field(strict=True, ge=0)
    instances: int = Field(strict=True, ge=0)
    reserved: bool = False
    risk_accepted_by: str = ""  # who accepts that it is not reserved


class PlanStepKind(StrEnum):
    """What a plan may add to the phases."""

    CALL = "call"  # an address with expectations
    DEPLOYMENT = "deployment"  # run one of Prefect's
    ASK = "ask"  # a person, who confirms


class AddedStep(Model):
    """A step of the plan's own, before or after a phase.

    Those of one place go one after the other, by `order` and then by name. No secret is written here: what an address
    asks for in confidence comes out of the block that `credentials` names.
    """

    name: Name = Field(default="", validate_default=False)  # its key in the map
    kind: PlanStepKind
    when: Literal["before", "after"]
    phase: Literal["fence", "promote", "verify-data", "start", "shift", "verify-clients"]
    order: int = Field(default=0, strict=True, ge=0, le=99)
    text: str
    moves: tuple[Literal["switchover", "failover", "failback"], ...] = ("switchover", "failover", "failback")
    within: Duration | None = None  # how long it may take; for a question, how long people have to answer
    # -- call
    url: HttpUrl | None = None
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: str | None = None
    credentials: BlockName | None = None  # block of the headers that are secret
    timeout: Duration = Field(default="10s", validate_default=True)  # type: ignore[assignment]  of one request
    expect_status: tuple[int, ...] = (200,)
    expect_body: str | None = None  # a substring of the body
    expect_json: dict[str, Any] = Field(default_factory=dict)  # JSONPath -> exact value
    idempotency_header: HeaderName | None = None  # by which the address knows the same request again
    repeatable: bool = Field(default=False, strict=True)  # twice is as good as once
    # -- deployment
    deployment: str = ""  # flow/deployment
    parameters: dict[str, Plain] = Field(default_factory=dict[str, Any])


class Returning(Model):
    """When a share of clients that came back is good enough for the next, and when it is bad enough to go back."""

    requests: int = Field(default=20, strict=True, ge=1)  # fewer prove nothing
    soak: Duration = Field(default="10s", validate_default=True)  # type: ignore[assignment]  good for so long
    patience: Duration = Field(default="5min", validate_default=True)  # type: ignore[assignment]  too few for so long
    stop_over_errors: Percent = Field(default="1 %", validate_default=True)  # type: ignore[assignment]
    return_over_errors: Percent = Field(default="5 %", validate_default=True)  # type: ignore[assignment]
    stop_over_latency_times: float = Field(default=2.0, ge=1)
    return_over_latency_times: float = Field(default=5.0, ge=1)
    latency_floor: Duration = Field(default="100 ms", validate_default=True)  # type: ignore[assignment]


class ControlPart(StrEnum):
    """What vigie itself stands on. All of it is needed in the night of a move (docs/placing.md)."""

    JOURNAL = "journal"
    PREFECT_SERVER = "prefect-server"
    PREFECT_DATABASE = "prefect-database"
    WORKER = "worker"
    GATEWAY = "gateway"
    RESULT_STORAGE = "result-storage"
    CODE = "code"
    CREDENTIALS = "credentials"  # the key or vault that opens the blocks


class Recovery(Model):
    """The recovery plan of a platform: what is promised, what follows, what is switched, what proves it."""

    rto: Duration
    rpo: Duration
    priority: int = Field(strict=True, ge=1, le=100)  # 1 goes first where platforms share a recovery site
    commit_window: Duration
    rolls_back: bool = False  # by itself when nobody committed in time, while that loses nothing
    database_operator: BlockName | None = None  # block of the role that promotes and fences
    host_reader: BlockName | None = None  # block of the database hosts' doors, to look
    host_operator: BlockName | None = None  # the same, to act
    data: dict[str, ReplicatedData] = Field(default_factory=dict)
    services: dict[str, Counterpart]
    second_workers: dict[str, SecondWorker] = Field(default_factory=dict)
    recycle: tuple[Name, ...] = ()  # services whose caches and pools are recycled once data has moved
    credentials: dict[str, RoleAssignment] = Field(default_factory=dict)
    traffic: dict[str, Switch]
    capacity: dict[Name, Capacity] = Field(default_factory=dict)  # site -> what it must take
    proofs: tuple[str, ...] = Field(min_length=1)  # service/check in the site that serves, or check addresses
    shares: tuple[int, ...] = (5, 25, 100)  # per cent of traffic, one after the other, on the way back
    returning: Returning = Field(
        default_factory=lambda: Returning.model_validate({})
    )  # what each share must show before the next
    running_costs: dict[Name, str] = Field(default_factory=dict)  # site -> what it costs to run there, for people
    client_timeout: Duration = Field(default="30s", validate_default=True)  # type: ignore[assignment]
    drill_every: Duration = Field(default="90d", validate_default=True)  # type: ignore[assignment]
    restore_every: Duration = Field(default="90d", validate_default=True)  # type: ignore[assignment]
    steps: dict[str, AddedStep] = Field(default_factory=dict)
