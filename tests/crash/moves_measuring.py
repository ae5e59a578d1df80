"""One row of the moves' table: brought to its place, killed there, and left alone until it is over.

Recovery is the product's own, as in measuring.py. A writer goes on all the while; what it was told is safe is looked for
in the database that serves at the end, and both databases are watched (moves_watching.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from blocks.errors import Refused
from blocks.ports.recovery import DatabaseRole
from blocks.ports.runs import ActionKind, RunState
from deployments.sandbox.breaking import break_service, mend_service
from deployments.sandbox.client_log import between, first_after, longest_pause, lost_ids, read_writes
from deployments.sandbox.household import DATABASES, present_ids, reader_dsn
from deployments.sandbox.lifecycle import look
from tests.crash.moves_rows import AWAY, HOME, MoveRow, process_of
from tests.crash.moves_watching import watching
from tests.crash.parts import MACHINE, RESTART_AFTER_S, Parts, kill, patiently
from tests.scenario.runs.conftest import Desk
from tests.scenario.runs.test_moves import PEOPLE, approve

OVER_WITHIN_S = 900.0
_STOPPED = {RunState.PARKED, RunState.FAILED, RunState.CANCELLED}
_LOOKS = {"readiness": "recovery-readiness/readiness", "settle": "settle-moves/settle", "leaks": "leak-sweep/leaks"}
_SERVERS = {HOME: "household-primary", AWAY: "household-standby"}
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MeasuredMove:
    """One line of the table. `seconds` is from the kill to the end; -1 for what was not measured of it."""

    key: str
    journal: str
    prefect: str
    untrue: str
    seconds: float
    pause_s: float
    lost: int
    bound: int
    both: int
    looks: int
    promotions: int
    asked: int
    resumed: int
    found: str
    run: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def make_ready(desk: Desk, parts: Parts, row: MoveRow, say: Say) -> None:
    """No run is open, every part is well, and the platform is where this row begins."""
    parts.start_again(MACHINE)
    mend_service(desk.sandbox.state)
    desk.until(lambda: patiently(lambda: _all_well(parts), otherwise=False), "every part is well", 240, 1)
    desk.until(lambda: all(_answers(site) for site in (HOME, AWAY)), "both databases are there", 120, 1)
    desk.azure_whole()
    for run in desk.journal.runs(states=[each for each in RunState if not each.is_over]):
        desk.until(lambda run=run: desk.has_left(run.id), "no process is left", 180, 1)
        with suppress(Refused):  # it came to its end meanwhile
            desk.journal.move_run(run.id, RunState.VOID, reason="of an earlier row")
    wanted = row.begins_in
    if wanted is None:
        return
    if _active(desk) != wanted:
        kind = "switchover" if wanted == AWAY else "failback"
        say(f"{kind} first, with nobody killed")
        run = _ask(desk, kind)
        state = desk.state(run, patience_s=OVER_WITHIN_S)
        assert state["name"] == "Completed", f"{state}\n{desk.logs(run)}"
    _served(desk, wanted)


def measure(desk: Desk, parts: Parts, row: MoveRow, say: Say) -> MeasuredMove:
    """Raises AssertionError when the row never comes to its place or never ends."""
    if row.action in _LOOKS:
        return _measure_a_look(desk, parts, row, say)
    began, timeline = datetime.now(UTC), _timeline(desk)
    if row.action == "failover":
        break_service(desk.sandbox.state, HOME, "kill")
    with watching(desk.sandbox.state) as watch:
        run = _ask(desk, row.action)
        struck = _strike(desk, parts, row, run)
        say(f"{row.key}: killed ({run})")
        _start_again(parts, row, struck)
        back = _await_over(desk, run)
    say(f"{row.key}: over after {back - struck:.0f} s")
    prefect, kinds = _told(desk, run), desk.kinds(run)
    site = _active(desk)
    lost, pause = _clients(desk, began, site) if row.moves else (0, 0.0)
    move = desk.journal.move(run)
    return MeasuredMove(
        key=row.key,
        journal=desk.run(run).state.value,
        prefect=prefect,
        untrue=untrue(desk, row, run, prefect),
        seconds=round(back - struck, 1),
        pause_s=round(pause, 1),
        lost=lost,
        bound=sum(loss.rows for loss in move.losses) if move else 0,
        both=watch.both,
        looks=watch.looks,
        promotions=_timeline(desk) - timeline if row.moves else 0,
        asked=kinds.count(ActionKind.APPROVAL_ASKED),
        resumed=kinds.count(ActionKind.RUN_RESUMED),
        found=_found(desk, row, run),
        run=str(run),
    )


def untrue(desk: Desk, row: MoveRow, run: UUID, prefect: str) -> str:
    """What is not as it must be after a whole run; empty when all is."""
    desk.until(lambda: desk.has_left(run), "its process leaves", 120)
    state = desk.run(run).state
    said = [] if state is RunState.DONE else [f"the journal says {state.value}: {desk.run(run).reason}"]
    said += [] if prefect == "Completed" else [f"Prefect says {prefect}"]
    said += [f"{step.item} has no outcome" for step in desk.steps(run) if not step.is_done]
    said += [] if desk.journal.lease("hearth") is None else ["the lease is still held"]
    wanted = {"switchover": AWAY, "failover": AWAY, "failback": HOME}.get(row.action)
    said += [] if wanted in {None, _active(desk)} else [f"active is {_active(desk)}"]
    said += ["its copy is leased still"] if desk.journal.leased_resources(run) else []
    with suppress(Exception):
        desk.journal.verify_actions("hearth")
        return "; ".join(said)
    return "; ".join([*said, "the chain of the journal is broken"])


# -- pieces ---------------------------------------------------------------------------------------


def _ask(desk: Desk, action: str) -> UUID:
    """Started and approved, as people do it."""
    if action == "recovery-drill":
        return _rehearse(desk)
    return approve(desk, action, *(PEOPLE if action == "failback" else PEOPLE[:2]))


def _rehearse(desk: Desk) -> UUID:
    from tests.scenario.runs.test_drill import DRILL
    from tests.scenario.runs.test_drill import approve as agree

    run = desk.start(DRILL, platform="hearth", reason="practice")
    agree(desk, run)
    return run


def _strike(desk: Desk, parts: Parts, row: MoveRow, run: UUID) -> float:
    """Bring it there, kill; the moment (monotonic seconds)."""
    victims = row.victims(parts) if row.victims else [desk.until(lambda: process_of(desk, run), "it runs", 120, 0.01)]
    desk.until(lambda: row.place.reached(desk, run), row.place.text, 300, 0.005)
    if row.victims:
        victims = row.victims(parts)  # what began since is killed as well
    struck = time.monotonic()
    kill(victims)
    return struck


def _start_again(parts: Parts, row: MoveRow, struck: float) -> None:
    if row.started_again:
        time.sleep(max(0.0, struck + RESTART_AFTER_S - time.monotonic()))
        parts.start_again(row.started_again)


def _await_over(desk: Desk, run: UUID) -> float:
    def over() -> bool:
        state = desk.run(run).state
        return state.is_over or state in _STOPPED

    desk.until(lambda: patiently(over, otherwise=False), "it is over", OVER_WITHIN_S, 0.2)
    return time.monotonic()


def _told(desk: Desk, run: UUID) -> str:
    give_up, name = time.monotonic() + 120, "unknown"
    while time.monotonic() < give_up and name != "Completed":
        name = patiently(lambda: desk.sandbox.call(f"/flow_runs/{run}")["state"]["name"], otherwise=name)
        time.sleep(0.5)
    return name


def _active(desk: Desk) -> str:
    return desk.journal.active_site("hearth") or HOME


def _all_well(parts: Parts) -> bool:
    """Everything works, but for a database that its host keeps from clients after a failover."""
    unwell = {each.name for each in look(parts.state.home).components if not each.healthy}
    kept = {_SERVERS[site] for site in (HOME, AWAY) if _SERVERS[site] in unwell and _member(site).look().fenced_by}
    return unwell == kept


def _answers(site: str) -> bool:
    """Its host says something of it, be it that it is fenced."""
    look = patiently(lambda: _member(site).look())
    return look is not None and look.role is not DatabaseRole.UNREACHABLE


def _member(site: str) -> Any:
    from tasks.recovery.opening import parts_of

    return parts_of("hearth").member("household", site)


def _served(desk: Desk, site: str) -> None:
    began = datetime.now(UTC)
    desk.until(lambda: first_after(_writes(desk), began, site=site), f"{site} serves", 120)


def _writes(desk: Desk) -> list[Any]:
    return read_writes(desk.sandbox.home / "clients")


def _clients(desk: Desk, began: datetime, site: str) -> tuple[int, float]:
    """Acknowledged rows that the serving database does not have, and the longest time without one."""
    _served(desk, site)
    writes, now = _writes(desk), datetime.now(UTC)
    told_safe = between(writes, began, now)
    found = present_ids(reader_dsn(desk.sandbox.state, DATABASES[site]), [write.id for write in told_safe])
    return len(lost_ids(told_safe, found)), longest_pause(writes, began, now).length.total_seconds()


def _timeline(desk: Desk) -> int:
    """Of the database that serves: it grows by one at each promotion."""
    return _member(_active(desk)).look().timeline


def _found(desk: Desk, row: MoveRow, run: UUID) -> str:
    """How the step of the place was entered, by the journal."""
    steps = [step for step in desk.steps(run) if row.place.item and step.item.startswith(row.place.item)]
    if not steps:
        return "a look: made again"
    evidence = steps[0].evidence.kind.value if steps[0].evidence else "none: its goal was read"
    entered = steps[0].entered_count
    return f"entered {entered} time{'s' if entered != 1 else ''} ({evidence})"


def _measure_a_look(desk: Desk, parts: Parts, row: MoveRow, say: Say) -> MeasuredMove:
    """What only looks is not resumed: the next one, as its schedule starts it, must end well."""
    given = {"platform": "hearth"} if row.action == "readiness" else {}
    run = desk.start(_LOOKS[row.action], **given)
    process = desk.until(lambda: process_of(desk, run), "somebody executes it", 120, 0.01)
    struck = time.monotonic()
    kill([process])
    say(f"{row.key}: killed ({run})")
    desk.state(run, patience_s=120)
    state = desk.state(desk.start(_LOOKS[row.action], **given), patience_s=240)
    said = "" if state["name"] == "Completed" else f"the next one ended {state['name']}: {state.get('message')}"
    return MeasuredMove(
        key=row.key,
        journal="-",
        prefect=state["name"],
        untrue=said,
        seconds=round(time.monotonic() - struck, 1),
        pause_s=0.0,
        lost=0,
        bound=0,
        both=0,
        looks=0,
        promotions=0,
        asked=0,
        resumed=0,
        found="the next one looked anew",
        run=str(run),
    )
