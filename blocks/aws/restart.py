"""Has the instance been replaced since the intent, and does the whole group serve again?

A service on an Auto Scaling group is restarted instance by instance: each is terminated without lowering the
desired capacity, so that the group launches another in its place
(https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html).

    baseline   the instances of the group and what each was doing
    evidence   the named instance is terminating, or it left the group and a scaling activity says that it was
               terminated: no clock is compared, an instance that is gone does not come back
    goal       as many instances in service as the group wants, without that one, and each of them healthy in
               every target group that is attached

The rules: never two at once, and never while another one does not serve; `check` refuses with the numbers.
An instance that merely left the group (detached, standby) is no evidence.

What remains: the group itself may replace the instance (health check, rebalancing) between intent and act;
that counts as ours. Classic load balancers are not asked. Scaling activities are kept for six weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from blocks.aws.clients import AwsClients
from blocks.aws.failures import explaining
from blocks.aws.resources import find_group, serving_instances, short_name
from blocks.errors import Broken, Refused
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Restarter, Seen, Target

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials

    from blocks.catalogue.model import Platform, Service
    from blocks.clock import Clock
    from blocks.ports.network import Routes

EXPECTED = timedelta(minutes=4)
_PATIENCE = Patience(every=timedelta(seconds=5), at_most=timedelta(minutes=20))
_ACTIVITIES_COUNT = 300  # how far back a termination is looked for
_NEEDED = {"Launch", "Terminate"}  # processes of the group without which nothing is replaced
_LEAVING = ("Terminating", "Terminated")


def open_restarter(
    reader: AwsCredentials, operator: Callable[[], AwsCredentials], *, routes: Routes, clock: Clock
) -> Restarter:
    """A restarter of Auto Scaling groups: `reader` looks, `operator` is called only to terminate an instance.

    Authorities to trust: the block's own, else that of `routes`, else the system's.
    """
    del clock  # what is there is compared, never a time
    return AwsRestarter(reader, operator, routes.ca_file)


@dataclass(frozen=True, slots=True)
class AwsRestarter:
    """Restarts services that run on Auto Scaling groups."""

    reader: AwsCredentials
    operator: Callable[[], AwsCredentials]
    ca_file: str | None

    def read_targets(self, platform: Platform, service: Service) -> Sequence[Target]:
        """Every instance of the group that is not leaving already, by id. Raises the three errors."""
        group = self._group(platform, service)
        with group.asked(self.reader) as client:
            described = group.described(client)
            staying = sorted(_states(described, leaving=False))
            if not staying:
                raise Refused(
                    f"group {group.name} wants {described['DesiredCapacity']} instances and has none to restart",
                    where=group.where,
                    next_step="see why the group has no instances",
                )
            return tuple(
                Target(item=item, text=f"instance {item} ({number} of {len(staying)})", expected=EXPECTED)
                for number, item in enumerate(staying, 1)
            )

    def restart(self, platform: Platform, service: Service, item: str) -> Change:
        """The replacement of the instance `item`; asks nobody anything yet."""
        return ReplaceInstance(self, self._group(platform, service), item)

    def _group(self, platform: Platform, service: Service) -> _Group:
        region = platform.sites[service.site].region
        name = short_name(service.resource or service.name)
        return _Group(name, region, f"AWS {region}, {service.name}", self.ca_file)


@dataclass(frozen=True, slots=True)
class _Group:
    """One Auto Scaling group, and how it is asked."""

    name: str
    region: str
    where: str
    ca_file: str | None

    @contextmanager
    def asked(self, credentials: AwsCredentials, *, attempt_count: int = 2) -> Generator[Callable[[str], Any]]:
        """`client(service)` for a few calls; every failure is one of the three errors."""
        with explaining(self.where):
            clients = AwsClients(credentials, ca_file=self.ca_file, connections=1, attempt_count=attempt_count)
            try:
                yield lambda service: clients.client(service, self.region)
            finally:
                clients.close()

    def described(self, client: Callable[[str], Any]) -> Mapping[str, Any]:
        """As AWS describes it. Raises `Refused` when it does not exist."""
        group = find_group(client("autoscaling"), self.name)
        if group is None:
            raise Refused(
                f"Auto Scaling group {self.name} does not exist",
                where=self.where,
                next_step="correct its name in the catalogue",
            )
        return group


@dataclass(frozen=True, slots=True)
class ReplaceInstance:
    """The replacement of one instance of a group."""

    by: AwsRestarter
    group: _Group
    item: str

    @property
    def text(self) -> str:
        """For people."""
        return f"replace instance {self.item} of {self.group.name}"

    @property
    def repeatable(self) -> bool:
        """The instance itself is evidence enough."""
        return False

    @property
    def patience(self) -> Patience:
        """A launch with its health checks takes minutes, draining before it up to five by default."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` with the numbers unless all other instances serve and the group would replace this one."""
        with self.group.asked(self.by.reader) as client:
            described = self.group.described(client)
            self._must_be_there(described)
            self._must_be_replaced(described)
            desired = int(described["DesiredCapacity"])
            others = [item for item in self._healthy(client, described) if item != self.item]
            if len(others) < desired - 1:
                self._refuse(
                    f"{len(others)} of the {desired - 1} other instances of {self.group.name} are in service and "
                    "healthy; one more may not go",
                    "wait until the group serves in full, or find out why it does not",
                )

    def read_baseline(self) -> Mapping[str, str]:
        """`{"desired": "3", "i-…": "InService", ...}`: what the group wants and what each instance does."""
        with self.group.asked(self.by.reader) as client:
            described = self.group.described(client)
            return {"desired": str(described["DesiredCapacity"]), **_states(described)}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It is terminating, or gone with an activity that terminated it."""
        self._must_have_been_there(mark)
        with self.group.asked(self.by.reader) as client:
            return self._evidence(client, self.group.described(client))

    def act(self, mark: Mark) -> Evidence | None:
        """Terminate it, once; the group replaces it."""
        self._must_have_been_there(mark)
        with self.group.asked(self.by.operator(), attempt_count=1) as client:
            answer = client("autoscaling").terminate_instance_in_auto_scaling_group(
                InstanceId=self.item, ShouldDecrementDesiredCapacity=False
            )
            activity = answer["Activity"]
            return Evidence(
                kind=EvidenceKind.OPERATION, reference=str(activity["ActivityId"]), text=str(activity["Description"])
            )

    def read_effect(self, mark: Mark) -> Seen:
        """As many in service and healthy as wanted, without this one."""
        self._must_have_been_there(mark)
        with self.group.asked(self.by.reader) as client:
            described = self.group.described(client)
            desired = int(described["DesiredCapacity"])
            healthy = [item for item in self._healthy(client, described) if item != self.item]
            counted = f"{len(healthy)} of {desired} instances of {self.group.name} in service and healthy"
            if self._evidence(client, described) is None:
                return Seen(reached=False, text=f"{self.item} was not terminated yet; {counted} without it")
            still = _states(described).get(self.item)
            going = f", {self.item} is {still}" if still else f", {self.item} is gone"
            return Seen(reached=len(healthy) >= desired and not still, text=counted + going)

    def _evidence(self, client: Callable[[str], Any], described: Mapping[str, Any]) -> Evidence | None:
        state = _states(described).get(self.item)
        if state is not None:
            going = state.startswith(_LEAVING)
            return self._gone(self.item, f"instance {self.item} is {state}") if going else None
        pages = client("autoscaling").get_paginator("describe_scaling_activities")
        found = pages.paginate(
            AutoScalingGroupName=self.group.name, PaginationConfig={"MaxItems": _ACTIVITIES_COUNT, "PageSize": 100}
        )
        for activity in (activity for page in found for activity in page["Activities"]):
            said = str(activity.get("Description", ""))
            if said.startswith("Terminating") and self.item in said.replace(",", " ").split():
                return self._gone(str(activity["ActivityId"]), f"instance {self.item} left the group: {said}")
        return None

    def _gone(self, reference: str, text: str) -> Evidence:
        return Evidence(kind=EvidenceKind.GONE, reference=reference, text=text)

    def _healthy(self, client: Callable[[str], Any], described: Mapping[str, Any]) -> list[str]:
        """Serving in the group, and healthy in every target group that is attached to it."""
        serving = [str(instance["InstanceId"]) for instance in serving_instances(described)]
        for arn in described.get("TargetGroupARNs", []):
            answer = client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            well = {target["Target"]["Id"] for target in answer if target["TargetHealth"]["State"] == "healthy"}
            serving = [item for item in serving if item in well]
        return serving

    def _must_be_there(self, described: Mapping[str, Any]) -> None:
        states = _states(described)
        if states.get(self.item, _LEAVING[0]).startswith(_LEAVING):
            here = ", ".join(f"{item} {state}" for item, state in sorted(states.items()))
            self._refuse(
                f"instance {self.item} is not one that {self.group.name} keeps ({len(states)} are: {here})",
                "plan the restart again: the group has changed",
            )

    def _must_be_replaced(self, described: Mapping[str, Any]) -> None:
        suspended = {str(each["ProcessName"]) for each in described.get("SuspendedProcesses", [])} & _NEEDED
        if suspended:
            self._refuse(
                f"the group's {' and '.join(sorted(suspended))} is suspended: nothing would take its place",
                "resume the group's processes first",
            )

    def _must_have_been_there(self, mark: Mark) -> None:
        if self.item not in mark.baseline:
            raise Broken(
                f"the intent's baseline does not name instance {self.item}: what became of it cannot be told",
                where=self.group.where,
            )

    def _refuse(self, what: str, next_step: str) -> NoReturn:
        raise Refused(what, where=self.group.where, next_step=next_step, code="precondition")


def _states(described: Mapping[str, Any], *, leaving: bool = True) -> dict[str, str]:
    """Instance id -> lifecycle state; without those that are leaving when asked so."""
    states = {str(each["InstanceId"]): str(each["LifecycleState"]) for each in described["Instances"]}
    return {item: state for item, state in states.items() if leaving or not state.startswith(_LEAVING)}
