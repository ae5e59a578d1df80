"""What is done to a server through its host's door: fence, follow, wait for who follows, save what lies beyond?

The host remembers each order under its client token, which is the step's key. So the evidence is the host's own
record of it, and an order that was cut off is given again under the same token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused
from blocks.ports.changes import Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import DatabaseRole
from blocks.postgres.change import PATIENCE, baseline_of, require_primary, require_role, require_streaming

if TYPE_CHECKING:
    from blocks.postgres.member import PostgresMember

_ORDER_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedChange:
    """One order to one database host."""

    member: PostgresMember
    verb: str
    text: str
    may: Callable[[], None]
    goal: Callable[[], Seen]
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    asked: Callable[[], Mapping[str, Any]] = dict[str, Any]  # further ones, known only when the order is given
    repeatable: bool = True  # the token makes it so
    patience: Patience = PATIENCE
    order_s: float = _ORDER_S  # how long the host is waited for

    def check(self) -> None:
        """Raises `Refused`, or `Retryable` when the host does not answer: then nothing can be confirmed."""
        self.member.door.status()
        self.may()

    def read_baseline(self) -> Mapping[str, str]:
        """System, timeline, position and role."""
        return baseline_of(self.member)

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """The host's own record of the order under our token."""
        operation = self.member.door.outcome(self.verb, mark.key)
        return self._evidence(operation) if operation and operation["state"] == "done" else None

    def act(self, mark: Mark) -> Evidence | None:
        """Give the order, and wait for its end."""
        arguments = {**self.arguments, **self.asked(), "why": f"step {mark.client_token} of run {mark.run}"}
        return self._evidence(self.member.ordering().order(self.verb, mark.key, self.order_s, **arguments))

    def read_effect(self, mark: Mark) -> Seen:
        """Whether the goal holds, by looking at the server and its host."""
        del mark
        return self.goal()

    def _evidence(self, operation: Mapping[str, Any]) -> Evidence:
        saved = operation["result"].get("saved_in", "") if self.verb == "save" else ""
        reference = f"{self.member.door.address}/{saved}" if saved else str(operation["id"])
        said = f"{self.member.door.address} did {self.verb} as {operation['id']}: {operation['text']}"
        return Evidence(kind=EvidenceKind.CLIENT_TOKEN, reference=reference, text=said)


def fence(member: PostgresMember) -> HostedChange:
    """It takes no writes any more, also after its host restarts; confirmed by the host that stopped it."""

    def goal() -> Seen:
        status, look = member.door.status(), member.look()
        down = status["role"] == "fenced" and not status["running"] and not look.takes_writes
        return Seen(reached=down, text=look.text)

    return HostedChange(member=member, verb="fence", text=f"fence {member.name}", may=lambda: None, goal=goal)


def follow(member: PostgresMember, other: PostgresMember) -> HostedChange:
    """Become a standby of `other`; refused while this one takes writes."""
    shown_as: list[str] = []

    def may() -> None:
        own, theirs = member.look(), other.look()
        require_primary(theirs, what=f"following {other.name}")
        if own.takes_writes:
            raise Refused(
                f"{own.text}: it would lose what is being written", where=own.address, next_step="fence it first"
            )
        if own.system_id != theirs.system_id:
            raise Refused(
                f"{member.name} and {other.name} are different systems ({own.system_id}, {theirs.system_id})",
                where=own.address,
            )

    def goal() -> Seen:
        own, theirs = member.look(), other.look()
        shown = shown_as[0] if shown_as else shown_as.append(member.application_name()) or shown_as[0]
        follows = own.role is DatabaseRole.STANDBY and shown in theirs.followers
        behind = f", {theirs.followers[shown]} bytes behind {other.name}" if follows else f", not seen by {other.name}"
        return Seen(reached=follows, text=own.text + behind)

    return HostedChange(
        member=member,
        verb="follow",
        text=f"let {member.name} follow {other.name}",
        may=may,
        goal=goal,
        arguments={"source": other.address},
    )


def protect_while_followed(member: PostgresMember, standby: PostgresMember) -> HostedChange:
    """Each commit waits for the standby, until its own host sees that it is gone; and again once it has caught up."""

    def may() -> None:
        require_streaming(member, standby)

    def goal() -> Seen:
        look, shown = member.look(), standby.application_name()
        reached = look.lets_go and look.synchronous_with == shown
        return Seen(reached=reached, text=f"{look.text}; waits for {look.synchronous_with or 'nobody yet'}")

    return HostedChange(
        member=member,
        verb="protect",
        text=f"let each commit of {member.name} wait for {standby.name} while that follows",
        may=may,
        goal=goal,
        asked=lambda: {"standby": standby.application_name()},
    )


def save_beyond(member: PostgresMember, timeline: int, position: int, key: str) -> HostedChange:
    """Keep the rows that lie beyond `position` of `timeline`, under `key`, at the host."""
    name = "".join(letter if letter.isalnum() else "-" for letter in key.lower())[:80]
    saving = HostedChange(
        member=member,
        verb="save",
        text=f"save what {member.name} acknowledged alone",
        may=lambda: _require_fenced(member),
        goal=lambda: Seen(reached=True, text="the host has written the file and told its digest"),
        arguments={"timeline": timeline, "position_bytes": position, "key": name},
    )
    return replace(saving, goal=lambda: _is_kept(member, timeline, position))


def _require_fenced(member: PostgresMember) -> None:
    require_role(member.look(), DatabaseRole.FENCED, what="saving what lies beyond")


def _is_kept(member: PostgresMember, timeline: int, position: int) -> Seen:
    kept = member.door.status()["beyond"].get(f"{timeline}-{position}", {})
    said = f"{kept.get('rows', 0)} row changes beyond, saved in {kept.get('saved_in') or 'no file'}"
    return Seen(reached=bool(kept.get("saved_in")), text=said)
