"""What happens when a person presses, fills in, closes, types a command or picks a shortcut?

The page and the controls come here by the same way: the element must be there and offer the answer, the
payload goes to the app, and what the app answers is applied. What went wrong is kept beside the element,
as Slack shows its warning triangle there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployments.sandbox import slack_payloads as payloads
from deployments.sandbox.slack_answers import Answers, Refusal
from deployments.sandbox.slack_delivery import Delivery, Outcome
from deployments.sandbox.slack_elements import (
    KINDS,
    NotOffered,
    answered,
    complaint,
    elements_of,
    initial,
    interactive,
)
from deployments.sandbox.slack_faults import Faults
from deployments.sandbox.slack_payloads import Scene, Spot
from deployments.sandbox.slack_people import Person
from deployments.sandbox.slack_receiver import Receiver
from deployments.sandbox.slack_store import BOT, Message, Workspace
from deployments.sandbox.slack_views import Plain, View, Views
from deployments.sandbox.slack_words import say

_SLACKBOT = {"user": "USLACKBOT"}
_ERRORS = {"timeout": "operation_timeout", "unset": "dispatch_unknown_error"}
_ACTION_KEYS = ("text", "value", "style", "confirm", "placeholder")


class Impossible(ValueError):
    """A person cannot do this: it is not there, or not for them."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Which element of which message or view; `block_id` may be left out where `action_id` is unique."""

    action_id: str
    block_id: str = ""
    channel: str = ""
    ts: str = ""
    view_id: str = ""

    @property
    def place(self) -> str:
        """The message or the view."""
        return self.view_id or self.ts


class Interactions:
    """What people do in one workspace, and what the app makes of it."""

    def __init__(
        self, workspace: Workspace, views: Views, delivery: Delivery, *, receiver: Receiver, faults: Faults, token: str
    ) -> None:
        self._workspace = workspace
        self._views = views
        self._delivery = delivery
        self._receiver = receiver
        self._faults = faults
        self._token = token
        self._given: dict[tuple[str, str], Plain] = {}
        self.answers = Answers(workspace, views)
        self.troubles: dict[tuple[str, str, str, str], str] = {}
        self.address: Callable[[], str] = lambda: ""

    async def press(self, person: Person, aim: Aim, value: Any, state: Plain) -> Outcome:
        """Press a button, choose, tick. Raises `Impossible`."""
        view = self._view(person, aim.view_id) if aim.view_id else None
        channel, message = ("", {}) if view else self._message(person, aim)
        block, element = _element((view or message)["blocks"], aim)
        answer = self._answer(aim.place, block, element, value)
        state = _with(state, block, element, value)
        action = _action(block, element, answer)
        scene = self._scene(person, aim.view_id)
        if view is not None:
            self._views.remember(view, state)
            payload = payloads.view_action(scene, view, action)
        else:
            values = self._values(person, message, state)
            url = self._response_url("actions", channel, person, message["ts"])
            payload = payloads.message_action(
                scene, self._spot(channel, message), _shown(message), values=values, action=action, url=url
            )
        outcome = await self._deliver("interactivity", payload, answers=False)
        self._note(person, (aim.place, block["block_id"], element["action_id"]), outcome)
        return outcome

    async def suggest(self, person: Person, aim: Aim, typed: str) -> list[dict[str, Any]]:
        """What the app offers for these letters in an external select. Raises `Impossible`."""
        view = self._view(person, aim.view_id) if aim.view_id else None
        channel, message = ("", {}) if view else self._message(person, aim)
        block, element = _element((view or message)["blocks"], aim)
        if view is not None:
            origin: dict[str, Any] = {"container": {"type": "view", "view_id": view["id"]}, "view": view}
        else:
            spot = self._spot(channel, message)
            origin = {"container": spot.container, "channel": {"id": channel, "name": spot.name}}
        scene = Scene(person, self._token)
        payload = payloads.suggestion(scene, origin, block["block_id"], element["action_id"], typed)
        outcome = await self._deliver("options", payload)
        answer = outcome.answer if isinstance(outcome.answer, dict) and not outcome.trouble else {}
        found = [*answer.get("options", []), *(o for g in answer.get("option_groups", []) for o in g["options"])]
        self._views.offer(aim.place, block["block_id"], element["action_id"], found)
        return found

    async def submit(self, person: Person, view_id: str, state: Plain) -> tuple[Outcome, dict[str, str]]:
        """Submit a modal: how it went, and what is to be corrected by block. Raises `Impossible`."""
        view = self._view(person, view_id)
        try:
            self._views.remember(view, state)
        except NotOffered as error:
            raise Impossible(str(error)) from error
        if wrong := self._complaints(person, view):
            return Outcome(), wrong
        scene = self._scene(person, view_id)
        outcome = await self._deliver("interactivity", payloads.submission(scene, view))
        wrong: dict[str, str] = {}
        if not outcome.trouble:
            try:
                wrong = self.answers.to_submission(person, view, outcome.answer)
            except Refusal as error:
                outcome = Outcome("invalid", str(error))
        self._note(person, (view_id, "", ""), outcome)
        return outcome, wrong

    async def close(self, person: Person, *, all_: bool = False) -> list[View]:
        """Close the top modal or all of them; the app hears of those it asked to."""
        stack = self._views.stack(person.id)
        cleared = all_ or bool(stack and stack[-1]["clear_on_close"])
        gone = self._views.close(person.id, all_=cleared)
        for view in gone:
            if view["notify_on_close"]:
                payload = payloads.closing(Scene(person, self._token), view, cleared=cleared)
                await self._deliver("interactivity", payload, answers=False)
        return gone

    async def command(self, person: Person, channel: str, text: str) -> Outcome:
        """Type a slash command. Raises `Impossible`."""
        self._must_see(person, channel)
        name, _, rest = text.strip().partition(" ")
        if name not in self._receiver.settings["commands"]:
            self._slackbot(person, channel, say(person, "no_command", command=name))
            return Outcome("unknown command")
        url = self._response_url("commands", channel, person)
        place = (channel, self._workspace.name(channel))
        payload = payloads.command(self._scene(person), place, (name, rest.strip()), url)
        outcome = await self._deliver("commands", payload)
        if outcome.trouble:
            error = _ERRORS.get(outcome.trouble, "dispatch_failed")
            self._slackbot(person, channel, say(person, "command_failed", command=name, error=error))
        elif outcome.answer is not None:
            try:
                self.answers.to_command(channel, person, outcome.answer)
            except Refusal as error:
                self._slackbot(person, channel, say(person, "command_failed", command=name, error=str(error)))
        return outcome

    async def shortcut(self, person: Person, callback_id: str) -> Outcome:
        """Pick a global shortcut."""
        return await self._deliver("interactivity", payloads.shortcut(self._scene(person), callback_id), answers=False)

    def write(self, person: Person, channel: str, text: str) -> Message:
        """Say something; the app hears of it when it is mentioned. Raises `Impossible`."""
        self._must_see(person, channel)
        text = text.replace(f"@{BOT['user']}", f"<@{BOT['user_id']}>")
        said = self._workspace.post(channel, {"user": person.id, "team": person.team, "text": text})
        if f"<@{BOT['user_id']}>" in text:
            inner = {"type": "app_mention", **{k: said[k] for k in ("user", "text", "ts", "team")}, "channel": channel}
            self._delivery.announce(payloads.event(self._token, inner, said["ts"].replace(".", "")))
        return said

    def go_home(self, person: Person) -> None:
        """Open the app's home tab: the app hears of it, and may publish what stands there."""
        channel = self._workspace.direct(person.id)
        inner = {"type": "app_home_opened", "user": person.id, "channel": channel, "tab": "home"}
        self._delivery.announce(payloads.event(self._token, inner, payloads.stamp().replace(".", "")))

    def stands(self, person: Person, message: Message, block: dict[str, Any], element: dict[str, Any]) -> Any:
        """The plain answer that stands in an element of a message."""
        given = self._given.get((person.id, message["ts"]), {}).get(block["block_id"], {})
        return given.get(element["action_id"], initial(element))

    def _values(self, person: Person, message: Message, state: Plain) -> dict[str, Any]:
        given = self._given.setdefault((person.id, message["ts"]), {})
        for block_id, plain in state.items():
            given.setdefault(block_id, {}).update(plain)
        values: dict[str, Any] = {}
        for block, element in interactive(message["blocks"]):
            if element["type"] not in {"button", "overflow"}:
                stands = self.stands(person, message, block, element)
                typed = self._views.typed(message["ts"], block, element, stands)
                values.setdefault(block["block_id"], {})[element["action_id"]] = typed
        return values

    def _answer(self, place: str, block: dict[str, Any], element: dict[str, Any], value: Any) -> Any:
        if element["type"] == "button":
            return None
        try:
            return answered(element, value, self._views.offered(place, block, element))
        except NotOffered as error:
            raise Impossible(str(error)) from error

    def _complaints(self, person: Person, view: View) -> dict[str, str]:
        found = {
            block["block_id"]: complaint(block, self._views.plain(view, block, element))
            for block in view["blocks"]
            if block["type"] == "input"
            for element in elements_of(block)
        }
        return {block_id: say(person, key) for block_id, key in found.items() if key}

    async def _deliver(self, kind: str, payload: dict[str, Any], *, answers: bool = True) -> Outcome:
        if self._faults.holds("unreachable"):
            return Outcome("unreachable")
        return await self._delivery.deliver(kind, payload, answers=answers)

    def _scene(self, person: Person, view: str = "") -> Scene:
        return Scene(person, self._token, self._views.triggers.issue(person.id, view))

    def _response_url(self, kind: str, channel: str, person: Person, ts: str = "") -> str:
        return f"{self.address()}/{kind}/{person.team}/{self.answers.responses.issue(channel, person.id, ts)}"

    def _spot(self, channel: str, message: Message) -> Spot:
        thread = str(message.get("thread_ts", ""))
        return Spot(channel, self._workspace.name(channel), message["ts"], "only_for" in message, thread)

    def _view(self, person: Person, view_id: str) -> View:
        view = self._views.find(person.id, view_id)
        if view is None:
            raise Impossible(f"{person.name} has no view {view_id} open")
        return view

    def _message(self, person: Person, aim: Aim) -> tuple[str, Message]:
        for channel in [aim.channel] if aim.channel else self._workspace.messages:
            whispered = self._workspace.whispers.get(channel, {}).get(aim.ts)
            found = self._workspace.messages.get(channel, {}).get(aim.ts) or whispered
            if found and self._workspace.sees(person.id, channel) and found.get("only_for", person.id) == person.id:
                return channel, {"blocks": [], **found}
        raise Impossible(f"{person.name} sees no message {aim.ts}")

    def _must_see(self, person: Person, channel: str) -> None:
        if not self._workspace.sees(person.id, channel):
            raise Impossible(f"{person.name} is not in {channel}")

    def _slackbot(self, person: Person, channel: str, text: str) -> None:
        self._workspace.whisper(channel, person.id, {**_SLACKBOT, "text": text})

    def _note(self, person: Person, at: tuple[str, str, str], outcome: Outcome) -> None:
        key = (person.id, *at)
        self.troubles.pop(key, None)
        if outcome.trouble:
            self.troubles[key] = say(person, outcome.trouble, status=outcome.status)
        self._workspace.changed()


def _element(blocks: list[dict[str, Any]], aim: Aim) -> tuple[dict[str, Any], dict[str, Any]]:
    found = [
        (block, element)
        for block, element in interactive(blocks)
        if element["action_id"] == aim.action_id and aim.block_id in ("", block["block_id"])
    ]
    if len(found) != 1:
        raise Impossible(f"{len(found)} elements there are called {aim.action_id}, not one")
    return found[0]


def _with(state: Plain, block: dict[str, Any], element: dict[str, Any], value: Any) -> Plain:
    if element["type"] in {"button", "overflow"}:
        return state
    own = state.get(block["block_id"], {}) | {element["action_id"]: value}
    return state | {block["block_id"]: own}


def _action(block: dict[str, Any], element: dict[str, Any], answer: Any) -> dict[str, Any]:
    kind = KINDS[element["type"]]
    kept = {name: element[name] for name in (*_ACTION_KEYS, kind.initial) if name in element}
    given = {} if element["type"] == "button" else {kind.answer: answer}
    return {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        **kept,
        **given,
        "type": element["type"],
        "action_ts": payloads.stamp(),
    }


def _shown(message: Message) -> Message:
    return {name: value for name, value in message.items() if name not in {"metadata", "only_for"}}
