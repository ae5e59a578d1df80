"""What would a person see in Slack right now?

One page, no outside files: who one is, channels on the left, messages with their threads on the right, a
modal above them. It draws itself again when something has changed, and keeps the place where one was
reading, what one was typing and where the focus was. The page is served as three pieces: this file draws,
`slack_page.css` dresses, `slack_page.js` sends.
"""

from __future__ import annotations

import asyncio
import html
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from deployments.sandbox.slack_blocks import Surface, render_blocks
from deployments.sandbox.slack_interactions import Interactions
from deployments.sandbox.slack_markup import EMOJI, plain_of, to_html
from deployments.sandbox.slack_people import FIRST, PEOPLE, Person, find_person
from deployments.sandbox.slack_receiver import Receiver
from deployments.sandbox.slack_store import BOT, Message, Workspace
from deployments.sandbox.slack_views import View, Views
from deployments.sandbox.slack_words import say

HOME = "home"
_COOKIE = "sandbox_person"
_STILL_HERE_S = 15.0
_FOLDER = Path(__file__).parent


class Page:
    """The page, its content, and the stream that says when to ask for it again."""

    def __init__(self, workspace: Workspace, views: Views, interactions: Interactions, receiver: Receiver) -> None:
        self._workspace = workspace
        self._views = views
        self._interactions = interactions
        self._receiver = receiver
        self._version = 0
        self._bell = asyncio.Event()
        self._closed = False
        workspace.on_change = self._ring

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        router.add_get("/", self._page)
        router.add_get("/_sandbox/content", self._content)
        router.add_get("/_sandbox/modal", self._modal)
        router.add_get("/_sandbox/stream", self._stream)

    def close(self) -> None:
        """Let every open page go."""
        self._closed = True
        self._ring()

    def render(self, person: Person, channel: str) -> str:
        """Side bar and messages (or the home tab) as `person` sees them."""
        shown = self._home(person) if channel == HOME else self._channel(person, channel)
        return f"{self._side(person, channel)}<main>{shown}</main>"

    # -- routes -----------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        person = _person(request)
        page = (
            (_FOLDER / "slack_page.html")
            .read_text()
            .replace("{{language}}", person.language)
            .replace("{{style}}", (_FOLDER / "slack_page.css").read_text())
            .replace("{{script}}", (_FOLDER / "slack_page.js").read_text())
            .replace("{{content}}", self.render(person, self._shown(request, person)))
        )
        return web.Response(text=page, content_type="text/html")

    async def _content(self, request: web.Request) -> web.Response:
        person = _person(request)
        return web.Response(text=self.render(person, self._shown(request, person)), content_type="text/html")

    async def _modal(self, request: web.Request) -> web.Response:
        person = _person(request)
        stack = self._views.stack(person.id)
        return web.Response(text=self._dialog(person, stack[-1], len(stack)) if stack else "", content_type="text/html")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one at once, one for each change."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while not self._closed:
                seen = self._version
                await response.write(f"data: {seen}\n\n".encode())
                await self._change_after(seen)
        return response

    async def _change_after(self, seen: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STILL_HERE_S):
                while self._version == seen and not self._closed:
                    await self._bell.wait()

    def _ring(self) -> None:
        self._version += 1
        self._bell.set()
        self._bell = asyncio.Event()

    def _shown(self, request: web.Request, person: Person) -> str:
        asked = request.query.get("channel", "")
        if asked == HOME:
            return HOME
        wanted = self._workspace.channel_id(asked) if asked else None
        if wanted and self._workspace.sees(person.id, wanted):
            return wanted
        return max(self._workspace.channels, key=lambda key: max(self._workspace.messages[key], default=""), default="")

    # -- drawing ----------------------------------------------------------------------------------

    def _side(self, person: Person, here: str) -> str:
        chosen = "".join(
            f'<option value="{p.id}"{" selected" if p is person else ""}>{p.name}</option>' for p in PEOPLE.values()
        )
        channels = "".join(
            _entry(key, f"# {html.escape(name)}", here, len(self._workspace.top(key)))
            for key, name in self._workspace.channels.items()
        )
        directs = "".join(
            _entry(key, f"@ {BOT['user']}", here, len(self._workspace.top(key)))
            for key, user in self._workspace.directs.items()
            if user == person.id
        )
        home = _entry(HOME, f"{BOT['user']} · {say(person, HOME)}", here, 0)
        directs = f"<h2>{say(person, 'directs')}</h2>{directs}" if directs else ""
        return (
            f'<nav><h1>Sandbox</h1><label class="person">{say(person, "you_are")}'
            f'<select id="person">{chosen}</select></label>'
            f"<h2>{say(person, 'channels')}</h2>{channels}{directs}"
            f"<h2>{say(person, 'apps')}</h2>{home}</nav>"
        )

    def _channel(self, person: Person, channel: str) -> str:
        if not channel:
            return ""
        name = self._workspace.channels.get(channel)
        title = f"# {html.escape(name)}" if name else f"@ {BOT['user']}"
        seen = [*self._workspace.top(channel), *self._whispers(person, channel)]
        messages = "".join(self._message(person, channel, m) for m in sorted(seen, key=lambda m: m["ts"]))
        empty = f'<p class="empty">{say(person, "empty")}</p>'
        return f'<h2>{title}</h2><div id="messages">{messages or empty}</div>{self._composer(person, channel)}'

    def _whispers(self, person: Person, channel: str) -> list[Message]:
        found = self._workspace.whispers.get(channel, {}).values()
        return [each for each in found if each["only_for"] == person.id]

    def _home(self, person: Person) -> str:
        view = self._views.home(person.id)
        empty = f'<p class="empty">{say(person, "no_home")}</p>'
        body = render_blocks(view["blocks"], self._surface_of_view(person, view)) if view else empty
        where = f' data-view="{view["id"]}"' if view else ""
        return f'<h2>{BOT["user"]}</h2><div id="messages"><div class="home"{where}>{body}</div></div>'

    def _composer(self, person: Person, channel: str) -> str:
        picks = "".join(
            f'<button type="button" class="button" data-shortcut="{html.escape(each["callback_id"])}">'
            f"⚡ {html.escape(each['name'])}</button>"
            for each in self._receiver.settings["shortcuts"]
        )
        words = say(person, "write")
        return (
            f'<form id="composer" data-channel="{channel}">{picks}'
            f'<input id="words" autocomplete="off" aria-label="{words}" placeholder="{words}">'
            f'<button class="button primary">{say(person, "send")}</button></form>'
        )

    def _message(self, person: Person, channel: str, message: Message) -> str:
        replies = self._workspace.thread(channel, message["ts"])[1:] if "only_for" not in message else []
        count = f"{len(replies)} {say(person, 'reply' if len(replies) == 1 else 'replies')}"
        shown = "".join(self._one(person, channel, each) for each in replies)
        thread = f'<div class="thread"><div class="count">{count}</div>{shown}</div>' if replies else ""
        return f"<article>{self._one(person, channel, message)}{thread}</article>"

    def _one(self, person: Person, channel: str, message: Message) -> str:
        at = datetime.fromtimestamp(float(message["ts"]), UTC)
        edited = f' <span class="edited">{say(person, "edited")}</span>' if "edited" in message else ""
        only = f'<div class="dim">👁 {say(person, "only_you")}</div>' if "only_for" in message else ""
        blocks = message.get("blocks") or []
        body = render_blocks(blocks, self._surface(person, message)) or f"<p>{to_html(message.get('text', ''))}</p>"
        author, badge = _author(message)
        return (
            f'<div class="message{" whisper" if only else ""}" id="m{message["ts"]}" data-ts="{message["ts"]}"'
            f' data-channel="{channel}"><div class="avatar" aria-hidden="true">{author[:1].upper()}</div><div>{only}'
            f'<div class="who">{author}{badge}<time datetime="{at.isoformat()}">{at:%H:%M} UTC</time></div>'
            f"{body}{edited}{_reactions(message)}</div></div>"
        )

    def _dialog(self, person: Person, view: View, depth: int) -> str:
        body = render_blocks(view["blocks"], self._surface_of_view(person, view))
        close = plain_of(view["close"]) or say(person, "cancel")
        trouble = self._interactions.troubles.get((person.id, view["id"], "", ""), "")
        submit = plain_of(view["submit"])
        button = f'<button class="button primary" type="submit">{submit}</button>' if submit else ""
        words = f'<p class="trouble" role="alert">{say(person, "modal_trouble")} ⚠️ {html.escape(trouble)}</p>'
        shut = f'<button type="button" class="shut" data-close="all" aria-label="{say(person, "close")}">✕</button>'
        return (
            f'<form novalidate data-view="{view["id"]}" data-hash="{view["hash"]}-{depth}-{len(trouble)}"><header>'
            f'<h2 id="modal-title">{plain_of(view["title"])}</h2>{shut}</header>'
            f'<div class="blocks">{body}</div>{words if trouble else ""}<footer>'
            f'<button type="button" class="button" data-close="one">{close}</button>{button}</footer></form>'
        )

    def _surface(self, person: Person, message: Message) -> Surface:
        return Surface(
            person,
            message["ts"],
            lambda block, element: self._interactions.stands(person, message, block, element),
            lambda block, element: self._views.offered(message["ts"], block, element),
            lambda block, action: self._interactions.troubles.get((person.id, message["ts"], block, action), ""),
        )

    def _surface_of_view(self, person: Person, view: View) -> Surface:
        return Surface(
            person,
            view["id"],
            lambda block, element: self._views.plain(view, block, element),
            lambda block, element: self._views.offered(view["id"], block, element),
            lambda block, action: self._interactions.troubles.get((person.id, view["id"], block, action), ""),
        )


def _person(request: web.Request) -> Person:
    asked = request.query.get("as") or request.cookies.get(_COOKIE, "")
    return find_person(asked) or FIRST


def _entry(key: str, words: str, here: str, count: int) -> str:
    at = ' here" aria-current="page' if key == here else ""
    return f'<a class="channel{at}" href="/?channel={key}">{words}<span>{count or ""}</span></a>'


def _author(message: Message) -> tuple[str, str]:
    """Who said it, and the badge of apps."""
    user = message.get("user", BOT["user_id"])
    if user in PEOPLE:
        return PEOPLE[user].name, ""
    return "Slackbot" if user == "USLACKBOT" else "vigie", '<span class="app">APP</span>'


def _reactions(message: dict[str, Any]) -> str:
    found = message.get("reactions", [])
    shown = "".join(
        f'<span class="reaction">{EMOJI.get(each["name"], html.escape(each["name"]))} {each["count"]}</span>'
        for each in found
    )
    return f'<div class="reactions">{shown}</div>' if shown else ""
