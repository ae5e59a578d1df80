"""How does a test, or the page, do what a person would do in Slack, and break what can break?

All of /_sandbox: `press`, `submit`, `close`, `command`, `shortcut`, `suggest`, `write`, `home` act as a
person (`user`: id or name) by the very code the page uses; `app` says where the app listens; `break`,
`mend`, `replay`, `delete`, `age` make trouble; the rest is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aiohttp import web

from deployments.sandbox.slack_delivery import Delivery, Outcome
from deployments.sandbox.slack_faults import HOWS, SOCKET_FAULTS, Faults
from deployments.sandbox.slack_interactions import Aim, Impossible, Interactions
from deployments.sandbox.slack_people import PEOPLE, Person, find_person
from deployments.sandbox.slack_receiver import Receiver
from deployments.sandbox.slack_socket import Sockets
from deployments.sandbox.slack_store import Workspace
from deployments.sandbox.slack_views import Views

Asked = dict[str, Any]
_REASONS = {"warn-socket": "warning", "refresh-socket": "refresh_requested"}


class Controls:
    """The routes below /_sandbox that act and break."""

    def __init__(
        self,
        workspace: Workspace,
        views: Views,
        *,
        interactions: Interactions,
        delivery: Delivery,
        receiver: Receiver,
        sockets: Sockets,
        faults: Faults,
    ) -> None:
        self._workspace = workspace
        self._views = views
        self._interactions = interactions
        self._delivery = delivery
        self._receiver = receiver
        self._sockets = sockets
        self._faults = faults

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        acts = (self.press, self.submit, self.close, self.command, self.shortcut, self.suggest, self.write, self.home)
        for act in acts:
            router.add_post(f"/_sandbox/{act.__name__}", _as_person(act))
        for what in (self.app, self.replay, self.delete, self.age, self.mend):
            router.add_post(f"/_sandbox/{what.__name__}", _asked(what))
        router.add_post("/_sandbox/break", _asked(self.break_))
        router.add_get("/_sandbox/app", self.settings)
        router.add_get("/_sandbox/deliveries", self.deliveries)
        router.add_get("/_sandbox/people", self.people)
        router.add_get("/_sandbox/views", self.views)
        router.add_get("/_sandbox/whispers", self.whispers)

    # -- as a person ------------------------------------------------------------------------------

    async def press(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "ts" or "view_id", "action_id", "block_id"?, "channel"?, "value"?, "state"?}."""
        aim = self._aim(asked)
        outcome = await self._interactions.press(person, aim, asked.get("value"), asked.get("state") or {})
        return web.json_response(_shown(outcome))

    async def submit(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "view_id"?, "state": {block: {action: answer}}}; the top modal when no view is named."""
        outcome, wrong = await self._interactions.submit(person, self._top(person, asked), asked.get("state") or {})
        return web.json_response(_shown(outcome) | {"errors": wrong})

    async def close(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "all"?}."""
        gone = await self._interactions.close(person, all_=bool(asked.get("all")))
        return web.json_response({"closed": [view["id"] for view in gone]})

    async def command(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "channel", "text": "/vigie ..."}."""
        outcome = await self._interactions.command(person, self._channel(asked), str(asked["text"]))
        return web.json_response(_shown(outcome))

    async def shortcut(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "callback_id"}."""
        return web.json_response(_shown(await self._interactions.shortcut(person, str(asked["callback_id"]))))

    async def suggest(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "ts" or "view_id", "action_id", "value"}: the options of an external select."""
        found = await self._interactions.suggest(person, self._aim(asked), str(asked.get("value", "")))
        return web.json_response({"options": found})

    async def write(self, person: Person, asked: Asked) -> web.Response:
        """{"user", "channel", "text"}."""
        return web.json_response(self._interactions.write(person, self._channel(asked), str(asked["text"])))

    async def home(self, person: Person, _: Asked) -> web.Response:
        """{"user"}: open the app's home tab."""
        self._interactions.go_home(person)
        return web.json_response({})

    # -- settings and trouble ---------------------------------------------------------------------

    async def app(self, asked: Asked) -> web.Response:
        """Where the app listens, and how it is to be told."""
        if wrong := self._receiver.tell(asked):
            return web.json_response({"error": f"no settings: {', '.join(wrong)}"}, status=400)
        self._workspace.changed()
        return web.json_response(self._receiver.settings)

    async def settings(self, _: web.Request) -> web.Response:
        """The app's settings and how many connections it has open."""
        return web.json_response(self._receiver.settings | {"connections": len(self._sockets)})

    async def break_(self, asked: Asked) -> web.Response:
        """{"how", "times"?, "method"?, "seconds"?, "retry_after"?}."""
        how = asked.get("how")
        if how not in HOWS:
            return web.json_response({"error": f"how is one of {', '.join(HOWS)}"}, status=400)
        if how in _REASONS:
            await self._sockets.say_disconnect(_REASONS[how])
        if how in {"drop-socket", "unreachable"}:
            self._sockets.drop()
        if how not in SOCKET_FAULTS:
            self._faults.add(asked)
        return web.json_response({"done": f"slack: {how}"})

    async def mend(self, _: Asked) -> web.Response:
        """Whole again."""
        self._faults.clear()
        return web.json_response({"done": "slack: whole again"})

    async def replay(self, asked: Asked) -> web.Response:
        """{"index"?}: send a former delivery again, to the last byte; the last one by default."""
        try:
            status, answer = await self._delivery.replay(int(asked.get("index", -1)))
        except (IndexError, OSError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=409)
        return web.json_response({"status": status, "answer": answer})

    async def delete(self, asked: Asked) -> web.Response:
        """{"channel", "ts"}: as a person does it by hand."""
        gone = self._workspace.delete(self._workspace.channel_id(asked["channel"]) or "", asked["ts"])
        return web.json_response({"done": gone}, status=200 if gone else 404)

    async def age(self, asked: Asked) -> web.Response:
        """{"response_url", "minutes"}: nobody waits for half an hour."""
        name = str(asked["response_url"]).rpartition("/")[2]
        self._interactions.answers.responses.age(name, timedelta(minutes=float(asked["minutes"])))
        return web.json_response({"done": True})

    # -- what is there ----------------------------------------------------------------------------

    async def deliveries(self, _: web.Request) -> web.Response:
        """What was sent to the app, oldest first."""
        return web.json_response([asdict(sent) for sent in self._delivery.sent])

    async def people(self, _: web.Request) -> web.Response:
        """Who can be chosen on the page."""
        return web.json_response([asdict(person) for person in PEOPLE.values()])

    async def views(self, request: web.Request) -> web.Response:
        """?user=: their modals, the top one last, and their home tab."""
        person = find_person(request.query.get("user", ""))
        if person is None:
            return web.json_response({"error": "user is unknown"}, status=404)
        return web.json_response({"modals": self._views.stack(person.id), "home": self._views.home(person.id)})

    async def whispers(self, _: web.Request) -> web.Response:
        """What only one person sees, by channel."""
        found = {self._workspace.name(key): list(each.values()) for key, each in self._workspace.whispers.items()}
        return web.json_response(found)

    def _aim(self, asked: Asked) -> Aim:
        names = ("action_id", "block_id", "ts", "view_id")
        channel = self._channel(asked) if asked.get("channel") else ""
        return Aim(**{name: str(asked[name]) for name in names if asked.get(name)}, channel=channel)

    def _channel(self, asked: Asked) -> str:
        found = self._workspace.channel_id(str(asked.get("channel", "")))
        if found is None:
            raise Impossible(f"there is no channel {asked.get('channel')}")
        return found

    def _top(self, person: Person, asked: Asked) -> str:
        if asked.get("view_id"):
            return str(asked["view_id"])
        if not self._views.stack(person.id):
            raise Impossible(f"{person.name} has no modal open")
        return self._views.stack(person.id)[-1]["id"]


def _shown(outcome: Outcome) -> dict[str, Any]:
    return {"trouble": outcome.trouble, "status": outcome.status, "answer": outcome.answer}


def _as_person(act: Callable[[Person, Asked], Awaitable[web.Response]]) -> Callable[..., Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        asked = await request.json()
        person = find_person(str(asked.get("user", "")))
        if person is None:
            return web.json_response(
                {"error": f"user is one of {', '.join(p.name for p in PEOPLE.values())}"}, status=404
            )
        try:
            return await act(person, asked)
        except (Impossible, KeyError, TypeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=409)

    return handle


def _asked(act: Callable[[Asked], Awaitable[web.Response]]) -> Callable[..., Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return await act(await request.json())

    return handle
