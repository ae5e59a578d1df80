"""Does every name of a recovery plan lead to something that can play its part?

Sites, services and checks must be declared, in the site that the plan says and of a kind that vigie can move; and
every site must have its share of what the plan switches. Services must not need each other in a circle once each is
replaced by what stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from blocks.catalogue.circles import circles
from blocks.catalogue.document import Steps
from blocks.catalogue.kinds import KINDS
from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.view import Entry
from blocks.catalogue.waves import needs_between

_PROOF = re.compile(r"^(?P<part>[a-z0-9-]+)/(?P<check>[a-z0-9-]+)$")
_COMPUTE = frozenset(name for name, kind in KINDS.items() if kind.moves)
_DATABASE = frozenset({"postgres"})
_TARGETS = ("endpoints", "values")


@dataclass(frozen=True, slots=True)
class _Plan:
    """A platform's plan beside what the platform declares."""

    entry: Entry
    sites: dict[str, Entry]
    services: dict[str, Entry]

    def parts(self) -> Iterator[tuple[Entry, str, frozenset[str]]]:
        """Everything with a service in each site: where that map is, and which kinds may stand in it."""
        yield from ((each, "members", _DATABASE) for each in self.entry.entries("data").values())
        for key in ("services", "second_workers"):
            yield from ((each, "sites", _COMPUTE) for each in self.entry.entries(key).values())


def check_recovery_names(platform: Entry, graph: Mapping[str, list[str]]) -> Iterator[Mistake]:
    """Every name that leads nowhere; `graph` is what services and groups depend on."""
    entry = platform.part("recovery")
    if not entry.value:
        return
    plan = _Plan(entry, platform.entries("sites"), platform.entries("services"))
    for part, key, kinds in plan.parts():
        yield from _members(plan, part, key, kinds)
    for data in entry.entries("data").values():
        yield from _sites_of(plan, data, "hosts")
        yield from _every_site(plan, data, ("members", "hosts"))
    for worker in entry.entries("second_workers").values():
        yield from _every_site(plan, worker, ("sites",))
    yield from _check_switches(plan)
    yield from _check_credentials(plan)
    yield from _sites_of(plan, entry, "capacity")
    yield from _sites_of(plan, entry, "running_costs")
    yield from _check_counterparts(plan)
    yield from _check_uses(plan)
    yield from _circles(plan, graph)


def _members(plan: _Plan, part: Entry, key: str, kinds: frozenset[str]) -> Iterator[Mistake]:
    yield from _sites_of(plan, part, key)
    for site, name in _texts(part, key):
        service = plan.services.get(name)
        if service is None:
            yield _unknown(part, (key, site), "service", name, plan.services)
            continue
        if site in plan.sites and service.text("site") != site:
            text = f"expected a service of site {site!r}, but {name!r} is in {service.text('site')!r}"
            yield part.wrong((key, site), text)
        kind = service.text("kind") or ""
        if kind in KINDS and kind not in kinds:
            yield part.wrong((key, site), f"expected a service of kind {listed(kinds)} here, but {name!r} is {kind}")


def _sites_of(plan: _Plan, part: Entry, key: str) -> Iterator[Mistake]:
    for site in part.names(key):
        if site not in plan.sites:
            near = nearest_name(site, plan.sites)
            text = f"unknown site {site!r}" + ("" if near else f", expected one of {listed(plan.sites)}")
            yield part.wrong_key((key, site), text, near)


def _every_site(plan: _Plan, part: Entry, keys: Iterable[str]) -> Iterator[Mistake]:
    for key in keys:
        missing = sorted(plan.sites.keys() - set(part.names(key)))
        if key in part.value and missing:
            yield part.wrong_key((key,), f"expected every site of the platform in {key}, {listed(missing)} is missing")


def _check_switches(plan: _Plan) -> Iterator[Mistake]:
    for switch in plan.entry.entries("traffic").values():
        for key in _TARGETS:
            yield from _sites_of(plan, switch, key)
        yield from _every_site(plan, switch, _TARGETS)
        yield from _reached_by(plan, switch)


def _check_credentials(plan: _Plan) -> Iterator[Mistake]:
    """Who holds it, and whose credentials reach it; what nobody may change there could not be taken away."""
    for each in plan.entry.entries("credentials").values():
        holder, site = each.text("holder"), each.text("site")
        if holder is not None and holder not in plan.sites:
            yield _unknown(each, ("holder",), "site", holder, plan.sites)
        yield from _reached_by(plan, each)
        if (
            site in plan.sites
            and plan.sites[site].text("provider") == "azure"
            and not plan.sites[site].text("operator")
        ):
            yield each.wrong(("site",), f"expected a site with an operator: nobody could take {each.name!r} away")


def _reached_by(plan: _Plan, part: Entry) -> Iterator[Mistake]:
    """The site whose credentials reach something in Azure."""
    site = part.text("site")
    if site is not None and site not in plan.sites:
        yield _unknown(part, ("site",), "site", site, plan.sites)
    elif site is not None and (provider := plan.sites[site].text("provider")) not in {None, "azure"}:
        yield part.wrong(("site",), f"expected a site of azure, but {site!r} is {provider}")


def _check_counterparts(plan: _Plan) -> Iterator[Mistake]:
    for part in plan.entry.entries("services").values():
        served = set(part.names("sites"))
        if not served and part.name not in plan.services:
            near = nearest_name(part.name, plan.services)
            yield part.wrong((), f"unknown service {part.name!r}: without sites it is the name of a service", near)
        for site in part.names("sizes"):
            if site not in served:
                text = f"{part.name!r} has nothing in site {site!r} that could have a size"
                yield part.wrong_key(("sizes", site), text, nearest_name(site, served))
        missing = sorted(plan.sites.keys() - served)
        if missing and not part.value.get("degraded"):
            text = f"{part.name!r} has nothing in {listed(missing)}: expected degraded, what its clients do meanwhile"
            yield part.wrong((), text)


def _check_uses(plan: _Plan) -> Iterator[Mistake]:
    moved = {name for name, each in plan.entry.entries("services").items() if each.names("sites")}
    for at, name in plan.entry.texts("recycle"):
        if name not in moved:
            yield _unknown(plan.entry, at, "service of the plan", name, moved)
    for at, text in plan.entry.texts("proofs"):
        if not text.startswith(("https://", "http://")):
            yield from _check_proof(plan, at, text)


def _check_proof(plan: _Plan, at: Steps, text: str) -> Iterator[Mistake]:
    found = _PROOF.match(text)
    parts = {part.name: dict(_texts(part, key)) for part, key, _ in plan.parts()}
    if found is None:
        yield plan.entry.wrong(at, f"expected <part of the plan>/<check> or an https:// address, not {text!r}")
    elif found["part"] not in parts:
        yield _unknown(plan.entry, at, "part of the plan", found["part"], parts)
    else:
        for site, name in parts[found["part"]].items():
            checks = plan.services[name].names("checks") if name in plan.services else [found["check"]]
            if found["check"] not in checks:
                text = f"{name!r} in {site} has no check {found['check']!r}, so nothing would be proven there"
                yield plan.entry.wrong(at, text, nearest_name(found["check"], checks))


def _circles(plan: _Plan, graph: Mapping[str, list[str]]) -> Iterator[Mistake]:
    stands_for = {name: part.name for part, key, _ in plan.parts() for _, name in _texts(part, key)}
    told = set[str]()
    for site in plan.sites:
        starts = {
            part.name: name
            for part, key, _ in plan.parts()
            for where, name in _texts(part, key)
            if where == site and key == "sites"
        }
        for circle in circles(needs_between(starts, stands_for, graph), first=starts):
            part = next(part for part, key, _ in plan.parts() if key == "sites" and part.name == circle[0])
            ring = " -> ".join([*circle, circle[0]])
            if ring not in told:
                told.add(ring)
                yield part.wrong((), f"what stands for services in {site} needs each other in a circle: {ring}")


def _texts(part: Entry, key: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in part.part(key).value.items() if isinstance(value, str)]


def _unknown(entry: Entry, at: Steps, word: str, name: str, known: Iterable[str]) -> Mistake:
    names = list(known)
    near = nearest_name(name, names)
    expected = "" if near or not names else f", expected one of {listed(names)}"
    return entry.wrong(at, f"unknown {word} {name!r}{expected}", near)
