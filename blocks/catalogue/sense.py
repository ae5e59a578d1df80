"""Can what is declared be measured, in time, and by whom?

A check must be one that its service's kind can have, at a site of the right provider, with the
credentials it needs, fast enough for the sweep; a promise must have samples to be held against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from blocks.catalogue.document import Document
from blocks.catalogue.kinds import KINDS, ServiceKind, allowed_checks
from blocks.catalogue.limits import check_limits
from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.model import CheckBase, Platform
from blocks.catalogue.quantities import format_duration, parse_duration
from blocks.catalogue.recovery_sense import check_recovery_sense
from blocks.catalogue.shape import CHECKS
from blocks.catalogue.view import Entry, root_of

_AT_SITE = {"azure", "aws", "openstack"}
_RESERVED = {"monitoring"}
_ARM = r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/"


def check_sense(documents: Sequence[Document]) -> list[Mistake]:
    """Everything that is rightly written but could never be measured as it stands."""
    platforms = [p for document in documents for p in root_of(document).entries("platforms").values()]
    return [mistake for platform in platforms for mistake in _check_platform(platform)]


def _check_platform(platform: Entry) -> Iterator[Mistake]:
    every, deadline = (_duration(platform, Platform, key) for key in ("sweep_every", "sweep_deadline"))
    if deadline >= every:
        at = ("sweep_deadline",) if "sweep_deadline" in platform.value else ("sweep_every",)
        text = f"expected sweep_deadline below sweep_every, not {format_duration(deadline)} in {format_duration(every)}"
        yield platform.wrong(at, text)
    if platform.value.get("services") == {}:
        yield platform.wrong(
            ("services",), f"expected at least one service: nothing of {platform.name!r} would be watched"
        )
    for service in platform.entries("services").values():
        yield from _check_service(platform, service)
        for check in service.entries("checks").values():
            yield from _check_check(platform, service, check, deadline)
    groups = platform.value.get("redundancy_groups")
    for name, members in groups.items() if isinstance(groups, dict) else ():
        if isinstance(members, list) and len(set(map(str, members))) < 2:  # noqa: PLR2004 - one member is no redundancy
            yield platform.wrong(("redundancy_groups", name), f"expected at least two services in group {name!r}")
    yield from check_recovery_sense(platform)


def _check_service(platform: Entry, service: Entry) -> Iterator[Mistake]:
    kind = service.text("kind")
    if service.name in _RESERVED:
        text = f"expected another name than {service.name!r}: incidents of that name are about the measurement itself"
        yield service.wrong((), text)
    if kind is not None and kind not in KINDS:
        near = nearest_name(kind, KINDS)
        yield service.wrong(("kind",), f"unknown service kind {kind!r}, expected one of {listed(KINDS, 30)}", near)
    elif kind is not None:
        yield from _check_site(platform, service, kind, KINDS[kind])
        yield from _check_resource(service, kind, KINDS[kind])
    if service.value.get("checks", {}) == {}:
        yield service.wrong((), f"expected at least one check: nobody would look at {service.name!r}")
    yield from _check_promises(service)


def _check_site(platform: Entry, service: Entry, kind: str, known: ServiceKind) -> Iterator[Mistake]:
    site = platform.entries("sites").get(service.text("site") or "")
    provider = site.text("provider") if site else None
    if known.provider in _AT_SITE and provider in _AT_SITE and provider != known.provider:
        name = service.text("site")
        text = f"expected a site of {known.provider} for a service of kind {kind}, but {name!r} is {provider}"
        yield service.wrong(("site",), text)


def _check_resource(service: Entry, kind: str, known: ServiceKind) -> Iterator[Mistake]:
    resource = service.text("resource")
    if not known.resource or (resource is None and "resource" in service.value):
        return
    if not resource:
        at = ("resource",) if "resource" in service.value else ()
        yield service.wrong(at, f"missing key 'resource' of {service.name!r}: {known.resource}")
    elif known.provider == "azure" and not re.fullmatch(_ARM + known.resource + "/[^/]+", resource, re.IGNORECASE):
        text = f"expected the resource id of a {kind}: /subscriptions/.../providers/{known.resource}/<name>"
        yield service.wrong(("resource",), text)


def _check_promises(service: Entry) -> Iterator[Mistake]:
    counting = [check for check in service.entries("checks").values() if check.value.get("slo", False) is not False]
    if counting and not service.names("slos"):
        for check in counting:
            yield check.wrong(("slo",), f"expected an SLO under slos: of {service.name!r} for this check to count for")
    if not counting:
        for name in service.names("slos"):
            text = f"no check of {service.name!r} has slo: true, so {name!r} would never be measured"
            yield service.document.mistake(service.document.at_key((*service.path, "slos", name)), text)


def _check_check(platform: Entry, service: Entry, entry: Entry, deadline: timedelta) -> Iterator[Mistake]:
    kind, written = service.text("kind"), entry.text("kind")
    if kind in KINDS and written in CHECKS and written not in allowed_checks(kind):
        known = listed(allowed_checks(kind), 30)
        text = f"a service of kind {kind} cannot have a {written} check, expected one of {known}"
        yield entry.wrong(("kind",), text)
    if written in {"database", "replication"} and not (
        platform.value.get("database_credentials") or entry.value.get("credentials")
    ):
        yield entry.wrong((), f"missing key 'database_credentials' of {platform.name!r}, or 'credentials' here")
    if "certificate" in entry.value and (entry.text("url") or "").startswith("http://"):
        yield entry.wrong(("certificate",), "expected no limits of 'certificate' for http://: nothing would measure it")
    yield from check_limits(entry)
    yield from _check_metric_name(entry, kind or "")
    yield from _check_time(entry, deadline)


def _check_metric_name(entry: Entry, kind: str) -> Iterator[Mistake]:
    metric = entry.text("metric")
    if metric is not None and kind.startswith("aws.") and not re.fullmatch(r".+/[^/]+", metric):
        yield entry.wrong(("metric",), f"expected Namespace/MetricName such as AWS/RDS/CPUUtilization, not {metric!r}")


def _check_time(entry: Entry, deadline: timedelta) -> Iterator[Mistake]:
    attempts = entry.value.get("attempts", CheckBase.model_fields["attempts"].default)
    pauses = _duration(entry, CheckBase, "recheck_every") * (attempts - 1 if isinstance(attempts, int) else 0)
    if _duration(entry, CheckBase, "timeout") >= deadline:
        yield entry.wrong(("timeout",), f"expected a timeout below the sweep's deadline of {format_duration(deadline)}")
    elif pauses >= deadline:
        took, most = format_duration(pauses), format_duration(deadline)
        at = "recheck_every" if "recheck_every" in entry.value else "attempts"
        yield entry.wrong((at,), f"{attempts} attempts take {took}, expected less than the sweep's deadline of {most}")


def _duration(entry: Entry, model: type[CheckBase | Platform], key: str) -> timedelta:
    """What is written, or the model's own where it is absent or wrong (which is told elsewhere)."""
    default = parse_duration(model.model_fields[key].default)
    try:
        return parse_duration(entry.value.get(key, default))
    except ValueError:
        return default
