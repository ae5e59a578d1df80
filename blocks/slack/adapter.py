"""How does an incident get into Slack, and stay current there?

The rule: the picture says what is written; posting.py says it once. Each message carries its delivery id.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from blocks.clock import Clock, SystemClock
from blocks.ports.incidents import IncidentEvent
from blocks.ports.notifications import IncidentPicture, Sent
from blocks.slack.posting import SlackPosts, open_client
from blocks.slack.render import render_event, render_incident


@asynccontextmanager
async def open_messenger(
    token: str, *, base_url: str, ca_file: str | None = None, clock: Clock | None = None
) -> AsyncGenerator[SlackMessenger]:
    """A `Messenger` on one connection pool, closed at the end. `base_url` ends in "/api/"."""
    async with open_client(token, base_url=base_url, ca_file=ca_file) as client:
        yield SlackMessenger(SlackPosts(client, clock or SystemClock()))


class SlackMessenger:
    """Implements `Messenger` with Slack's Web API."""

    def __init__(self, posts: SlackPosts) -> None:
        self._posts = posts

    async def post(self, channel: str, picture: IncidentPicture, delivery: UUID) -> Sent:
        return await self._posts.post(channel, *render_incident(picture), _about(picture, delivery))

    async def update(self, sent: Sent, picture: IncidentPicture) -> Sent:
        """Keep the message current; where someone deleted it, post it anew and return the new place."""
        return await self._posts.update(sent, *render_incident(picture), _about(picture, None))

    async def reply(self, parent: Sent, picture: IncidentPicture, event: IncidentEvent, delivery: UUID) -> Sent:
        text, blocks = render_event(picture, event)
        return await self._posts.post(
            parent.channel_reference, text, blocks, _about(picture, delivery), parent.reference
        )

    async def find(self, channel: str, delivery: UUID, parent: Sent | None) -> Sent | None:
        """The message that carries `delivery`, among those of the last two days (4,000 at most)."""
        return await self._posts.find(channel, delivery, parent)


def _about(picture: IncidentPicture, delivery: UUID | None) -> dict[str, str]:
    return {"incident": str(picture.incident.id)} | ({"delivery": str(delivery)} if delivery else {})
