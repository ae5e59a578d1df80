"""Which certificates would clients see in the other site, and how long are they good for?

Everything there that speaks TLS, as its own checks name it; the doors of database hosts; and the names that clients
use everywhere, asked of the servers that will answer to them after a move. The rule: a certificate is what a full
handshake showed, and what was not shown is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from blocks.catalogue.model import HttpCheck, Platform, Service, TlsCheck
from blocks.ports.health import FindingCode, Probe, Reading
from tasks.core.loop import on_a_loop_of_its_own
from tasks.health.probers import ProberPool, load_routes
from tasks.health.probing import take_readings

_PATIENCE = timedelta(seconds=30)
_TIMEOUT = timedelta(seconds=5)
_FAULTS = frozenset({FindingCode.CERTIFICATE_WRONG_NAME, FindingCode.CERTIFICATE_UNTRUSTED})
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class Certificates:
    """(site, address) -> days left, None where nobody saw it; and what is wrong with one whatever its age."""

    days: Mapping[tuple[str, str], float | None] = field(default_factory=dict[tuple[str, str], float | None])
    faults: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])


@dataclass(frozen=True, slots=True)
class Shown:
    """One certificate to look at: `called` is how people know it, `name` what the client asks for."""

    called: str
    address: str
    name: str | None = None


async def look_at_certificates(platform: Platform, active: str) -> Certificates:
    """Those of every site but the active one."""
    wanted = {
        (site, each.called): each for site in platform.sites if site != active for each in shown_in(platform, site)
    }
    probes = [_probe(platform, site, number, each) for number, ((site, _), each) in enumerate(wanted.items())]

    async def take() -> list[Reading]:
        async with ProberPool(await load_routes()) as pool:
            return await take_readings(
                probes,
                pool.open_prober,
                at_once=platform.probes_at_once,
                per_host=platform.probes_per_host,
                within=_PATIENCE,
            )

    readings = dict(zip(wanted, await on_a_loop_of_its_own(take), strict=True)) if probes else {}
    return Certificates(
        days={key: _days(reading) for key, reading in readings.items()},
        faults={key: said for key, reading in readings.items() if (said := _fault(reading))},
    )


def shown_in(platform: Platform, site: str) -> Sequence[Shown]:
    """Each certificate of a site once; pure."""
    plan = platform.recovery
    moving = _moving(platform)
    found: list[Shown] = (
        [Shown(door, door) for data in plan.data.values() if (door := data.hosts.get(site))] if plan else []
    )
    for service in platform.services.values():
        if service.site == site:
            found += [each for each in _own(service) if each.address.rpartition(":")[0] not in moving]
    found += _names_that_move(platform, site, moving)
    return tuple({each.called: each for each in found}.values())


def _own(service: Service) -> Iterator[Shown]:
    for check in service.checks.values():
        if isinstance(check, TlsCheck):
            yield Shown(check.address, check.address, check.server_name)
        elif isinstance(check, HttpCheck) and (address := _https(check.url)):
            yield Shown(address, address)


def _moving(platform: Platform) -> Mapping[str, str]:
    """Names of proofs, which lead to whichever site serves -> the service that answers to it today."""
    plan = platform.recovery
    hosts = {urlsplit(proof).hostname for proof in plan.proofs if proof.startswith("https://")} if plan else set[Any]()
    return {
        host: next((s.name for s in platform.services.values() if any(_host(c) == host for c in s.checks.values())), "")
        for host in hosts
        if host
    }


def _names_that_move(platform: Platform, site: str, moving: Mapping[str, str]) -> Iterator[Shown]:
    """What stands for the service in this site must show the certificate of the name that clients go on using."""
    plan = platform.recovery
    for host, service in moving.items():
        parts = plan.services.values() if plan else ()
        there = next(
            (part.sites[site] for part in parts if service in part.sites.values() and site in part.sites), None
        )
        for each in _own(platform.services[there]) if there and there != service else ():
            yield Shown(f"{host} at {each.address}", each.address, host)


def _https(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _HTTPS}" if parts.scheme == "https" else ""


def _host(check: object) -> str | None:
    if isinstance(check, HttpCheck):
        return urlsplit(check.url).hostname
    return check.address.rpartition(":")[0] if isinstance(check, TlsCheck) else None


def _probe(platform: Platform, site: str, number: int, shown: Shown) -> Probe:
    check = TlsCheck(
        name=f"certificate-{number}", kind="tls", address=shown.address, server_name=shown.name, timeout=_TIMEOUT
    )
    return Probe(platform, Service(name="readiness", kind="web", site=site), check, 1)


def _days(reading: Reading) -> float | None:
    return next((each.value for each in reading.measurements if each.name == "certificate"), None)


def _fault(reading: Reading) -> str:
    return reading.finding.text if reading.finding and reading.finding.code in _FAULTS else ""
