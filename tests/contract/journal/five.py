"""Five platforms of three customers, whose one private cloud is scripted and outlives every process.

They are hearth as the catalogue ships it under other names, with another priority and need; nobody else is invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from blocks.catalogue.model import Customer, Platform
from blocks.catalogue.recovery import Capacity
from blocks.ports.approvals import Approval, Choice, Door, Plan, Policy, Said, Standing
from blocks.ports.orchestration import FlowRunView, RunPhase, Startable
from blocks.ports.recovery import CapacityLook, MoveKind
from tasks.approvals.decide import judge
from tasks.recovery.capacity import less_claimed, pool_of
from tasks.recovery.decide import plan_move
from tasks.recovery.holding import room_wanted
from tasks.recovery.priority import Want
from tasks.recovery.together import Found, common_rule, join
from tasks.runs.catalogue import Known
from tests.unit.recovery.scenes import CELLAR, HEARTH, dark

POOL = "project recovery in cellar"
WHO, LEAD, REASON = "service-manager", "hearth", "azure-west is dark"
RULE = Policy(approvers=("duty-operator", "shift-lead"), needs_code=True)
NEEDS = {  # platform -> customer, priority, cores
    "hearth": ("hearth", 1, 4),
    "shop": ("storefront", 1, 8),
    "garden": ("storefront", 3, 4),
    "ledger": ("attic", 4, 2),
    "archive": ("attic", 5, 1),
}


def known(name: str) -> Known:
    """One of the five, and its customer."""
    customer, priority, cores = NEEDS[name]
    capacity = {CELLAR: Capacity(cores=cores, ram_mib=0, instances=1, risk_accepted_by="service-manager")}
    plan = HEARTH.recovery.model_copy(update={"priority": priority, "capacity": capacity})
    platform = HEARTH.model_copy(update={"name": name, "customer": customer, "recovery": plan})
    return Known(platform, Customer(name=customer, language="fr", time_zone="Europe/Paris", channel=f"{customer}-ops"))


SCHEMA = {
    "properties": {
        "platform": {"type": "string"},
        "reason": {"type": "string"},
        "candidate": {"type": "string", "default": ""},
        "gently": {"type": "boolean", "default": True},
    }
}


@dataclass
class Cloud:
    """The private cloud: what runs there counts as used, and more than its quota it refuses."""

    quota: int = 15
    used: dict[str, int] = field(default_factory=dict)
    answers: bool = True

    def capacity(self, site) -> CapacityLook:
        free = max(0, self.quota - sum(self.used.values()))
        text = f"{free} cores free"
        return CapacityLook(
            site=site.name, cores_free=free, ram_free_mib=-1, instances_free=-1, hosts_up=1, text=text, pool=POOL
        )

    def start(self, name: str) -> None:
        self.used[name] = NEEDS[name][2]
        assert sum(self.used.values()) <= self.quota, f"{name} was started where there is no room: {self.used}"


@dataclass(frozen=True)
class Parts:
    """As much of a platform's parts as room is asked of."""

    platform: Platform
    cloud: Cloud

    @property
    def recovery(self):
        return self.platform.recovery

    def site(self, name):
        return self.platform.sites[name]

    def compute(self, _site):
        return self.cloud


@dataclass
class Prefect:
    """An orchestrator that starts a run once a key, and remembers."""

    keys: dict[str, UUID] = field(default_factory=dict)
    given: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    phases: dict[UUID, RunPhase] = field(default_factory=dict)
    released: list[UUID] = field(default_factory=list)
    crashed: list[UUID] = field(default_factory=list)
    flows: tuple[str, ...] = ("failback", "failover")

    def startables(self, tag: str = "") -> list[Startable]:
        made = [(UUID(int=number), name) for number, name in enumerate(self.flows)]
        return [
            Startable(id=of, name=f"{name}/{name}", flow=name, description="", tags=(tag,), schema=SCHEMA)
            for of, name in made
        ]

    def start(self, deployment, parameters, *, tags=(), key=""):
        assert self.flows[deployment.int] == "failover"
        run = self.keys.setdefault(key or str(uuid4()), uuid4())
        if run not in self.given:
            self.given[run], self.phases[run] = dict(parameters), RunPhase.SCHEDULED
        return run

    def release(self, run) -> None:
        self.released.append(run)
        self.phases[run] = RunPhase.PENDING

    def declare_crashed(self, run, why) -> None:
        self.crashed.append(run)
        self.phases[run] = RunPhase.CRASHED

    def view(self, run):
        return FlowRunView(
            id=run, name="", phase=self.phases[run], state_name="", message="", since=None, deployment=None, url=""
        )  # fmt: skip


def plan_of(journal, name: str, cloud: Cloud) -> Plan:
    """What a run of this platform plans now."""
    return found_of(journal, name, cloud).want.plan


def found_of(journal, name: str, cloud: Cloud, policy: Policy = RULE) -> Found:
    """The platform as it is looked at: its site dark, the cloud's room less what others hold."""
    platform, since = known(name).platform, journal.now()
    look = cloud.capacity(platform.sites[CELLAR])
    pool = pool_of(platform.sites[CELLAR], look)
    room = less_claimed(look, journal.room_claims(pool, since=since, apart_from=name))
    plan = plan_move(MoveKind.FAILOVER, platform, dark(capacity={CELLAR: room}), reason=REASON)
    customer, priority, _ = NEEDS[name]
    needs = platform.recovery.capacity[CELLAR]
    want = Want(platform=name, customer=customer, priority=priority, needs=needs, plan=plan, pool=pool)
    return Found(want=want, room=room, policy=policy)


def ask(journal, cloud: Cloud, names=tuple(NEEDS), kept: Mapping[str, str] | None = None) -> Approval:
    """The common run, asking about all."""
    plan = join([found_of(journal, name, cloud) for name in names], kept or {}, lead=LEAD, reason=REASON)
    run = uuid4()
    parameters = {"platform": LEAD, "others": ", ".join(names), "reason": REASON}
    journal.open_run(
        run, platform=LEAD, action="joint-failover", subject=LEAD, parameters=parameters, requested_by=WHO,
        customer="hearth",
    )  # fmt: skip
    rule = common_rule(plan, dict.fromkeys(NEEDS, RULE), RULE)
    return journal.ask(run, plan=plan, policy=rule, requester=WHO)


def agree(journal, question: Approval, choice: Choice = Choice.APPROVE) -> Approval:
    """Somebody who may says yes."""
    said = Said(approver="duty-operator", choice=choice, door=Door.TERMINAL, code_step=1 + len(question.plan.parts))
    journal.enrol("duty-operator", b"sealed")
    judged, _ = journal.say(
        question.id, replace(said, code_step=None), lambda a, s, n: judge(a, replace(s, code_step=1), n)
    )
    assert judged.standing is not Standing.WAITING
    return judged


def look_in(cloud: Cloud):
    """How the room is looked at when a part begins."""
    return lambda journal, each, site: room_wanted(journal, Parts(each.platform, cloud), site)
