"""What rings, with which key, and would it ring tonight?

Nothing in Slack wakes anybody, so a customer may have a pager besides: PagerDuty, or whatever takes a
POST. The rule: keys are SecretStr and opened only here; `examine` rings nobody.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.errors import Refused, VigieError
from blocks.pager.calling import open_session
from blocks.pager.pagerduty import EVENTS_URL, PagerDutyPager
from blocks.pager.webhook import WebhookCaller
from blocks.ports.capabilities import Capability
from blocks.ports.notifications import Pager

if TYPE_CHECKING:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.client.orchestration import PrefectClient

_CA_FILE = Field(
    default=None, title="CA file", description="PEM file of the authorities to trust instead of the system's."
)


class PagerDuty(Block):
    """A PagerDuty service that is rung for what cannot wait until the morning.

    Whoever administers PagerDuty adds an "Events API v2" integration to the service and puts its
    32-character integration key here. The key can send events and read nothing.
    """

    _block_type_name = "PagerDuty (vigie)"
    _block_type_slug = "vigie-pagerduty"
    _description = "Rings the person on call through PagerDuty's Events API v2."

    routing_key: SecretStr = Field(title="Integration key", description="The service's Events API v2 key.")
    events_url: str = Field(
        default=EVENTS_URL,
        title="Events address",
        description="https://events.eu.pagerduty.com/v2/enqueue for accounts in Europe's region.",
    )
    ca_file: str | None = _CA_FILE

    def pager(self) -> AbstractAsyncContextManager[Pager]:
        """A `Pager`, to be used with `async with`."""
        return self._open()

    async def examine(self) -> tuple[Capability, ...]:
        """Send an acknowledgement of nothing: PagerDuty checks the key and rings nobody."""
        try:
            async with self._open() as pager:
                await pager.knows_key()
        except VigieError as error:
            return (Capability("ring", allowed=False if isinstance(error, Refused) else None, detail=str(error)),)
        return (Capability("ring", allowed=True, detail="PagerDuty took an acknowledgement of nothing"),)

    def as_webhook(self) -> CustomWebhookNotificationBlock:
        """The same door for Prefect's own notifications: subject and body become a trigger."""
        payload = {
            "summary": "{{subject}}",
            "source": "vigie",
            "severity": "critical",
            "custom_details": {"text": "{{body}}"},
        }
        content = {"routing_key": "{{routing_key}}", "event_action": "trigger", "client": "vigie", "payload": payload}
        secrets = {"routing_key": self.routing_key.get_secret_value()}
        return _notification(self.events_url, self.events_url, content, secrets)

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[PagerDutyPager]:
        async with open_session(self.ca_file) as session:
            yield PagerDutyPager(session, self.routing_key.get_secret_value(), self.events_url)


class WebhookPager(Block):
    """Anything that rings when it gets a POST: a telephone gateway, an on-call tool, a chat bot.

    The receiver gets JSON (action, dedup_key, summary, severity, platform, root, affected, opened_at,
    run_url and more), an Idempotency-Key header, and, with a signing secret, X-Vigie-Signature.
    """

    _block_type_name = "Webhook pager (vigie)"
    _block_type_slug = "vigie-webhook-pager"
    _description = "Rings the person on call through anything that takes a POST."

    url: SecretStr = Field(title="Address", description="Where to POST; kept secret because it may hold a key.")
    signing_secret: SecretStr | None = Field(
        default=None, title="Signing secret", description="Signs each body with HMAC-SHA256, so the receiver knows us."
    )
    ca_file: str | None = _CA_FILE

    def pager(self) -> AbstractAsyncContextManager[Pager]:
        """A `Pager`, to be used with `async with`."""
        return self._open()

    async def examine(self) -> tuple[Capability, ...]:
        """Say what is known without ringing: which host, signed or not."""
        host = urlsplit(self.url.get_secret_value()).hostname or "no host: the address is wrong"
        signed = "signed" if self.signing_secret else "not signed"
        return (Capability("ring", allowed=None, detail=f"{host}, {signed}; it cannot be tried without ringing"),)

    def as_webhook(self) -> CustomWebhookNotificationBlock:
        """The same door for Prefect's own notifications."""
        content = {"action": "trigger", "summary": "{{subject}}", "sentence": "{{body}}", "severity": "page"}
        address = self.url.get_secret_value()
        return _notification("{{address}}", address, content, {"address": address})

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[WebhookCaller]:
        secret = self.signing_secret.get_secret_value() if self.signing_secret else None
        async with open_session(self.ca_file) as session:
            yield WebhookCaller(session, self.url.get_secret_value(), secret)


async def load_pager(name: str, client: PrefectClient | None = None) -> PagerDuty | WebhookPager | None:
    """The saved pager block of that name, of either type; None when there is none."""
    for kind in (PagerDuty, WebhookPager):
        try:
            return await kind.aload(name, client=client)
        except ValueError:
            continue
    return None


def _notification(
    url: str, address: str, content: dict[str, Any], secrets: dict[str, str]
) -> CustomWebhookNotificationBlock:
    from prefect.blocks.fields import SecretDict
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    return CustomWebhookNotificationBlock(
        name="vigie watch",
        url=url,
        json_data=content,
        headers=None,
        cookies=None,
        secrets=SecretDict(secrets),
        allow_private_urls=_is_private(address),
    )


def _is_private(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"
