"""Who says yes in the demonstration? Its robot: people with phones, at the sandbox's Slack.

Each approver has a Slack account, linked once by name and one-time code as anybody's is. They read the card, press
*Approve*, and fill in the form that opens: the typed word and the code where the rules ask for them.

The rules: nobody's phone and nobody's account is replaced; who has an own one is left alone. A yes counts when the
journal holds it, and a card is settled when Slack says who decided and offers no button any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken
from blocks.ports.approvals import Approval, Choice, Door
from blocks.slack.cards import APPROVE
from blocks.slack.modals import ANSWER, LINK
from deployments.commands.as_slack import SlackPage, buttons_of, fields_of, words_of

if TYPE_CHECKING:
    from blocks.approvals.block import ApproverKey
    from blocks.journal.adapter import PostgresJournal
    from deployments.sandbox.state import State

ACCOUNTS = {
    "platform-engineer": "engineer",
    "duty-operator": "operator",
    "shift-lead": "lead",
    "service-manager": "manager",
}
"""Approver -> whose account in the sandbox's Slack is theirs."""

_YES = Choice.APPROVE


@dataclass
class Phones:
    """The phones of the people whom the demonstration plays: name -> secret, and each one's last used code."""

    state: State
    key: ApproverKey
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    used: dict[str, str] = field(default_factory=dict[str, str])

    def fresh_code(self, journal: PostgresJournal, name: str) -> str:
        """This person's code now; empty until there is one that was not used yet."""
        from pyotp.totp import TOTP

        code = TOTP(self.secrets[name]).at(journal.now())
        return "" if self.used.get(name) == code else code

    def has(self, journal: PostgresJournal, name: str) -> bool:
        """Does the demonstration hold this person's phone? Who has none gets one; who has one of their own keeps it."""
        from deployments.sandbox.state import read_json, write_json
        from tasks.approvals.codes import new_secret

        path = self.state.home / "phones.json"
        self.secrets = self.secrets or read_json(path)
        sealed = journal.sealed_secret(name)
        if sealed is not None:
            return self.key.unseal(sealed) == self.secrets.get(name)
        self.secrets[name] = new_secret()
        write_json(path, self.secrets)
        journal.enrol(name, self.key.seal(self.secrets[name]))
        return True


@dataclass
class Robot:
    """The demonstration's people at the sandbox's Slack; `tell` says what one of them did."""

    journal: PostgresJournal
    phones: Phones
    slack: SlackPage
    tell: Callable[[str], None]
    shown_s: float = 90.0  # until a card shows what was decided: messages of a channel leave one a second
    form_s: float = 10.0  # until the form of a pressed button lies there
    pause_s: float = 0.5

    def ours(self, names: Sequence[str]) -> list[str]:
        """Those whom the demonstration plays."""
        return [name for name in names if self._is_played(name) and self.phones.has(self.journal, name)]

    def introduce(self, channel: str) -> None:
        """Link whoever is not linked yet, before there is any hurry: a code that links cannot approve as well."""
        for name in self.ours(tuple(ACCOUNTS)):
            if not self._is_linked(name):
                self._link(name, channel)

    def answer(self, question: Approval, names: Sequence[str]) -> bool:
        """One of these people says yes, if one can now; True when the journal holds that yes."""
        card = self.slack.message(question.run, f"approval:{question.number}")
        if card is None or APPROVE not in buttons_of(card):
            time.sleep(self.pause_s)
            return False
        for name in names:
            if not self._is_linked(name):
                self._link(name, card["channel_name"])
            elif (code := self._code(question, name)) is not None and self._says_yes(question, name, card, code):
                return True
        return False

    def see_decided(self, question: Approval) -> str:
        """What the settled card shows. Raises `Broken` when it still offers buttons, or does not say who decided."""
        who = tuple(each.approver for each in question.decisions)
        purpose, deadline = f"approval:{question.number}", time.monotonic() + self.shown_s
        while True:
            card = self.slack.message(question.run, purpose)
            if card and not buttons_of(card) and all(name in words_of(card) for name in who):
                return f"In Slack the card says who decided ({', '.join(who)}), and its buttons are gone."
            if time.monotonic() > deadline:
                raise Broken(
                    f"the card of {question.plan.action} does not show after {self.shown_s:.0f} s that {who} decided",
                    where=self.slack.page,
                    next_step="read logs/gateway.log of the sandbox",
                )
            time.sleep(self.pause_s)

    # -- accounts -----------------------------------------------------------------------------------

    def _is_played(self, name: str) -> bool:
        """Has this approver an account here that is theirs, or nobody's?"""
        if name not in ACCOUNTS:
            return False
        team, user = _account(name)
        owner, known = self.journal.approver_of(team, user), self.journal.approver(name)
        elsewhere = known is not None and known.slack_user not in {"", user}
        return not elsewhere and (owner is None or owner.name == name)

    def _is_linked(self, name: str) -> bool:
        owner = self.journal.approver_of(*_account(name))
        return owner is not None and owner.name == name

    def _link(self, name: str, channel: str) -> None:
        """`/vigie link`, name and code. What does not work is tried again with the next code."""
        user = ACCOUNTS[name]
        if not (code := self.phones.fresh_code(self.journal, name)):
            time.sleep(self.pause_s)
            return
        self.slack.close(user)
        trouble = self.slack.command(user, channel, "/vigie link")
        if not trouble:
            self._await(lambda: self.slack.modal(user, LINK))
        wrong = {"": trouble or "no form opened"}
        if form := self.slack.modal(user, LINK):
            self.phones.used[name] = code
            wrong = self.slack.submit(user, form, {"name": name, "code": code})
        self.slack.close(user)
        if wrong:
            self.tell(f"  {name} could not link @{user} in Slack ({'; '.join(wrong.values())}); trying again")
        else:
            self.tell(f"  {name} links @{user} in Slack: /vigie link, name and one-time code")

    # -- a yes ------------------------------------------------------------------------------------

    def _code(self, question: Approval, name: str) -> str | None:
        """This person's code, '' where none is asked for; None while there is none that was not used."""
        from tasks.approvals.decide import needs_code

        return self.phones.fresh_code(self.journal, name) or None if needs_code(question, _YES, Door.SLACK) else ""

    def _says_yes(self, question: Approval, name: str, card: dict[str, Any], code: str) -> bool:
        user = ACCOUNTS[name]
        self.slack.close(user)
        wrong = {"": trouble} if (trouble := self.slack.press(user, card, APPROVE)) else {}
        form = None if wrong else self._form(question, name)
        if form:
            self.phones.used[name] = code
            given = {"reason": "demonstration", "typed": question.policy.typed, "code": code}
            wrong = self.slack.submit(user, form, given)
        counted = not wrong and self._await(lambda: self._has_said(question, name))
        self.slack.close(user)
        if counted:
            self.tell(f"  {name} says yes in Slack: {_how(fields_of(form) if form else ())}")
        else:
            why = "; ".join(wrong.values()) or "no answer"
            self.tell(f"  Slack did not take the yes of {name} ({why}); trying again")
        return counted

    def _form(self, question: Approval, name: str) -> dict[str, Any] | None:
        """What opens; None when the button alone was the answer, or nothing opened in time."""
        self._await(lambda: self.slack.modal(ACCOUNTS[name], ANSWER) or self._has_said(question, name))
        return self.slack.modal(ACCOUNTS[name], ANSWER)

    def _has_said(self, question: Approval, name: str) -> bool:
        now = next(each for each in self.journal.approvals(question.run) if each.id == question.id)
        return any(each.approver == name for each in now.decisions)

    def _await(self, holds: Callable[[], object]) -> bool:
        """Does it come true in time?"""
        deadline = time.monotonic() + self.form_s
        while not (held := bool(holds())) and time.monotonic() < deadline:
            time.sleep(self.pause_s)
        return held


def _account(name: str) -> tuple[str, str]:
    from deployments.sandbox.slack_people import find_person

    person = find_person(ACCOUNTS[name])
    if person is None:
        raise Broken(f"{ACCOUNTS[name]} is nobody in the sandbox's Slack", next_step="correct ACCOUNTS")
    return person.team, person.id


def _how(fields: Sequence[str]) -> str:
    """What was filled in besides the button."""
    said = {"typed": "typed word", "code": "one-time code"}
    return ", ".join(["Approve", *(said[name] for name in fields if name in said)])
