"""`vigie demo`: does the whole thing work here, before my eyes?

Starts the sandbox, sweeps every platform, breaks a service of each for real, shows the incidents that were
opened, mends (by vigie's own restart, with approval, what a restart mends), shows them closed. It ends with the
disaster (demo_recovery.py) and says where to look in the Prefect UI. With ALL=1 it tells one story for every way of
breaking. It owns the sandbox it started: however it ends, kill -9 included, nothing is left running.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import typer

from blocks.errors import Broken, VigieError
from blocks.ports.incidents import Incident
from deployments.commands.as_the_ui import call, start

if TYPE_CHECKING:
    from rich.console import Console

_SWEEP = "health-sweep/sweep"
_CHANNEL = "hearth-ops"
_SWEEP_PATIENCE_S = 240.0
_FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class Story:
    """One fault told from beginning to end: `root` is the service the incident must name.

    `restarts`: vigie's own restart mends it; what died otherwise is mended where it was broken.
    """

    platform: str
    service: str
    how: str
    root: str
    restarts: bool = False


SHORT = (
    Story("hearth", "device-api", "kill", "device-api", restarts=True),
    Story("storefront", "web-fleet", "kill", "web-fleet"),
)
EVERY = (
    *SHORT,
    Story("hearth", "household-data", "replication-stop", "household-data"),
    Story("storefront", "orders-queue", "metric-spike", "orders-queue"),
    Story("hearth", "device-api", "slow", "device-api"),
    Story("storefront", "web-balancer", "expired-cert", "web-balancer"),
    Story("hearth", "household-data", "refuse", "household-data"),
    Story("storefront", "web-balancer", "wrong-body", "web-balancer"),
    Story("hearth", "device-updates", "partition", "device-updates"),
    Story("storefront", "orders-db", "throttle", "orders-db"),
)


def demo() -> None:
    """Sweep, break, find, mend and close on a real running sandbox; STAY=0 ends by itself, ALL=1 tells every story."""
    from rich.console import Console

    console = Console()
    stories = EVERY if os.environ.get("ALL", "0") == "1" else SHORT
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _Sandbox(console) as sandbox:
            _tell_stories(console, sandbox, stories)
            _tell_the_disaster(console, sandbox)
            stays = os.environ.get("STAY", "1") != "0"
            _say_where_to_look(console, stays=stays)
            if stays:
                _stay(console)
    except KeyboardInterrupt:
        console.print("Stopped.")
    except VigieError as error:
        console.print(f"[bold red]The demonstration failed:[/] {error}")
        raise typer.Exit(1) from error


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


class _Sandbox:
    """The sandbox of this demonstration: started with it, gone with it."""

    def __init__(self, console: Console) -> None:
        from deployments.sandbox.lifecycle import look
        from deployments.sandbox.state import State

        self._console = console
        self.state = State.at()
        self._mine = look().phase != "ready"
        self.prefect = ""

    def __enter__(self) -> Self:
        from deployments.commands.sandbox import progress_on
        from deployments.environment import adopt_sandbox
        from deployments.sandbox.breaking import mend_service
        from deployments.sandbox.lifecycle import bring_up

        began = time.monotonic()
        with progress_on(self._console) as show:
            bring_up(tied=True, progress=show)
        how = (
            f"All of it is ready, {time.monotonic() - began:.0f} s" if self._mine else "A sandbox was running; using it"
        )
        self._console.rule(how)
        for name in ("PREFECT_API_URL", "VIGIE_JOURNAL_DSN"):
            os.environ.pop(name, None)
        adopt_sandbox()
        mend_service(self.state)
        self.prefect = os.environ["PREFECT_UI_URL"]
        return self

    def __exit__(self, *_: object) -> None:
        from deployments.sandbox.lifecycle import take_down

        if self._mine:
            self._console.print("Taking the sandbox down.")
            take_down()


# -- the stories ------------------------------------------------------------------------------


def _tell_stories(console: Console, sandbox: _Sandbox, stories: Sequence[Story]) -> None:
    from deployments.commands.demo_restart import introduce

    platforms = sorted({story.platform for story in stories})
    introduce(console, sandbox.state, _CHANNEL)
    _settle(console, sandbox, platforms)
    for chapter in chapters(stories):
        _tell_chapter(console, sandbox, chapter)


def _tell_the_disaster(console: Console, sandbox: _Sandbox) -> None:
    """A whole site dies, its platform lives on elsewhere and comes home; what was open then is closed by evidence."""
    from deployments.commands.demo_recovery import PLATFORM, tell_recovery
    from deployments.sandbox.quiet import forget_flapping

    forget_flapping(sandbox.state, [PLATFORM])
    tell_recovery(
        console,
        sandbox.state,
        sandbox.prefect,
        sweep=lambda why: _sweep(console, sandbox, [PLATFORM], why),
        suffered=lambda: _open([PLATFORM]),
    )
    forget_flapping(sandbox.state, [PLATFORM])
    _close(console, sandbox, [PLATFORM])
    console.print("[green]Closed by evidence:[/] the site is home, and nothing of it is open.\n")


def _settle(console: Console, sandbox: _Sandbox, platforms: Sequence[str]) -> None:
    """What a former demonstration left open is closed by a sweep, once its flapping is forgotten."""
    from deployments.sandbox.quiet import forget_flapping

    for _ in range(3):
        forget_flapping(sandbox.state, platforms)
        _sweep(console, sandbox, platforms, "How is everything? A first sweep of each platform")
        if not _open(platforms):
            return
    left = "; ".join(f"{i.platform}/{i.root}: {i.sentence}" for i in _open(platforms))
    raise Broken(f"something is open before anything is broken: {left}", next_step="run `make clean` and try again")


def chapters(stories: Sequence[Story]) -> list[tuple[Story, ...]]:
    """Stories of different platforms are told together: their sweeps run side by side."""
    by_platform: dict[str, list[Story]] = {}
    for story in stories:
        by_platform.setdefault(story.platform, []).append(story)
    length = max(len(told) for told in by_platform.values())
    return [tuple(told[n] for told in by_platform.values() if n < len(told)) for n in range(length)]


def _tell_chapter(console: Console, sandbox: _Sandbox, chapter: Sequence[Story]) -> None:
    from deployments.sandbox.breaking import break_service
    from deployments.sandbox.quiet import forget_flapping

    platforms = [story.platform for story in chapter]
    forget_flapping(sandbox.state, platforms)  # a night with ten faults would rightly be believed less and less
    for story in chapter:
        console.print(break_service(sandbox.state, story.service, story.how), style="bold red", markup=False)
    _sweep(console, sandbox, platforms, "Sweeping again: does it find and explain what is broken?")
    found = [_found(story) for story in chapter]
    _show(console, found)
    _mend(console, sandbox, chapter)
    _close(console, sandbox, platforms)
    console.print(f"[green]Closed by evidence:[/] {', '.join(f'{i.platform}/{i.root}' for i in found)}\n")


def _mend(console: Console, sandbox: _Sandbox, chapter: Sequence[Story]) -> None:
    """What a restart mends is restarted by vigie, with approval; the rest is mended where it was broken."""
    from deployments.commands.demo_restart import restart_with_approval
    from deployments.sandbox.breaking import mend_service

    restarted = [(story.platform, story.service) for story in chapter if story.restarts]
    if restarted:
        restart_with_approval(console, sandbox.state, sandbox.prefect, restarted, "it does not answer")
    for story in chapter:
        for sentence in mend_service(sandbox.state, story.service):
            console.print(sentence, style="green", markup=False)


def _close(console: Console, sandbox: _Sandbox, platforms: Sequence[str]) -> None:
    """A mended service may need a moment (a standby catches up): sweep until closed, at most thrice."""
    for _ in range(3):
        _sweep(console, sandbox, platforms, "Sweeping once more: is it over?")
        if not _open(platforms):
            return
    left = ", ".join(f"{i.platform}/{i.root}: {i.sentence}" for i in _open(platforms))
    raise Broken(f"what was mended did not close: {left}", next_step="read `vigie now`")


def _found(story: Story) -> Incident:
    matching = [incident for incident in _open([story.platform]) if incident.root == story.root]
    if not matching:
        raise Broken(
            f"{story.service} was broken ({story.how}) and no incident names {story.root}",
            where=story.platform,
            next_step="read `vigie now` and the last run in the Prefect UI",
        )
    return matching[0]


def _open(platforms: Sequence[str]) -> list[Incident]:
    """What services suffer from; that a recovery plan was never tried is no part of a story."""
    from blocks.journal.block import open_journal

    with open_journal() as journal:
        found = [incident for name in platforms for incident in journal.open_incidents(name)]
    return [incident for incident in found if not incident.is_readiness]


# -- sweeps, started as a person would start them in the Prefect UI ----------------------------


def _sweep(console: Console, sandbox: _Sandbox, platforms: Sequence[str], why: str) -> None:
    """Start a sweep of each platform through its deployment and wait for all; a late one is started again."""
    with console.status(why):
        waiting = {platform: start(_SWEEP, platform=platform) for platform in platforms}
        deadline = time.monotonic() + _SWEEP_PATIENCE_S
        while waiting:
            if time.monotonic() > deadline:
                raise Broken(
                    f"sweeps of {', '.join(waiting)} did not end", where=sandbox.prefect, next_step="look there"
                )
            time.sleep(0.5)
            for platform, run in list(waiting.items()):
                state = call(f"/flow_runs/{run}")["state"]
                if state["type"] == "CANCELLED":  # a scheduled sweep was at it: the rule is one at a time
                    time.sleep(2)
                    waiting[platform] = start(_SWEEP, platform=platform)
                elif state["type"] in _FINAL:
                    del waiting[platform]
                    _say_outcome(console, sandbox, platform, run, state)


def _say_outcome(console: Console, sandbox: _Sandbox, platform: str, run: str, state: dict[str, Any]) -> None:
    if state["type"] != "COMPLETED":
        raise Broken(
            f"the sweep of {platform} ended {state['name']}: {state['message']}",
            where=f"{sandbox.prefect}/runs/flow-run/{run}",
        )
    from blocks.journal.block import open_journal

    with open_journal() as journal:
        ours = next(sweep for sweep in journal.latest_sweeps(platform, 20) if str(sweep.id) == run)
    colour = {"ok": "green", "warning": "yellow"}.get(ours.verdict, "red")
    console.print(
        f"  {platform}: [{colour}]{ours.verdict}[/], {ours.check_count} checks, "
        f"{ours.problem_count} with problems, {ours.missing_count} without evidence"
    )


# -- what is shown ----------------------------------------------------------------------------


def _show(console: Console, incidents: Sequence[Incident]) -> None:
    from rich.table import Table

    table = Table(title="Incidents", title_justify="left")
    for column in ("how bad", "platform", "root cause", "what", "also suffering"):
        table.add_column(column, overflow="fold")
    for incident in incidents:
        table.add_row(
            incident.severity.value,
            incident.platform,
            incident.root,
            incident.sentence,
            ", ".join(incident.affected) or "-",
        )
    console.print(table)


def _say_where_to_look(console: Console, *, stays: bool) -> None:
    from deployments.sandbox.lifecycle import look

    console.rule("Where to look" if stays else "Where to look (with `make demo`, which stays up; this one ends now)")
    for name, address in look().addresses.items():
        console.print(f"{name:<14}{address}", highlight=False)
    console.print("In the Prefect UI: Runs, open the newest 'sweep hearth' and see its steps;")
    console.print("  Artifacts, sweep-hearth: the report with its picture;")
    console.print("  Deployments, sweep, Run, Custom run: choose a platform from the list;")
    console.print("  Deployments, restart, Run, Custom run: it plans, asks, and sleeps until people say yes:")
    console.print("  in Slack, in the run's Resume form, or with .venv/bin/vigie runs approve;")
    console.print("  Runs, the failover and the failback: their phases as a graph, and the report of each.")
    console.print("In another shell:")
    console.print("  .venv/bin/vigie now")
    console.print("  .venv/bin/vigie sandbox break hearth/device-api --how slow")
    console.print("  .venv/bin/vigie plan failover hearth --suppose-gone")


def _stay(console: Console) -> None:
    console.print("\nEverything stays up until Ctrl-C.")
    while True:
        time.sleep(3600)
