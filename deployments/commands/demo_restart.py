"""How does the demonstration act? By vigie's own runbooks, with people's yes.

It starts a runbook as a person would and plays the approvers in the sandbox's Slack (demo_people.py); with ASK=1 it
leaves the answers to whoever watches. The rule: where only people with phones or accounts of their own may answer, it
waits for them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from blocks.errors import Broken
from blocks.ports.approvals import Approval, Standing
from deployments.commands.as_slack import SlackPage
from deployments.commands.as_the_ui import call, start
from deployments.commands.demo_people import Phones, Robot

if TYPE_CHECKING:
    from rich.console import Console

    from blocks.journal.adapter import PostgresJournal
    from deployments.sandbox.state import State

_PATIENCE_S = 600.0
_PEOPLE_S = 3600.0
_FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass
class Asked:
    """One run on its way: what it does, and whether its plan was shown."""

    what: str  # 'restart of device-api'
    run: UUID
    is_shown: bool = False
    waits_for_people: bool = False


def restart_with_approval(
    console: Console, state: State, prefect: str, wanted: Sequence[tuple[str, str]], reason: str
) -> None:
    """Restart each (platform, service) by the runbook and wait for all. Raises `Broken` when one does not end well."""
    asked = [Asked(f"restart of {service}", _start(platform, service, reason)) for platform, service in wanted]
    see_through(console, state, prefect, asked, "Asking to restart what is broken: two people must say yes")


def see_through(console: Console, state: State, prefect: str, asked: Sequence[Asked], doing: str) -> None:
    """Answer each run's questions until it has ended. Raises `Broken` when one does not end well."""
    from blocks.journal.opening import open_journal

    asks = os.environ.get("ASK", "0") == "1"
    deadline = time.monotonic() + (_PEOPLE_S if asks else _PATIENCE_S)
    with open_journal() as journal, console.status(doing):
        robot = play(console, journal, state)
        people = _People(console, journal, robot, prefect, leaves_answers=asks)
        while asked:
            asked = [each for each in asked if not people.look(each)]
            if time.monotonic() > deadline:
                raise Broken(f"the {', '.join(each.what for each in asked)} did not end", where=prefect)
            time.sleep(0.2)


def introduce(console: Console, state: State, channel: str) -> None:
    """The demonstration's people link their Slack accounts; with ASK=1 whoever watches does it for their own."""
    from blocks.journal.opening import open_journal

    if os.environ.get("ASK", "0") != "1":
        with open_journal() as journal, console.status("Approvers link their accounts in the sandbox's Slack"):
            play(console, journal, state).introduce(channel)


def play(console: Console, journal: PostgresJournal, state: State) -> Robot:
    """The people of this demonstration, telling on the console what they do."""
    from tasks.approvals.keys import load_key

    return Robot(journal, Phones(state, load_key()), SlackPage(state), lambda said: console.print(said, markup=False))


def _start(platform: str, service: str, reason: str) -> UUID:
    return UUID(start("service-restart/restart", platform=platform, service=service, reason=reason))


@dataclass(frozen=True, slots=True)
class _People:
    console: Console
    journal: PostgresJournal
    robot: Robot
    prefect: str
    leaves_answers: bool = False  # to the people who watch

    def look(self, asked: Asked) -> bool:
        """Answer when it asks; True once it has ended well."""
        state = call(f"/flow_runs/{asked.run}")["state"]
        if state["type"] in _FINAL:
            return self._has_ended(asked, state)
        if state["name"] == "Suspended":
            question = self.journal.approvals(asked.run)[-1]
            if question.standing is Standing.WAITING:
                self._show(asked, question)
                self._answer(asked, question)
        return False

    def _has_ended(self, asked: Asked, state: dict[str, Any]) -> bool:
        if state["type"] != "COMPLETED":
            raise Broken(
                f"the {asked.what} ended {state['name']}: {state['message']}",
                where=f"{self.prefect}/runs/flow-run/{asked.run}",
                next_step=f"vigie runs show {asked.run}",
            )
        for question in self.journal.approvals(asked.run):
            if question.standing is Standing.GRANTED:
                self.console.print(f"  {self.robot.see_decided(question)}", markup=False)
        self.console.print(self.journal.run(asked.run).reason, style="green", markup=False)
        return True

    def _show(self, asked: Asked, question: Approval) -> None:
        from tasks.approvals.decide import needed_count

        if asked.is_shown:
            return
        plan = question.plan
        steps, needed = "; ".join(step.text for step in plan.steps), needed_count(question)
        self.console.print(
            f"vigie asks: may I {steps} ({plan.platform}/{plan.subject})? {needed} people must say yes.",
            style="yellow",
            markup=False,
        )
        asked.is_shown = True

    def _answer(self, asked: Asked, question: Approval) -> None:
        from tasks.approvals.decide import entitled

        said = {each.approver for each in question.decisions}
        asked_of = [name for name in entitled(question) if name not in said]
        ours = [] if self.leaves_answers else self.robot.ours(asked_of)
        if ours:
            self.robot.answer(question, ours)
        elif not asked.waits_for_people:
            asked.waits_for_people = True
            page = f"{self.prefect}/runs/flow-run/{asked.run}"
            ways = f"in Slack on {self.robot.slack.page}, by Resume on {page}, or vigie runs approve {asked.run}"
            self.console.print(f"  You must answer as {' or '.join(asked_of)}: {ways}.", highlight=False)
            self.console.print("  vigie approver enrol NAME gives each a phone, /vigie link in Slack an account.")
