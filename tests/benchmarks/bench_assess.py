"""How long does it take to assess 10,000 services? Prints one JSON line last.

A realistic platform: 10,000 services of 3 checks in five layers, a redundancy group for every
hundred leaves, 2 % of the deepest services down and what hangs on them down with them. A round is
everything a sweep decides after its probes: 30,000 readings judged, 30,000 statuses moved, 10,000
services explained, samples, burn rates, and the incidents.

    python -m tests.benchmarks.bench_assess [services] [rounds]
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from blocks.catalogue.model import Platform, Service, Slo, TcpCheck
from blocks.ports.health import CheckKey, CheckStatus, Finding, FindingCode, Measurement, Reading, SliSample, Unit
from tasks.health.decide import advance, assess_burn, assess_reading, assess_services, sli_samples
from tasks.incidents.decide import plan_incidents

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
LAYERS = 5
CHECKS = ("tls", "login", "port")
SLO_EVERY = 1000
PARTS = ("checks_s", "services_s", "burns_s", "incidents_s")


def build_platform(count: int, rng: random.Random) -> Platform:
    """Services in layers; each depends on up to three of the layer below."""
    width = count // LAYERS
    checks = {
        name: TcpCheck(kind="tcp", name=name, address="h:1", slo=True, latency={"critical": "> 2 s"}) for name in CHECKS
    }
    slo = {"availability": Slo(name="availability", objective="99.9 %")}
    names = [f"s{number}" for number in range(count)]
    services, groups = {}, {}
    for number, name in enumerate(names):
        below = names[max(0, (number // width - 1) * width) : (number // width) * width]
        depends = rng.sample(below, rng.randint(1, 3)) if below else []
        if not below and number % 100 == 0:
            groups[f"g{number}"] = tuple(names[number : number + 3])
        if below and number % 100 == 0 and groups:
            depends.append(f"group:{rng.choice(list(groups))}")
        services[name] = Service(
            name=name, kind="web", site="west", criticality=rng.choice(("critical", "important", "minor")),
            depends_on=tuple(depends), checks=checks, slos=slo if number % SLO_EVERY == 0 else {},
        )  # fmt: skip
    site = {"provider": "azure", "region": "westeurope", "role": "primary", "credentials": "reader"}
    return Platform(name="large", customer="large", sites={"west": site}, redundancy_groups=groups, services=services)


def build_readings(platform: Platform, rng: random.Random) -> list[Reading]:
    """2 % of the lowest layer refuse, and what depends on a refusing service refuses half of the time."""
    down: set[str] = set()
    readings = []
    finding = Finding(FindingCode.CONNECTION_REFUSED, "h:1 refused the connection")
    for service in platform.services.values():
        hangs = any(dependency in down for dependency in service.depends_on)
        if rng.random() < (0.5 if hangs else 0 if service.depends_on else 0.02):
            down.add(service.name)
        for check in CHECKS:
            is_down = service.name in down and check != "tls"
            latency = Measurement("latency", rng.uniform(5, 1900), Unit.MILLISECONDS)
            seen = {"finding": finding} if is_down else {"measurements": (latency,)}
            readings.append(Reading(service=service.name, check=check, started_at=AT, elapsed_ms=20, **seen))
    return readings


def assess(platform: Platform, readings: list[Reading], history: list[SliSample]) -> dict[str, float]:
    """One sweep's decisions; seconds by part."""
    before = CheckStatus(checked_at=AT - timedelta(minutes=5), since=AT - timedelta(days=1))
    marks = [time.perf_counter()]
    statuses = {}
    for reading in readings:
        check = platform.services[reading.service].checks[reading.check]
        state, sentence = assess_reading(check, reading)
        key = CheckKey(reading.service, reading.check)
        statuses[key] = advance(before, state, sentence, 1, reading.started_at, key=key).status
    marks.append(time.perf_counter())
    services = assess_services(platform, statuses, {})
    marks.append(time.perf_counter())
    burns = assess_burn(platform, [*history, *sli_samples(platform, statuses, AT)], AT)
    marks.append(time.perf_counter())
    changes = plan_incidents(platform, services, burns, open_incidents=[], recently_closed=[], at=AT)
    marks.append(time.perf_counter())
    parts = dict(zip(PARTS, (end - begin for begin, end in pairwise(marks)), strict=True))
    problems = sum(service.state.is_problem for service in services)
    return parts | {
        "total_s": marks[-1] - marks[0],
        "problems": problems,
        "incidents": len(changes),
        "burns": len(burns),
    }


def main() -> None:
    """Median of the rounds, one JSON line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rng = random.Random(20261123)
    platform = build_platform(count, rng)
    readings = build_readings(platform, rng)
    slos = [f"{service.name}/{slo}" for service in platform.services.values() for slo in service.slos]
    history = [
        SliSample(slo=slo, bucket=AT - timedelta(minutes=5 * age), good_count=int(age > 4), bad_count=int(age <= 4))
        for slo in slos
        for age in range(1, 8640)
    ]
    found = [assess(platform, readings, history) for _ in range(rounds)]
    medians = {name: round(statistics.median(one[name] for one in found), 3) for name in found[0]}
    facts = {"bench": "assess", "services": count, "readings": len(readings), "samples": len(history)}
    sys.stdout.write(json.dumps(facts | medians) + "\n")


if __name__ == "__main__":
    main()
