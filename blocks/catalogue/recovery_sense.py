"""Could this recovery plan be carried out, and does it promise what it can keep?

A promise must be one that its kind of replication can keep; capacity is reserved or its risk accepted by name; what
is critical is in the plan or says what its clients do meanwhile; traffic returns in shares that end with everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.quantities import format_duration, parse_duration, parse_quantity
from blocks.catalogue.recovery import Recovery, Returning
from blocks.catalogue.recovery_steps import check_added_step
from blocks.catalogue.view import Entry

_ALL = 100
_HEARTBEAT = timedelta(seconds=1)
"""How often a primary writes its heartbeat row: no loss is known more exactly than this."""
_COLUMN = re.compile(r"^\w+$")
_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
_ASSIGNMENT = re.compile(rf"^/subscriptions/[^/]+(/[^/]+)*/{re.escape(_ASSIGNMENTS)}/[0-9a-f-]{{36}}$", re.IGNORECASE)
_TARGET = re.compile(r"^(?P<table>\w+(\.\w+)?)\.(?P<column>\w+)$")


def check_recovery_sense(platform: Entry) -> Iterator[Mistake]:
    """Everything that is rightly written but could not be kept."""
    plan = platform.part("recovery")
    if not plan.value:
        return
    yield from _check_sites(platform, plan)
    yield from _check_critical(platform, plan)
    yield from _check_shares(plan)
    yield from _check_returning(plan)
    for data in plan.entries("data").values():
        yield from _check_promise(plan, data)
        for table in data.entries("tables").values():
            yield from _check_table(data, table)
    for switch in plan.entries("traffic").values():
        yield from _check_switch(plan, switch)
    yield from _check_credentials(plan)
    yield from _check_capacity(platform, plan)
    for step in plan.entries("steps").values():
        yield from check_added_step(step)


def _check_sites(platform: Entry, plan: Entry) -> Iterator[Mistake]:
    sites = platform.names("sites")
    if len(sites) < 2:  # noqa: PLR2004 - one site is nowhere to go
        yield plan.wrong((), f"expected at least two sites: {platform.name!r} could go nowhere from {listed(sites)}")
    if plan.value.get("data") and "database_operator" not in plan.value:
        yield plan.wrong((), "missing key 'database_operator': nobody could fence or promote a database")
    timeout, rto = _duration(plan, "client_timeout"), _duration(plan, "rto")
    if timeout and rto and timeout >= rto:
        said = f"{format_duration(timeout)} in {format_duration(rto)}"
        yield plan.wrong(("client_timeout",), f"expected client_timeout below rto, not {said}")


def _check_critical(platform: Entry, plan: Entry) -> Iterator[Mistake]:
    """What a database runs on follows with it; everything else that is critical is named."""
    named = set(plan.names("services"))
    members = {name for data in plan.entries("data").values() for name in _values(data, "members")}
    for key in ("services", "second_workers"):
        named |= {name for part in plan.entries(key).values() for name in _values(part, "sites")}
    services = platform.entries("services")
    under = {name for each in members & services.keys() for _, name in services[each].texts("depends_on")}
    for name, service in services.items():
        if service.text("criticality") == "critical" and name not in named | members | under:
            text = f"critical service {name!r} is not in the recovery plan: expected its counterpart or degraded"
            yield plan.wrong_key(("services",), text)


def _check_shares(plan: Entry) -> Iterator[Mistake]:
    shares = plan.value.get("shares")
    if not isinstance(shares, list) or not all(type(share) is int for share in shares):
        return
    rising = all(low < high for low, high in pairwise(shares))
    if not shares or not rising or shares[0] < 1 or shares[-1] != _ALL:
        yield plan.wrong(("shares",), f"expected shares that rise and end with 100, not {shares}")


def _check_returning(plan: Entry) -> Iterator[Mistake]:
    """A share earns the next one only by what was measured, and what sends it back is worse than what stops it."""
    addresses = [text for _, text in plan.texts("proofs") if "://" in text]
    for switch in plan.entries("traffic").values():
        weighted = switch.text("kind") == "azure.traffic_manager"
        if weighted and not addresses and not switch.value.get("asked") and plan.value.get("shares") != [_ALL]:
            text = f"expected asked, or an address among the proofs: nobody could see clients return by {switch.name!r}"
            yield switch.wrong((), text)
    rule = plan.part("returning")
    for what in ("errors", "latency_times"):
        stop, back = _number(rule, f"stop_over_{what}"), _number(rule, f"return_over_{what}")
        if stop is not None and back is not None and stop > back:
            at = next(key for key in (f"return_over_{what}", f"stop_over_{what}") if key in rule.value)
            yield rule.wrong(
                (at,), f"expected return_over_{what} at or above stop_over_{what}, not {back:g} and {stop:g}"
            )
    soak, patience = _returning(rule, "soak"), _returning(rule, "patience")
    if soak and patience and soak > patience:
        at = next(key for key in ("patience", "soak") if key in rule.value)
        said = f"{format_duration(patience)} and {format_duration(soak)}"
        yield rule.wrong((at,), f"expected patience at or above soak, not {said}")


def _check_promise(plan: Entry, data: Entry) -> Iterator[Mistake]:
    promise, rows, rpo = (
        data.text("promise") or "bounded",
        data.value.get("lose_at_most_rows", 0),
        _duration(plan, "rpo"),
    )
    if promise == "zero_loss" and rows not in {0, None} and isinstance(rows, int):
        yield data.wrong(("lose_at_most_rows",), f"expected 0 rows where zero_loss is promised, not {rows}")
    if promise == "bounded" and rows == 0:
        at = ("lose_at_most_rows",) if "lose_at_most_rows" in data.value else ()
        text = "expected lose_at_most_rows above 0: a bounded promise of no row could never be approved"
        yield data.wrong(at, text)
    if promise == "bounded" and rpo is not None and rpo <= _HEARTBEAT:
        at = ("promise",) if "promise" in data.value else ()
        text = f"expected zero_loss for an rpo of {format_duration(rpo)}: what follows is known to the second only"
        yield data.wrong(at, text)


def _check_table(data: Entry, table: Entry) -> Iterator[Mistake]:
    for at, column in table.texts("key"):
        if not _COLUMN.match(column):
            yield table.wrong(at, f"expected the name of a column, not {column!r}")
    for one, other in (("recent", "recent_within"), ("recent_within", "recent")):
        if one in table.value and other not in table.value:
            yield table.wrong((one,), f"missing key {other!r} of {table.name!r}, or nothing would be held against it")
    for column, target in table.part("references").value.items():
        found = _TARGET.match(str(target))
        if found is None:
            yield table.wrong(("references", column), f"expected <table>.<column>, not {target!r}")
        elif found["table"] not in data.names("tables"):
            near = nearest_name(found["table"], data.names("tables"))
            yield table.wrong(("references", column), f"unknown table {found['table']!r} of {data.name!r}", near)


def _check_switch(plan: Entry, switch: Entry) -> Iterator[Mistake]:
    for key in ("endpoints", "values"):
        values = _values(switch, key)
        if len(set(values)) < len(values):
            yield switch.wrong((key,), f"expected something else for each site: this {key} could send nobody elsewhere")
    ttl, rto = _duration(switch, "ttl"), _duration(plan, "rto")
    if ttl and rto and ttl >= rto:
        said = f"{format_duration(ttl)} in {format_duration(rto)}"
        yield switch.wrong(("ttl",), f"expected ttl below rto, not {said}: clients would not follow in time")
    kind = switch.value.get("type", "A")
    for site, value in switch.part("values").value.items():
        if isinstance(value, str) and not _fits(str(kind), value):
            yield switch.wrong(("values", site), f"expected the value of a record of type {kind}, not {value!r}")
    record, zone = switch.text("record"), switch.text("zone")
    if record and zone and record != zone and not record.endswith("." + zone):
        yield switch.wrong(("record",), f"expected a record of zone {zone}, not {record!r}")


def _check_credentials(plan: Entry) -> Iterator[Mistake]:
    """Each is one right: taken away twice under two names, it would be given back by whoever comes first."""
    told: dict[str, str] = {}
    for each in plan.entries("credentials").values():
        resource = each.text("resource")
        if resource is None:
            continue
        if not _ASSIGNMENT.match(resource):
            text = f"expected the ARM id of a role assignment, …/{_ASSIGNMENTS}/<guid>, not {resource!r}"
            yield each.wrong(("resource",), text)
        elif (other := told.setdefault(resource.lower(), each.name)) != each.name:
            yield each.wrong(("resource",), f"expected each right once, but this one is {other!r} already")


def _check_capacity(platform: Entry, plan: Entry) -> Iterator[Mistake]:
    known = plan.entries("capacity")
    for site, entry in platform.entries("sites").items():
        if entry.text("role") == "recovery" and site not in plan.names("capacity"):
            at = ("capacity",) if "capacity" in plan.value else ()
            yield plan.wrong_key(at, f"missing the capacity of recovery site {site!r}: nobody would know that it fits")
    for site, entry in known.items():
        if not entry.value.get("reserved") and not entry.value.get("risk_accepted_by"):
            text = f"quota is not capacity: expected reserved: true for {site!r}, or risk_accepted_by with a name"
            yield entry.wrong((), text)


def _fits(kind: str, value: str) -> bool:
    family = {"A": IPv4Address, "AAAA": IPv6Address}.get(kind)
    if family is None:
        return bool(value)
    try:
        family(value)
    except ValueError:
        return False
    return True


def _values(entry: Entry, key: str) -> list[str]:
    return [value for value in entry.part(key).value.values() if isinstance(value, str)]


def _number(rule: Entry, key: str) -> float | None:
    """What is written, or the default; None where it is wrong, which is told elsewhere."""
    found = rule.value.get(key, Returning.model_fields[key].default)
    try:
        return float(found) if isinstance(found, int | float) else parse_quantity(found)[0]
    except ValueError:
        return None


def _returning(rule: Entry, key: str) -> timedelta | None:
    try:
        return parse_duration(rule.value.get(key, Returning.model_fields[key].default))
    except ValueError:
        return None


def _duration(entry: Entry, key: str) -> timedelta | None:
    """What is written, or the plan's own where it is absent; None where it is wrong, which is told elsewhere."""
    field = Recovery.model_fields.get(key)
    default = None if field is None or field.is_required() else field.default
    try:
        return parse_duration(entry.value.get(key, default))
    except ValueError:
        return None
