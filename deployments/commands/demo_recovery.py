"""How does the demonstration end? With the disaster: the primary site dies, and its clients live on elsewhere.

The site goes dark, the sweep sees it, a failover is asked for and approved, clients write again; the power returns,
and the platform comes home. What clients lived through is read from their own logs, which nobody of ours writes.

The rule: nothing is said to have worked because a run said so. Rows that were acknowledged are looked for one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from blocks.errors import Broken
from deployments.commands.as_the_ui import start
from deployments.commands.demo_restart import Asked, see_through

if TYPE_CHECKING:
    from rich.console import Console

    from blocks.ports.incidents import Incident
    from deployments.sandbox.client_log import Write
    from deployments.sandbox.state import State

PLATFORM = "hearth"
_FAILOVER, _FAILBACK = "failover/failover", "failback/failback"
_BEFORE = timedelta(seconds=30)
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sites of the platform, by role."""

    home: str
    other: str


def tell_recovery(
    console: Console,
    state: State,
    prefect: str,
    *,
    sweep: Callable[[str], None],
    suffered: Callable[[], Sequence[Incident]],
) -> None:
    """Lose the primary site and come home again. `sweep` sweeps the platform and shows the outcome; it is told why.

    `suffered` are the incidents that are open at that moment. Raises `Broken` where it does not end as promised.
    """
    from deployments.sandbox.breaking import break_service, mend_service

    sides = _sides()
    console.rule(f"The disaster: {sides.home} goes dark")
    _await_writes(state, sides.home, datetime.now(UTC))
    went_at = datetime.now(UTC)
    console.print(break_service(state, sides.home, "kill"), style="bold red", markup=False)
    sweep("Sweeping: does it see that a whole site is gone?")
    _say_way_out(console, sides, suffered())
    away = _move(console, state, prefect, _FAILOVER, f"{sides.home} does not answer")
    _say_failover(console, state, sides, went_at)
    for sentence in mend_service(state, sides.home):
        console.print(sentence, style="green", markup=False)
    sweep("Sweeping: the old site is back, and what is missing for the way home?")
    left_at = datetime.now(UTC)
    back = _move(console, state, prefect, _FAILBACK, f"{sides.home} is well again")
    _say_failback(console, state, sides, left_at)
    _say_reports(console, state, (away, back))


def _sides() -> Sides:
    from blocks.catalogue.loader import load_catalogue
    from blocks.catalogue.model import SiteRole
    from deployments.sandbox.state import CHECKOUT

    platform = load_catalogue(CHECKOUT / "deployments" / "catalogue").platforms[PLATFORM]
    by_role = {site.role: name for name, site in platform.sites.items()}
    return Sides(by_role[SiteRole.PRIMARY], by_role[SiteRole.RECOVERY])


def _move(console: Console, state: State, prefect: str, deployment: str, reason: str) -> UUID:
    """Start a move as a person would in the Prefect UI, and see it through its approval to its end."""
    kind = deployment.rpartition("/")[2]
    run = UUID(start(deployment, platform=PLATFORM, reason=reason))
    console.print(f"{kind.capitalize()} started: {prefect}/runs/flow-run/{run}", highlight=False)
    asked = [Asked(f"{kind} of {PLATFORM}", run)]
    see_through(console, state, prefect, asked, f"The {kind} plans, asks, and acts once people said yes")
    return run


def _say_way_out(console: Console, sides: Sides, incidents: Sequence[Incident]) -> None:
    """What rings, and what it says to do."""
    offered = [each for each in incidents if f"vigie plan failover {PLATFORM}" in each.sentence]
    if not offered:
        raise Broken(
            f"{sides.home} is dark, and no incident says that there is a way out",
            where=PLATFORM,
            next_step="look at what the sweep opened: vigie now",
        )
    first = offered[0]
    console.print(f"The pager rings, {first.root}: {first.sentence}", markup=False, highlight=False)


# -- what clients say -----------------------------------------------------------------------------


def _say_failover(console: Console, state: State, sides: Sides, went_at: datetime) -> None:
    from deployments.sandbox.client_log import between, longest_pause

    first = _await_writes(state, sides.other, went_at)
    writes = _writes(state)
    pause = longest_pause(writes, went_at - _BEFORE, first.at)
    console.print(
        f"Clients write again: nobody could for {pause.length.total_seconds():.1f} s "
        f"({pause.begin:%H:%M:%S} to {pause.end:%H:%M:%S} UTC), and {sides.other} answers now."
    )
    told = between(writes, went_at - 10 * _BEFORE, first.at)
    console.print(_lost(state, sides.other, told), markup=False)


def _say_failback(console: Console, state: State, sides: Sides, left_at: datetime) -> None:
    from deployments.sandbox.client_log import between, longest_pause

    _await_writes(state, sides.home, left_at)
    now = datetime.now(UTC)
    told = between(_writes(state), left_at, now)
    pause = longest_pause(told, left_at, now).length.total_seconds()
    shares = {site: sum(write.site == site for write in told) for site in (sides.other, sides.home)}
    said = ", ".join(f"{count} by {site}" for site, count in shares.items())
    console.print(f"Home again. Rows acknowledged on the way: {said}; the longest pause was {pause:.1f} s.")
    console.print(_lost(state, sides.home, told), markup=False)


def _lost(state: State, site: str, told: Sequence[Write]) -> str:
    """Every acknowledged row is looked for in the database that serves now."""
    from deployments.sandbox.client_log import lost_ids
    from deployments.sandbox.household import DATABASES, present_ids, reader_dsn

    found = present_ids(reader_dsn(state, DATABASES[site]), [write.id for write in told])
    lost = lost_ids(told, found)
    return f"Of {len(told)} rows that clients were told are safe, {len(lost)} are not in {site}'s database."


def _await_writes(state: State, site: str, since: datetime) -> Write:
    """The first write that this site acknowledged after that moment. Raises `Broken` when there is none in time."""
    from deployments.sandbox.client_log import first_after

    deadline = time.monotonic() + _PATIENCE_S
    while (first := first_after(_writes(state), since, site=site)) is None:
        if time.monotonic() > deadline:
            raise Broken(
                f"no client wrote to {site} within {_PATIENCE_S:.0f} s",
                where=str(state.home / "clients"),
                next_step="read failed.jsonl there",
            )
        time.sleep(0.3)
    return first


def _writes(state: State) -> list[Write]:
    from deployments.sandbox.client_log import read_writes

    return read_writes(state.home / "clients")


# -- what vigie says ------------------------------------------------------------------------------


def _say_reports(console: Console, state: State, runs: Sequence[UUID]) -> None:
    """The report of each move, a page with its picture. Raises `Broken` when one was not kept."""
    console.print("The reports, each with its picture:")
    for run in runs:
        console.print(f"  {_page(state, run)}", highlight=False)


def _page(state: State, run: UUID) -> Path:
    found = next((state.home / "evidence" / PLATFORM).rglob(f"{run}.html"), None)
    if found is None:
        raise Broken(f"the report of run {run} was not kept", where=str(state.home / "evidence"))
    return found
