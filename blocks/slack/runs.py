"""How do a run's question, its progress and its report get into Slack, and stay current there?

The rule: what is written follows from the picture and the purpose alone; posting.py says it once. A question that
somebody asks about a plan stands in the thread of its card.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from blocks.clock import Clock, SystemClock
from blocks.errors import Broken
from blocks.ports.notifications import Sent
from blocks.ports.showing import Purpose, PurposeKind, RunPicture
from blocks.slack.cards import render_approval, render_question
from blocks.slack.moves import render_reminder, render_report
from blocks.slack.posting import SlackPosts, open_client
from blocks.slack.progress import render_progress


@asynccontextmanager
async def open_run_messenger(
    token: str, *, base_url: str, ca_file: str | None = None, clock: Clock | None = None
) -> AsyncGenerator[SlackRunMessenger]:
    """A `RunMessenger` on one connection pool, closed at the end. `base_url` ends in "/api/"."""
    async with open_client(token, base_url=base_url, ca_file=ca_file) as client:
        yield SlackRunMessenger(SlackPosts(client, clock or SystemClock()))


class SlackRunMessenger:
    """Implements `RunMessenger` with Slack's Web API."""

    def __init__(self, posts: SlackPosts) -> None:
        self._posts = posts

    async def post(
        self, channel: str, purpose: Purpose, picture: RunPicture, delivery: UUID, parent: Sent | None = None
    ) -> Sent:
        where, thread = (parent.channel_reference, parent.reference) if parent else (channel, None)
        return await self._posts.post(where, *render(purpose, picture), _about(picture, purpose, delivery), thread)

    async def update(self, sent: Sent, purpose: Purpose, picture: RunPicture, delivery: UUID) -> Sent:
        """Keep the message current; where someone deleted it, post it anew and return the new place."""
        return await self._posts.update(sent, *render(purpose, picture), _about(picture, purpose, delivery))

    async def find(self, channel: str, delivery: UUID, parent: Sent | None = None) -> Sent | None:
        return await self._posts.find(channel, delivery, parent)


def render(purpose: Purpose, picture: RunPicture) -> tuple[str, list[dict[str, Any]]]:
    """(text, blocks) of one purpose. Raises `Broken` for one that Slack is not told."""
    if purpose.kind is PurposeKind.APPROVAL:
        return render_approval(picture, picture.approval(purpose.number))
    if purpose.kind is PurposeKind.QUESTION:
        return render_question(picture, picture.action(purpose.number))
    if purpose.kind is PurposeKind.PROGRESS:
        return render_progress(picture)
    if purpose.kind is PurposeKind.REPORT:
        return render_report(picture)
    if purpose.kind is PurposeKind.REMINDER:
        return render_reminder(picture, picture.action(purpose.number))
    raise Broken(f"{purpose} is no message for Slack")


def _about(picture: RunPicture, purpose: Purpose, delivery: UUID) -> dict[str, str]:
    return {"run": str(picture.run.id), "purpose": str(purpose), "delivery": str(delivery)}
