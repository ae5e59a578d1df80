"""A person at the sandbox's Slack page in Chromium: chooses who they are, types, presses, fills in, reads."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.sandbox_fixture import Sandbox

_TIMES_ASKED = 4
_LOOKED_FOR_MS = 15_000


@dataclass
class SlackDesk:
    """The page, as whoever sits before it."""

    sandbox: Sandbox
    page: Page

    async def sit_down(self, person: str, channel: str) -> None:
        """As this person, before this channel."""
        await self.page.goto(self.sandbox.page("Slack"))
        await self.page.locator("#person").select_option(person)
        await expect(self.page.locator("#person option[selected]")).to_have_text(person)
        await self.page.get_by_role("link", name=re.compile(channel)).click()
        await expect(self.page.get_by_role("heading", name=f"# {channel}")).to_be_visible()

    async def type(self, words: str) -> None:
        await self.page.locator("#words").fill(words)
        await self.page.locator("#words").press("Enter")

    def modal(self, title: str) -> Locator:
        return self.page.get_by_role("dialog", name=title, exact=True)

    async def press(self, button: Locator, opens: str) -> Locator:
        """Press until the modal is there."""
        return await self._open(button.click, opens)

    async def _open(self, ask: Callable[[], Awaitable[None]], title: str) -> Locator:
        """Ask until the modal is there, as people do: where we take three seconds, Slack opens none."""
        modal = self.modal(title)
        for _ in range(_TIMES_ASKED):
            await ask()
            with suppress(AssertionError):
                await expect(modal).to_be_visible(timeout=_LOOKED_FOR_MS)
                break
        await expect(modal).to_be_visible()
        return modal

    async def link(self, name: str, code: str) -> None:
        """The step-up: `/vigie link`, name and code."""
        modal = await self._open(lambda: self.type("/vigie link"), "Who are you?")
        await modal.get_by_label("Your name as approver").fill(name)
        await modal.get_by_label("One-time code").fill(code)
        await modal.get_by_role("button", name="Link my account").click()
        await expect(modal).to_contain_text(f"Linked: you are {name} from now on.")
        await modal.locator("[data-close=all]").click()
        await expect(modal).to_be_hidden()

    async def start(self, action: str, platform: str, service: str, reason: str) -> None:
        """The shortcut, then what, then with what."""
        modal = await self.press(self.page.get_by_role("button", name="⚡ vigie"), "What is to be done?")
        await modal.get_by_label("Action").select_option(label=action)
        await modal.get_by_role("button", name="Next").click()
        modal = self.modal("With what?")
        await modal.get_by_label("Platform").select_option(platform)
        await modal.get_by_label("Service").select_option(service)
        await modal.get_by_role("button", name="Start").click()
        await expect(modal.get_by_text(re.compile("required field|champ obligatoire"))).to_be_visible()
        await modal.get_by_label("Reason").fill(reason)
        await modal.get_by_role("button", name="Start").click()
        await expect(modal).to_be_hidden()

    def message(self, *words: str | re.Pattern[str]) -> Locator:
        """The messages that hold all of these words, in whatever order they were posted."""
        found = self.page.get_by_role("article")
        for each in words:
            found = found.filter(has_text=each)
        return found
