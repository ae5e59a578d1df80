"""How does the demonstration act? By vigie's own runbooks, with people's yes.

It starts a runbook as a person would and plays the approvers at the Prefect UI's form; with ASK=1 it leaves the
answers to whoever watches. The rule: nobody's phone is replaced. It enrols those who have none, keeps their phones in
the sandbox's folder, and waits for a real person where only enrolled ones may answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from blocks.errors import Broken
from blocks.ports.approvals import Approval, Standing
from deployments.commands.as_the_ui import call, start

if TYPE_CHECKING:
    from rich.console import Console

    from blocks.journal.adapter import PostgresJournal
    from deployments.sandbox.state import State

_PATIENCE_S = 600.0
_PEOPLE_S = 3600.0
_FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass
class Asked:
    """One run on its way: what it does, the sleep that was answered last, and whether the plan was shown."""

    what: str  # 'restart of device-api'
    run: UUID
    answered: str = ""
    is_shown: bool = False
    waits_for_people: bool = False


@dataclass
class Phones:
    """The phones of the people whom the demonstration plays: name -> secret, and each one's last used code."""

    state: State
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    used: dict[str, str] = field(default_factory=dict[str, str])

    def fresh_code(self, journal: PostgresJournal, name: str) -> str:
        """This person's code now; empty until there is one that was not used yet."""
        from pyotp.totp import TOTP

        code = TOTP(self.secrets[name]).at(journal.now())
        if self.used.get(name) == code:
            return ""
        self.used[name] = code
        return code

    def has(self, journal: PostgresJournal, name: str) -> bool:
        """Does the demonstration hold this person's phone? Who has none gets one; who has one of their own keeps it."""
        from deployments.sandbox.state import read_json, write_json
        from tasks.approvals.codes import new_secret
        from tasks.approvals.keys import load_key

        path = self.state.home / "phones.json"
        self.secrets = self.secrets or read_json(path)
        key, sealed = load_key(), journal.sealed_secret(name)
        if sealed is not None:
            return key.unseal(sealed) == self.secrets.get(name)
        self.secrets[name] = new_secret()
        write_json(path, self.secrets)
        journal.enrol(name, key.seal(self.secrets[name]))
        return True


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
        people = _People(console, journal, Phones(state), prefect, leaves_answers=asks)
        while asked:
            asked = [each for each in asked if not people.look(each)]
            if time.monotonic() > deadline:
                raise Broken(f"the {', '.join(each.what for each in asked)} did not end", where=prefect)
            time.sleep(0.2)


def _start(platform: str, service: str, reason: str) -> UUID:
    return UUID(start("service-restart/restart", platform=platform, service=service, reason=reason))


@dataclass(frozen=True, slots=True)
class _People:
    console: Console
    journal: PostgresJournal
    phones: Phones
    prefect: str
    leaves_answers: bool = False  # to the people who watch

    def look(self, asked: Asked) -> bool:
        """Answer when it asks; True once it has ended well."""
        state = call(f"/flow_runs/{asked.run}")["state"]
        if state["type"] in _FINAL:
            return self._has_ended(asked, state)
        if state["name"] == "Suspended" and state["id"] != asked.answered:
            question = self.journal.approvals(asked.run)[-1]
            if question.standing is Standing.WAITING:
                self._show(asked, question)
                self._answer(asked, question, str(state["id"]))
        return False

    def _has_ended(self, asked: Asked, state: dict[str, Any]) -> bool:
        if state["type"] != "COMPLETED":
            raise Broken(
                f"the {asked.what} ended {state['name']}: {state['message']}",
                where=f"{self.prefect}/runs/flow-run/{asked.run}",
                next_step=f"vigie runs show {asked.run}",
            )
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

    def _answer(self, asked: Asked, question: Approval, sleep: str) -> None:
        from tasks.approvals.decide import entitled

        said = {each.approver for each in question.decisions}
        able = [] if self.leaves_answers else [name for name in entitled(question) if name not in said]
        ours = [name for name in able if self.phones.has(self.journal, name)]
        if not ours and not asked.waits_for_people:
            asked.waits_for_people = True
            page = f"{self.prefect}/runs/flow-run/{asked.run}"
            ways = f"in Slack, by Resume on {page}, or vigie runs approve {asked.run}"
            self.console.print(f"  Your own approvers must answer: {ways}")
        found = ((name, self.phones.fresh_code(self.journal, name)) for name in ours)
        name, code = next(((name, code) for name, code in found if code), ("", ""))
        given = {"approver": name, "code": code, "answer": "approve", "reason": "demonstration"}
        given["confirmation"] = question.policy.typed
        if code and call(f"/flow_runs/{asked.run}/resume", {"run_input": given})["status"] == "ACCEPT":
            asked.answered = sleep
            self.console.print(f"  {name} says yes: one-time code, in the Prefect UI's form")
