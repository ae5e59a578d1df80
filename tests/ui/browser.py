"""Chromium as an operator's browser: Debian's own, headless, and shut in on loopback."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright

PATIENCE_MS = 60_000
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # nothing outside is reached
)


@asynccontextmanager
async def open_browser() -> AsyncGenerator[Browser]:
    """The installed Chromium; never one that is downloaded."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(browser: Browser, *, width: int = 1280, height: int = 860) -> Page:
    """A fresh page of an English-speaking operator; nothing outside this machine is reached."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", timezone_id="UTC", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    return await context.new_page()


async def wait_for_picture(page: Page) -> None:
    """Until the report's picture is there with all its pixels; the page may draw itself twice."""
    await page.wait_for_function(
        "() => [...document.images].some(e => e.alt.startsWith('État de chaque contrôle') && e.complete"
        " && e.naturalWidth > 400 && e.naturalHeight > 200)"
    )
