"""Is the data whole, and are clients served, before anybody says that a move worked?

The rules: rows are remembered before anything is changed; the suites run on the promoted database itself; a proof is
the platform's own check, made in the site that serves now, and made again until it is well or patience ends.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from prefect.logging import get_run_logger

from blocks.catalogue.model import HttpCheck, Platform, Service
from blocks.catalogue.recovery import ReplicatedData
from blocks.clock import SystemClock
from blocks.errors import Broken
from blocks.ports.health import Probe, State
from tasks.core.retries import NEVER, OUTSIDE
from tasks.core.step import fresh_step, read_step
from tasks.core.together import side_by_side
from tasks.health.decide import assess_reading
from tasks.health.measuring import measure
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.outcome import KnownRows

_WELL_WITHIN = timedelta(minutes=5)
_LOOK_EVERY_S = 0.5


@read_step(retry=NEVER, run_name="remember the rows of {platform}")
def remember_rows(platform: str) -> KnownRows:
    """How many rows each table has, on the server that is the primary where it answers, else on one that follows."""
    parts = parts_of(platform)
    rows, seen_on = dict[str, dict[str, int]](), dict[str, str]()
    for name, data in parts.recovery.data.items():
        looks = side_by_side([parts.member(name, site).look for site in data.members])
        best = max(looks, key=lambda look: (bool(look.row_counts), look.takes_writes))
        rows[name], seen_on[name] = dict(best.row_counts), best.address
    get_run_logger().info("rows before: %s", rows)
    return KnownRows(rows, seen_on)


@fresh_step(retry=OUTSIDE, run_name="verify {data} in {site}")
def judge(platform: str, data: str, site: str, known: KnownRows) -> str:
    """One suite, with its verdict on the run's page. Raises `Broken` when clients must not return to this data."""
    parts = parts_of(platform)
    address = parts.database_address(parts.service(parts.data(data).members[site]))
    return judge_at(parts, data, address, known)


def judge_at(parts: Parts, data: str, address: str, known: KnownRows) -> str:
    """The suite of `data` on the server at `address`, a copy's as well. Raises `Broken` with every fault."""
    from blocks.postgres.block import PostgresReader
    from blocks.postgres.tables import judge_tables
    from tasks.core.opening import load_block

    reader = load_block(PostgresReader, str(parts.platform.database_credentials))
    declared = aged(parts.data(data), known.as_of, SystemClock().now())
    verdict = judge_tables(reader, parts.routes, address, declared, known.rows.get(data, {}))
    _show_verdict(verdict.text, known.seen_on.get(data, ""))
    if verdict.faults:
        raise Broken(
            f"clients must not return to this data: {verdict.text}",
            where=parts.platform.name,
            next_step="look at the tables; restore to a point in time if the fault was replicated, or mend it and "
            "retry the run: it goes on from here",
        )
    return verdict.text


def aged(data: ReplicatedData, as_of: datetime | None, now: datetime) -> ReplicatedData:
    """What must be true of data that was brought back: what had to be recent at that moment is older now."""
    if as_of is None:
        return data
    older = max(timedelta(0), now - as_of) + _WELL_WITHIN
    tables = {
        name: table.model_copy(update={"recent_within": table.recent_within + older}) if table.recent_within else table
        for name, table in data.tables.items()
    }
    return data.model_copy(update={"tables": tables})


def _show_verdict(text: str, seen_on: str) -> None:
    from prefect.artifacts import create_markdown_artifact

    get_run_logger().info("%s", text)
    against = f"\n\nRows were last counted on {seen_on}." if seen_on else ""
    create_markdown_artifact(f"{text}{against}", description="Data before clients return", _sync=True)  # pyright: ignore[reportCallIssue]


@fresh_step(retry=NEVER, run_name="prove {proof} in {site}")
def see_proof(platform: str, proof: str, site: str) -> str:
    """Make one proof of the plan until it is well. Raises `Broken` when patience ends, with what is wrong."""
    parts = parts_of(platform)
    probe, give_up, told = probe_of(parts, proof, site), time.monotonic() + _WELL_WITHIN.total_seconds(), ""
    while True:
        (reading,) = measure(parts.platform, [probe])
        state, sentence = assess_reading(probe.check, reading)
        if sentence != told:
            get_run_logger().info("%s: %s", proof, sentence)
            told = sentence
        if state is State.OK:
            return f"{proof}: {sentence}"
        if time.monotonic() > give_up:
            raise Broken(
                f"{_WELL_WITHIN} after the switch clients are not served: {proof}: {sentence}",
                where=platform,
                next_step="look at what is named; a retry of this run only looks again",
            )
        time.sleep(_LOOK_EVERY_S)


def probe_of(parts: Parts, proof: str, site: str) -> Probe:
    """A proof as a check: `part/check` of what stands for the part in `site`, or an address the way clients go."""
    if "://" in proof:
        return _address(parts.platform, proof, site)
    name, _, check = proof.partition("/")
    service = parts.service(parts.standing_for(name, site))
    if check not in service.checks:
        raise Broken(
            f"{service.name} has no check {check!r}, so {proof} proves nothing in {site}",
            where=parts.platform.name,
            next_step="correct the plan's proofs, and run vigie apply",
        )
    return Probe(parts.platform, service, service.checks[check], 1)


def _address(platform: Platform, url: str, site: str) -> Probe:
    check = HttpCheck(name="answers", kind="http", url=url, timeout=timedelta(seconds=5))
    service = Service(name="clients", kind="web", site=site, checks={check.name: check})
    return Probe(platform, service, check, 1)
