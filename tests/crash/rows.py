"""What is killed, and where: the rows of the table, in reading order.

A row brings a real restart to its place and says whom to kill there. The place is proved afterwards by what the
journal holds and the provider saw when the process died; a row that missed its place is tried again, never kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psutil

from blocks.ports.runs import ActionKind
from tests.crash.parts import DATABASE, GATEWAY, MACHINE, SERVER, WORKER, Parts, go_on, halt, kill
from tests.scenario.runs.conftest import Desk
from tests.scenario.runs.slack_people import Slack
from tests.scenario.runs.test_restart import BOTH, start

FIRST, SECOND = BOTH
_SERVICE = "hearth/device-api"
_PROCESS = "flow process"
_SLICE_S = 0.001
_MID = "mid-step: accepted by the provider, the goal is awaited"


@dataclass
class Scene:
    """One run on its way to the place where somebody dies."""

    desk: Desk
    parts: Parts
    run: UUID
    process: psutil.Process | None = None  # that executes the run
    marked: Sequence[psutil.Process] = ()  # who is to die, where no time is left to look for them

    def seize(self) -> None:
        """Know the process before the moment comes."""
        self.process = self.desk.until(lambda: self.desk.process_of(self.run), "somebody executes the run", 60, 0.01)

    def approved(self) -> None:
        """Both have said yes, and the run's process goes on."""
        self.desk.approve(self.run, *BOTH)
        self.seize()

    def when(self, kind: ActionKind) -> None:
        self.desk.when(self.run, kind, patience_s=240)

    def when_in_slices(self, kind: ActionKind, processes: Sequence[psutil.Process]) -> None:
        """As `when`, and these stand still whenever the journal is looked at: they do nothing more once it is there."""

        def is_there() -> bool:
            go_on(processes)
            time.sleep(_SLICE_S)
            halt(processes)
            return kind in self.desk.kinds(self.run)

        self.desk.until(is_there, f"{kind} is recorded", 30, 0)

    def task(self, words: str) -> None:
        """Wait until this step is at work, as the Prefect UI shows it."""

        def at_work() -> bool:
            shown = self.desk.task_runs(self.run)
            return any(words in each["name"] and each["state_type"] == "RUNNING" for each in shown)

        self.desk.until(at_work, f"{words} is at work", 120, 0.05)


Reach = Callable[[Scene], None]
Victims = Callable[[Scene], Sequence[psutil.Process]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `last` must be the journal's newest line of the run when its victims have died."""

    key: str
    what: str
    where: str
    reach: Reach
    victims: Victims
    last: ActionKind | None  # None: the run's process lives on and writes on
    started_again: tuple[str, ...] = ()
    asleep: bool = False  # it is back when it sleeps with its question; else when it is done
    effects_at_death: int | None = None  # what the provider had seen a few seconds after the death
    suspended: bool = False  # Prefect must still hold it suspended when the victim has died

    @property
    def is_process(self) -> bool:
        """The run's own process dies, and nothing that it stands on."""
        return self.what == _PROCESS


def _planning(scene: Scene) -> None:
    scene.seize()
    scene.task("plan the restart")


def _asked(scene: Scene) -> None:
    scene.seize()
    scene.when(ActionKind.APPROVAL_ASKED)


def _approved_then(kind: ActionKind) -> Reach:
    def reach(scene: Scene) -> None:
        scene.approved()
        scene.when(kind)

    return reach


def _under_way(scene: Scene) -> None:
    """Azure takes three seconds over each call: the restart is asked for and not answered yet."""
    scene.approved()
    scene.when(ActionKind.LEASE_TAKEN)
    scene.task("look at device-api before")
    scene.desk.azure("slow")
    scene.when(ActionKind.STEP_INTENDED)
    time.sleep(1.5)


def _until_well(scene: Scene) -> None:
    """Restarted, and not well for another reason."""
    scene.approved()
    scene.when(ActionKind.STEP_INTENDED)
    scene.desk.sandbox.break_(_SERVICE, "expired-cert")
    scene.when(ActionKind.STEP_DONE)
    scene.task("until it is well")
    time.sleep(2)


def _mid_step(scene: Scene) -> None:
    """Azure has accepted, the app takes twenty seconds to come back, the step waits for it."""
    scene.desk.asleep(scene.run)
    scene.desk.azure("slow-effect")
    scene.approved()
    scene.when(ActionKind.STEP_EVIDENCE)
    time.sleep(1)


def _acting(victims: Callable[[Parts], Sequence[psutil.Process]]) -> Reach:
    """The intent is recorded: the step acts now, and has its evidence to record in a moment."""

    def reach(scene: Scene) -> None:
        scene.approved()
        scene.when(ActionKind.LEASE_TAKEN)
        scene.marked = victims(scene.parts)
        scene.when(ActionKind.STEP_INTENDED)

    return reach


def _decided(scene: Scene) -> None:
    """The last needed yes comes through Slack; the gateway has recorded it and has not woken the run yet.

    It wakes the run a few milliseconds later, so from the click on it runs for one at a time.
    """
    slack = Slack(scene.desk, {})
    slack.act("mend")
    slack.link("manager", FIRST)
    scene.desk.approve(scene.run, SECOND)
    scene.desk.asleep(scene.run)
    card = slack.shows(scene.run, "approval:1", "approval.approve")
    slack.press("manager", card, "approval.approve")
    slack.modal("manager")
    time.sleep(31)  # the code of the link is spent
    scene.marked = scene.parts.gateway()
    threading.Thread(target=_submit, args=(slack, FIRST), daemon=True).start()
    scene.when_in_slices(ActionKind.APPROVAL_GRANTED, scene.marked)


def _submit(slack: Slack, name: str) -> None:
    with suppress(Exception):  # the gateway dies over it
        slack.submit("manager", code=slack.code(name))


def _process(scene: Scene) -> list[psutil.Process]:
    assert scene.process is not None
    return [scene.process]


def _flow(key: str, where: str, reach: Reach, last: ActionKind, **more) -> Row:
    return Row(key, _PROCESS, where, reach, _process, last, **more)


def _acting_on(key: str, what: str, victims: Callable[[Parts], list[psutil.Process]], *again: str) -> Row:
    where = "intent recorded, the step acts at this moment"
    return Row(key, what, where, _acting(victims), lambda s: s.marked, None, again)


def _part(key: str, what: str, victims: Callable[[Parts], list[psutil.Process]], *again: str) -> Row:
    return Row(key, what, _MID, _mid_step, lambda s: victims(s.parts), ActionKind.STEP_EVIDENCE, again)


ROWS: tuple[Row, ...] = (
    _flow("planning", "while it plans, nobody asked yet", _planning, ActionKind.RUN_OPENED, asleep=True),
    _flow("asked", "question recorded, not asleep yet", _asked, ActionKind.APPROVAL_ASKED, asleep=True),
    _flow("lease", "lease taken, no intent yet", _approved_then(ActionKind.LEASE_TAKEN), ActionKind.LEASE_TAKEN),
    _flow(
        "intent",
        "intent recorded, not acted yet",
        _approved_then(ActionKind.STEP_INTENDED),
        ActionKind.STEP_INTENDED,
        effects_at_death=0,
    ),
    _flow(
        "under-way",
        "effect under way, the provider's answer not there yet",
        _under_way,
        ActionKind.STEP_INTENDED,
        effects_at_death=1,
    ),
    _flow(
        "evidence",
        "evidence recorded, the goal is awaited",
        _approved_then(ActionKind.STEP_EVIDENCE),
        ActionKind.STEP_EVIDENCE,
    ),
    _flow("outcome", "outcome recorded", _approved_then(ActionKind.STEP_DONE), ActionKind.STEP_DONE),
    _flow("until-well", "while it waits until the service is well", _until_well, ActionKind.STEP_DONE),
    Row("nothing", "nothing (for comparison)", _MID, _mid_step, lambda _: (), ActionKind.STEP_EVIDENCE),
    _part("worker", "worker (its runs live on)", Parts.worker, WORKER),
    _part("worker-unit", "worker, fork server and run (as systemd ends them)", Parts.unit_of_worker, WORKER),
    _part("fork-server", "fork server", Parts.fork_server),
    Row(
        "gateway",
        "gateway",
        "the last yes recorded, the run not woken yet",
        _decided,
        lambda s: s.parts.gateway(),
        ActionKind.APPROVAL_GRANTED,
        (GATEWAY,),
        suspended=True,
    ),
    _part("gateway-mid-step", "gateway", Parts.gateway, GATEWAY),
    _part("server", "Prefect server", Parts.server, SERVER),
    _part("database", "PostgreSQL (journal and Prefect's database)", Parts.database, DATABASE),
    _acting_on("server-acting", "Prefect server", Parts.server, SERVER),
    _acting_on("database-acting", "PostgreSQL (journal and Prefect's database)", Parts.database, DATABASE),
    _acting_on("machine-acting", "everything of vigie at once (the clouds stay)", Parts.machine, *MACHINE),
    _part("machine", "everything of vigie at once (the clouds stay)", Parts.machine, *MACHINE),
)


def begin(desk: Desk, parts: Parts, row: Row) -> Scene:
    """A restart of hearth's device-api, as a person starts it."""
    if row.key == "planning":
        desk.azure("slow")
    return Scene(desk, parts, start(desk))


def strike(scene: Scene, row: Row) -> float:
    """Bring it there, kill; the moment (monotonic seconds)."""
    row.reach(scene)
    victims = scene.marked or row.victims(scene)
    assert victims or row.key == "nothing", "there is nobody to kill"
    struck = time.monotonic()
    kill(victims)
    return struck
