"""Would the recovery plan work tonight?

Pure. Asked every half hour, long before the disaster: does the data follow, is there room, are both sides alike, would
clients follow in time, do the keys of the other side open, was it ever tried, would it be in time, and does vigie
itself live elsewhere? Each finding says what, where, measured against what, and what to do next.

The rule: no evidence is never good news. What could not be looked at is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from blocks.catalogue.model import Platform, SiteRole
from blocks.catalogue.quantities import format_duration
from blocks.catalogue.recovery import Promise, Recovery, ReplicatedData
from blocks.ports.credentials import CredentialLook
from blocks.ports.health import State
from blocks.ports.recovery import CapacityLook, DatabaseLook, DatabaseRole, MoveKind, Waiting
from tasks.recovery.added import added_for
from tasks.recovery.capacity import shortfall
from tasks.recovery.decide import recovery_of
from tasks.recovery.losses import lag
from tasks.recovery.timing import PredictedRto

_CERTIFICATE_WARNS, _CERTIFICATE_ENDS = 14.0, 3.0
NOT_SEEN = "Next: look why it was not measured"
"""How a finding ends that says only that nobody could look."""
_SHARE_OF_RTO = 4
"""Clients that take more than a quarter of the rto to follow leave too little of it for everything else."""
_LONG_OVERDUE = 1.5
"""Intervals since the last drill or restore, from which on people are told and not only shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was looked at, at one moment. None, or an absent name, where it could not be seen.

    `traits` is (part of the plan, trait) -> site -> value, for what must be alike on both sides: a version, a setting.
    `certificates_d` is (site, address) -> days left, and `certificate_faults` what is wrong with one whatever its age;
    an address is host:port, or "name at host:port" where clients ask that server for another name.
    `credentials` is block -> empty when it opens, else what is wrong with it; `added` the same of the plan's own steps
    that can be looked at. `held` is how the plan's credentials are, and `takeable` why the operator could not take one
    away: empty where he could. `control_plane` is vigie's own part -> the site or place where it lives.
    """

    now: datetime
    active: str
    databases: Mapping[tuple[str, str], DatabaseLook] = field(default_factory=dict[tuple[str, str], DatabaseLook])
    capacity: Mapping[str, CapacityLook] = field(default_factory=dict[str, CapacityLook])
    traits: Mapping[tuple[str, str], Mapping[str, str | None]] = field(
        default_factory=dict[tuple[str, str], Mapping[str, str | None]]
    )
    follow_within: Mapping[str, timedelta] = field(default_factory=dict[str, timedelta])  # switch -> time to live
    certificates_d: Mapping[tuple[str, str], float | None] = field(default_factory=dict[tuple[str, str], float | None])
    certificate_faults: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    credentials: Mapping[str, str] = field(default_factory=dict[str, str])
    added: Mapping[str, str] = field(default_factory=dict[str, str])
    held: Mapping[str, CredentialLook] = field(default_factory=dict[str, CredentialLook])
    takeable: Mapping[str, str] = field(default_factory=dict[str, str])
    last_drill_at: datetime | None = None
    last_restore_at: datetime | None = None
    predicted: PredictedRto | None = None
    control_plane: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that would go wrong. `name` is stable, so that it is one incident until it is mended."""

    name: str
    severity: State
    sentence: str


def findings(platform: Platform, seen: Evidence) -> tuple[Finding, ...]:
    """Everything that speaks against a move tonight, the worst first; empty when it would work."""
    plan = recovery_of(platform)
    found = (
        *(each for data in plan.data.values() for each in _data(plan, data, seen)),
        *_capacity(platform, plan, seen),
        *_drift(plan, seen),
        *_clients(plan, seen),
        *_certificates(seen),
        *_credentials(platform, plan, seen),
        *_held(plan, seen),
        *_added(platform, seen),
        *_tried(plan, seen),
        *_in_time(plan, seen),
        *_control_plane(platform, seen),
    )
    return tuple(sorted(found, key=lambda each: (-each.severity.rank, each.name)))


def _data(plan: Recovery, data: ReplicatedData, seen: Evidence) -> Iterator[Finding]:
    primary = seen.databases.get((data.name, seen.active))
    for site in sorted(data.members.keys() - {seen.active}):
        standby, name = seen.databases.get((data.name, site)), f"replication-{data.name}-{site}"
        behind = lag(standby, primary)
        if standby is None or standby.role is not DatabaseRole.STANDBY:
            said = _quoted(standby.text) if standby else "nobody could look at it"
            yield _critical(name, f"{data.name} in {site} could not be promoted: {said}", "mend the replication")
        elif behind is None:
            yield _unknown(name, f"nobody knows how far {data.name} in {site} is behind: no heartbeat to compare")
        elif behind > plan.rpo:
            said = f"{behind.total_seconds():.0f} s behind, over the rpo of {format_duration(plan.rpo)}"
            yield _critical(name, f"{data.name} in {site} is {said}", "see what holds the replication back")
        elif behind > plan.rpo / 2:
            said = f"{behind.total_seconds():.0f} s behind, over half the rpo of {format_duration(plan.rpo)}"
            yield _warning(name, f"{data.name} in {site} is {said}", "see what holds the replication back")
    if primary is not None:
        yield from _survivor(data, primary)


def _survivor(data: ReplicatedData, primary: DatabaseLook) -> Iterator[Finding]:
    """Slots that nobody uses fill the disk; a promise of zero loss needs a commit that waits."""
    for slot in sorted(slot for slot, used in primary.slots.items() if not used):
        said = f"slot {slot} of {data.name} is used by nobody and keeps the log until the disk is full"
        yield _warning(f"slot-{data.name}-{slot}", said, "let its standby follow again, or drop it")
    if data.promise is Promise.ZERO_LOSS and not primary.synchronous_with:
        said = f"{data.name} promises zero loss, and no commit waits for the other site"
        yield _critical(f"promise-{data.name}", said, "protect it again, or promise less")
    elif data.promise is Promise.ZERO_LOSS and primary.waiting is Waiting.NOT:
        said = f"{data.name} promises zero loss, and some commits may not wait for {primary.synchronous_with}"
        next_step = "let all wait for it alone, with synchronous_commit on, and after a failover bring it home"
        yield _warning(f"promise-{data.name}", said, next_step)


def _capacity(platform: Platform, plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    for site, needed in sorted(plan.capacity.items()):
        if site == seen.active:
            continue
        look, name = seen.capacity.get(site), f"capacity-{site}"
        if look is None:
            yield _unknown(name, f"nobody can say what {site} can still take")
        elif lacking := shortfall(needed, look):
            said = f"{site} could not take {platform.name}: {_quoted(lacking)}"
            yield _critical(name, said, "have the quota raised, or free what others use")
        elif not needed.reserved and not needed.risk_accepted_by:
            said = f"the quota of {site} would do, but quota is not capacity and nothing is reserved"
            yield _warning(name, said, "reserve it, or accept the risk by name in the catalogue")


def _drift(plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    by_part: dict[str, dict[str, Mapping[str, str | None]]] = {name: {} for name in plan.data}
    for (part, trait), by_site in sorted(seen.traits.items()):
        by_part.setdefault(part, {})[trait] = by_site
    for part, traits in by_part.items():
        blind = sorted({site for by_site in traits.values() for site, value in by_site.items() if value is None})
        if blind or not traits:
            said = f"{', '.join(blind)} was not seen" if blind else "neither was seen"
            yield _unknown(f"drift-{part}", f"nobody can say whether both sides of {part} are alike: {said}")
        else:
            yield from _differing(part, traits)


def _differing(part: str, traits: Mapping[str, Mapping[str, str | None]]) -> Iterator[Finding]:
    for trait, by_site in traits.items():
        if len(set(by_site.values())) > 1:
            said = ", ".join(f"{value or 'nothing'} in {site}" for site, value in sorted(by_site.items()))
            text = f"the {trait} of {part} differs: {said}"
            yield _warning(f"drift-{part}-{trait}", text, "bring both sides to the same one")


def _clients(plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    most, limit = plan.rto / _SHARE_OF_RTO, f"over a quarter of the rto of {format_duration(plan.rto)}"
    for name in sorted(plan.traffic):
        within = seen.follow_within.get(name)
        if within is None:
            yield _unknown(f"traffic-{name}", f"nobody can say how long clients of {name} stay where they were sent")
        elif within > most:
            said = f"clients of {name} stay up to {format_duration(within)}, {limit}"
            yield _warning(f"traffic-{name}", said, "shorten its time to live")
    if plan.client_timeout > most:
        said = f"clients wait {format_duration(plan.client_timeout)} for a dead connection, {limit}"
        yield _warning("client-timeout", said, "shorten their timeout")


def _certificates(seen: Evidence) -> Iterator[Finding]:
    for (site, address), days in sorted(seen.certificates_d.items()):
        name, fault = f"certificate-{address}", seen.certificate_faults.get((site, address))
        plain = address.rpartition(" at ")[2]
        if fault:
            yield _critical(name, f"clients in {site} would refuse it: {_quoted(fault)}", "put the right one there")
        elif (site, plain) in seen.certificates_d and plain != address:
            continue  # the same certificate: its age is found wanting once
        elif days is None:
            yield _unknown(name, f"the certificate of {address} in {site} cannot be seen")
        elif days < _CERTIFICATE_WARNS:
            ends = f"is valid for {days:.0f} days" if days > 0 else f"ended {-days:.0f} days ago"
            said = f"the certificate of {address} in {site} {ends}"
            make = _critical if days < _CERTIFICATE_ENDS else _warning
            yield make(name, said, "renew it: after a move nothing else is served")


def _credentials(platform: Platform, plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    for block in needed_credentials(platform, plan):
        wrong = seen.credentials.get(block)
        if wrong is None:
            yield _unknown(f"credential-{block}", f"nobody has tried whether credential {block} opens")
        elif wrong:
            said = f"credential {block} does not open: {_quoted(wrong)}"
            yield _critical(f"credential-{block}", said, "save it anew, then run vigie blocks check")


def needed_credentials(platform: Platform, plan: Recovery) -> list[str]:
    """Every credential block that a move opens."""
    found = {plan.database_operator, platform.database_credentials, plan.host_reader, plan.host_operator}
    for site in platform.sites.values():
        found |= {site.credentials, site.operator}
    found |= {switch.key for switch in plan.traffic.values() if switch.kind == "dns"}
    return sorted(block for block in found if block)


def _held(plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    """One that is not what the plan says is left alone that night; one that may not be taken stops the failover."""
    for name, each in sorted(plan.credentials.items()):
        look, wrong, found = seen.held.get(name), seen.takeable.get(name), f"held-credential-{name}"
        said = f"credential {name} could not be taken away"
        if look is None:
            yield _unknown(found, f"nobody could look whether credential {name} is there")
        elif not look.fits:
            yield _warning(found, f"{said}: {_quoted(look.text)}", "correct the plan in the catalogue, or Azure")
        elif not look.held and each.holder == seen.active:
            text = f"credential {name} is not there, and {each.holder} serves without it"
            yield _critical(found, text, "give it back, or take it out of the plan")
        elif wrong is None:
            yield _unknown(found, f"nobody has tried whether credential {name} could be taken away")
        elif wrong:
            yield _critical(
                found, f"{said}: {_quoted(wrong)}", "give the operator that role (docs/permissions-azure.md)"
            )


def _added(platform: Platform, seen: Evidence) -> Iterator[Finding]:
    for name in added_looked_at(platform, seen):
        wrong = seen.added.get(name)
        if wrong is None:
            yield _unknown(f"step-{name}", f"nobody could look whether step {name} of the plan can be done")
        elif wrong:
            said = f"step {name} of the plan cannot be done: {_quoted(wrong)}"
            yield _critical(f"step-{name}", said, "correct it in the catalogue, or mend what it needs")


def added_looked_at(platform: Platform, seen: Evidence) -> list[str]:
    """The plan's own steps in the failover that tonight would bring, as far as something could speak against them."""
    steps = added_for(platform, MoveKind.FAILOVER.value, seen.active, "")
    return [each.step.name for each in steps if each.can_be_looked_at]


def _tried(plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    from_backup = "rehearse on a backup: a recovery drill with from_backup"
    for name, what, at, every, next_step in (
        ("last-drill", "drill", seen.last_drill_at, plan.drill_every, "make a drill"),
        ("last-restore", "restore of a backup", seen.last_restore_at, plan.restore_every, from_backup),
    ):
        promised = f"one every {format_duration(every)} is promised"
        if at is None:
            yield _warning(name, f"no {what} was ever tried, {promised}", next_step)
        elif seen.now - at > every:
            judged = _critical if seen.now - at > _LONG_OVERDUE * every else _warning
            yield judged(name, f"the last {what} is {(seen.now - at).days} days old, {promised}", next_step)


def _in_time(plan: Recovery, seen: Evidence) -> Iterator[Finding]:
    if seen.predicted is None:
        yield _unknown("rto", f"nobody can predict whether the rto of {format_duration(plan.rto)} is kept")
    elif not seen.predicted.holds:
        yield _critical("rto", seen.predicted.text, "make the slowest steps faster, or promise less")


def _control_plane(platform: Platform, seen: Evidence) -> Iterator[Finding]:
    if not seen.control_plane:
        yield _unknown("control-plane", "nobody knows where vigie's own journal, server and gateway live")
    saved = {site.name for site in platform.sites.values() if site.role is SiteRole.PRIMARY} | {seen.active}
    for part, place in sorted(seen.control_plane.items()):
        if not place:
            yield _unknown(f"control-plane-{part}", f"nobody knows where vigie's {part} lives")
        elif place in saved:
            said = f"vigie's {part} lives in {place}, the very site that it would save {platform.name} from"
            yield _critical(f"control-plane-{part}", said, "move it to another place (docs/placing.md)")


def _quoted(text: str) -> str:
    """Somebody else's words inside a sentence of ours: on one line, and no end of ours."""
    return " ".join(text.split()).replace("; ", ", ").replace(". Next: ", ", next: ")


def _critical(name: str, said: str, next_step: str) -> Finding:
    return Finding(name=name, severity=State.CRITICAL, sentence=f"{said}. Next: {next_step}")


def _warning(name: str, said: str, next_step: str) -> Finding:
    return Finding(name=name, severity=State.WARNING, sentence=f"{said}. Next: {next_step}")


def _unknown(name: str, said: str) -> Finding:
    return Finding(name=name, severity=State.UNKNOWN, sentence=f"{said}. {NOT_SEEN}")
