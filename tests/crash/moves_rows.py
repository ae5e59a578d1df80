"""What is killed in the middle of a move or a drill, and where: once a phase a runbook, and what they stand on.

A place is a line of the journal about a step, or a step at work as the Prefect UI shows it. The rows stand in the order
in which they are measured: a way home follows each way away, so that little is moved for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil

from blocks.ports.runs import ActionKind
from tests.crash.parts import DATABASE, MACHINE, SERVER, WORKER, Parts, patiently
from tests.scenario.runs.conftest import Desk

INTENDED, EVIDENCE, DONE = ActionKind.STEP_INTENDED, ActionKind.STEP_EVIDENCE, ActionKind.STEP_DONE
HOME, AWAY = "azure-west", "dc-west"
_PROCESS = "flow process"
_SAID = {INTENDED: "intent recorded", EVIDENCE: "evidence recorded", DONE: "outcome recorded"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where: a step whose item begins so and what the journal holds of it, or the words of a task that is at work."""

    phase: str
    item: str = ""
    kind: ActionKind | None = None
    task: str = ""

    @property
    def text(self) -> str:
        said = f"`{self.item}`, {_SAID[self.kind]}" if self.kind else f"while it is to *{self.task.strip()}*"
        return f"{self.phase}: {said}" if self.phase else said

    def reached(self, desk: Desk, run: UUID) -> bool:
        """Is the run there, or beyond?"""
        if self.kind is None:
            shown = desk.task_runs(run)
            return any(self.task in each["name"] and each["state_type"] == "RUNNING" for each in shown)
        actions = desk.journal.actions(run)
        begun = [
            each.data.get("key")
            for each in actions
            if each.kind is INTENDED and str(each.data.get("item", "")).startswith(self.item)
        ]
        return any(each.kind is self.kind and each.data.get("key") in begun for each in actions)


@dataclass(frozen=True, slots=True)
class MoveRow:
    """One line of the table."""

    action: str
    place: Place
    what: str = _PROCESS
    victims: Callable[[Parts], Sequence[psutil.Process]] | None = None  # None: the run's own process
    started_again: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        who = self.what.partition(" (")[0].replace(" ", "-").replace(",", "")
        at = self.place.item or self.place.task.replace(" ", "-")
        return f"{self.action}/{who}/{at}" + (f"/{self.place.kind.name.lower()}" if self.place.kind else "")

    @property
    def moves(self) -> bool:
        return self.action in {"switchover", "failover", "failback"}

    @property
    def begins_in(self) -> str | None:
        """The site where the platform must be active before; None where that is all the same."""
        return {"failback": AWAY, "switchover": HOME, "failover": HOME, "recovery-drill": HOME}.get(self.action)


def _rows(action: str, *places: Place) -> list[MoveRow]:
    return [MoveRow(action, place) for place in places]


_PROMOTING = Place("promote", "promote-database", INTENDED)
_JUDGING = Place("verify-data", task="verify household")
_OPENING = Place("start", "open-database", INTENDED)
_PROVING = Place("verify-clients", task="prove ")
_AWAY_IN_PEACE = _rows(
    "switchover",
    _PROMOTING,
    Place("fence", "drain-database", INTENDED),
    _JUDGING,
    Place("prepare", "resize-service", INTENDED),
    _OPENING,
    Place("shift", "shift-traffic:api", INTENDED),
    _PROVING,
    Place("settle", "follow-database", INTENDED),
)
_FORCED = _rows(
    "failover",
    _PROMOTING,
    Place("fence", "close-traffic", INTENDED),
    _JUDGING,
    _OPENING,
    Place("shift", "shift-traffic:api", INTENDED),
    _PROVING,
)
_HOMEWARD = _rows(
    "failback",
    _PROMOTING,
    Place("fence", "drain-database", INTENDED),
    Place("prepare", "start-service", INTENDED),
    _JUDGING,
    _OPENING,
    Place("shift", "shift-traffic:api:azure-west@25", DONE),
    _PROVING,
    Place("settle", "follow-database:household:dc-west", INTENDED),
)
_AFTER_A_FAILOVER = _rows(
    "failback",
    Place("prepare", "save-beyond", INTENDED),
    Place("prepare", "follow-database:household:azure-west", INTENDED),
)
_DRILL = _rows(
    "recovery-drill",
    Place("prepare", "copy-database", INTENDED),
    Place("promote", "promote-copy", INTENDED),
    Place("verify-data", task="verify the copy"),
    Place("start", "open-copy", INTENDED),
    Place("settle", "halt-copy", INTENDED),
)
_STOOD_ON = [
    MoveRow("failover", _PROMOTING, "worker, fork server and run", Parts.unit_of_worker, (WORKER,)),
    MoveRow("failover", _PROMOTING, "Prefect server", Parts.server, (SERVER,)),
    MoveRow("failover", _PROMOTING, "PostgreSQL (journal and Prefect's database)", Parts.database, (DATABASE,)),
    MoveRow("failover", _PROMOTING, "everything of vigie at once", Parts.machine, MACHINE),
]
_LOOKS = [
    MoveRow("readiness", Place("", task="look")),
    MoveRow("settle", Place("", task="moves")),
    MoveRow("leaks", Place("", task="left")),
]


def _in_turn() -> list[MoveRow]:
    """A way home after each way away; after a forced one first those that need home rewound."""
    peace, homeward, after = list(_AWAY_IN_PEACE), list(_HOMEWARD), list(_AFTER_A_FAILOVER)
    found = list[MoveRow]()
    for row in [*_FORCED, *_STOOD_ON]:
        found += [row, *(after[:1])]
        after = after[1:]
        if peace and homeward:
            found += [peace.pop(0), homeward.pop(0)]
    while peace or homeward:
        found += [*peace[:1], *homeward[:1]]
        peace, homeward = peace[1:], homeward[1:]
    return [*found, *_DRILL, *_LOOKS]


ROWS: tuple[MoveRow, ...] = tuple(_in_turn())
ORDER = ("switchover", "failover", "failback", "recovery-drill", "readiness", "settle", "leaks")
"""Of the page."""


def process_of(desk: Desk, run: UUID) -> psutil.Process | None:
    """Who executes it: of a runbook by its lock, of any other run by its worker's own note."""
    if (found := desk.process_of(run)) is not None:
        return found
    notes = Path(desk.sandbox.environment["PREFECT_HOME"]) / "vigie-workers"
    for note in notes.glob(f"*/{run}.json"):
        pid = patiently(lambda note=note: json.loads(note.read_text(encoding="utf-8")).get("pid"))
        if pid:
            return psutil.Process(int(pid))
    return None
