"""How does the emulated AWS replace an instance that is told to terminate?

moto swaps it at once and writes nothing down. Here it takes its time as in life: the instance is Terminating
and leaves its target groups, a second later it is gone and another one is Pending, a second later that one
is in service and a target; each step is a scaling activity that can be read. moto keeps the instances, and
is told each step.

The rule: answers have the shape of botocore's model of Auto Scaling; what is not there is refused as AWS
refuses it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from deployments.sandbox.aws_wire import Call, WireError

CHANGE_FAULTS = ("drop-after", "slow-effect", "no-effect")
TERMINATE, ACTIVITIES = (
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:DescribeScalingActivities",
)
_GONE_AFTER_S = 1.0
_SERVING_AFTER_S = {"": 2.0, "drop-after": 2.0, "slow-effect": 20.0, "no-effect": float("inf")}
_NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"


@dataclass
class Activity:
    """One line of a group's history."""

    group: str
    description: str
    cause: str
    number: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None

    def finish(self) -> None:
        """It is over, and well."""
        self.ended = datetime.now(UTC)

    def xml(self) -> str:
        """As Auto Scaling writes it."""
        status, progress = ("InProgress", 50) if self.ended is None else ("Successful", 100)
        end = "" if self.ended is None else f"<EndTime>{_stamp(self.ended)}</EndTime>"
        return (
            f"<ActivityId>{self.number}</ActivityId><AutoScalingGroupName>{escape(self.group)}</AutoScalingGroupName>"
            f"<Description>{escape(self.description)}</Description><Cause>{escape(self.cause)}</Cause>"
            f"<StartTime>{_stamp(self.began)}</StartTime>{end}<StatusCode>{status}</StatusCode>"
            f"<Progress>{progress}</Progress><Details>{{}}</Details>"
        )


@dataclass
class Replacement:
    """One instance on its way out, and the one that comes for it."""

    region: str
    group: str
    instance: str
    leaving: Activity
    fault: str
    began: float = field(default_factory=time.monotonic)
    successor: Any = None  # moto's record of the new instance
    launching: Activity | None = None


class Replacing:
    """All replacements that go on; `terminated` is told the group's name when one begins."""

    def __init__(self, terminated: Callable[[str], object]) -> None:
        self._terminated = terminated
        self._lock = threading.Lock()
        self._going: list[Replacement] = []
        self._history: list[Activity] = []
        self.faults: dict[str, str] = {}  # group -> one of CHANGE_FAULTS

    def answer(self, call: Call) -> bytes | WireError | None:
        """The answer to a call that is ours; None for all others. Whatever was due has happened before."""
        if call.service not in ("autoscaling", "elasticloadbalancing"):
            return None
        with self._lock:
            self._advance()
            if call.permission == TERMINATE:
                return self._terminate(call)
            return self._describe(call) if call.permission == ACTIVITIES else None

    def mend(self, group: str) -> None:
        """No fault of that group any more; what waits for ever goes on."""
        with self._lock:
            self.faults.pop(group, None)
            for each in self._going:
                if each.group == group:
                    each.fault = ""

    def loses_answer(self, call: Call) -> bool:
        """Is this the answer that `drop-after` loses?"""
        lost = call.permission == TERMINATE and _form(call, "InstanceId")
        return bool(lost) and any(each.instance == lost and each.fault == "drop-after" for each in self._going)

    def _terminate(self, call: Call) -> bytes | WireError:
        instance, region = _form(call, "InstanceId"), call.region
        found = next(
            (s for g in _groups(region).values() for s in g.instance_states if s.instance.id == instance), None
        )
        if found is None:
            said = f"Instance Id not found - No managed instance found for instance ID: {instance}"
            return WireError(400, "ValidationError", said)
        if _form(call, "ShouldDecrementDesiredCapacity") != "false":
            return WireError(501, "NotImplemented", "The sandbox does not emulate termination with a smaller capacity.")
        name = str(found.auto_scaling_group_name)
        going = next((each for each in self._going if each.instance == instance), None)
        if going is None:
            cause = f"At {_stamp(datetime.now(UTC))} instance {instance} was taken out of service at a user's request."
            leaving = Activity(name, f"Terminating EC2 instance: {instance}", cause)
            going = Replacement(region, name, instance, leaving, self.faults.get(name, ""))
            found.lifecycle_state = "Terminating"
            self._going.append(going)
            self._history.append(leaving)
            self._targets(going, "deregister_targets", instance)
            self._terminated(name)
        return _result("TerminateInstanceInAutoScalingGroup", f"<Activity>{going.leaving.xml()}</Activity>")

    def _describe(self, call: Call) -> bytes:
        name = _form(call, "AutoScalingGroupName")
        wanted = [each for each in reversed(self._history) if name in ("", each.group)]
        start, size = int(_form(call, "NextToken") or 0), int(_form(call, "MaxRecords") or 100)
        members = "".join(f"<member>{each.xml()}</member>" for each in wanted[start : start + size])
        more = f"<NextToken>{start + size}</NextToken>" if start + size < len(wanted) else ""
        return _result("DescribeScalingActivities", f"<Activities>{members}</Activities>{more}")

    def _advance(self) -> None:
        for each in list(self._going):
            age_s = time.monotonic() - each.began
            if each.successor is None and age_s >= _GONE_AFTER_S:
                self._replace(each)
            if each.successor is not None and age_s >= _SERVING_AFTER_S[each.fault]:
                self._serve(each)

    def _replace(self, each: Replacement) -> None:
        """As many are launched as moto does not see in service: all others are shown so while it counts."""
        backend, group = _backend("autoscaling", each.region), _groups(each.region)[each.group]
        others = {state: state.lifecycle_state for state in group.instance_states if state.instance.id != each.instance}
        for state in others:
            state.lifecycle_state = "InService"
        backend.terminate_instance(each.instance, False)  # noqa: FBT003  (moto's own signature)
        for state, was in others.items():
            state.lifecycle_state = was
        each.successor = next(state for state in group.instance_states if state not in others)
        each.successor.lifecycle_state = "Pending"
        each.leaving.finish()
        new = each.successor.instance.id
        cause = f"An instance was launched in response to a difference between desired and actual capacity ({new})."
        each.launching = Activity(each.group, f"Launching a new EC2 instance: {new}", cause)
        self._history.append(each.launching)

    def _serve(self, each: Replacement) -> None:
        each.successor.lifecycle_state = "InService"
        self._targets(each, "register_targets", each.successor.instance.id)
        if each.launching is not None:
            each.launching.finish()
        self._going.remove(each)

    def _targets(self, each: Replacement, action: str, instance: str) -> None:
        for arn in _groups(each.region)[each.group].target_group_arns:
            getattr(_backend("elbv2", each.region), action)(arn, [{"Id": instance}])


def _backend(service: str, region: str) -> Any:
    from moto.backends import get_backend
    from moto.core.models import DEFAULT_ACCOUNT_ID

    backends: Any = get_backend(service)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return backends[DEFAULT_ACCOUNT_ID][region]


def _groups(region: str) -> dict[str, Any]:
    return _backend("autoscaling", region).autoscaling_groups


def _form(call: Call, name: str) -> str:
    return call.form.get(name, [""])[0]


def _result(action: str, content: str) -> bytes:
    return (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{content}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    ).encode()


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
