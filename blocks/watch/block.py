"""Who notices when vigie itself is gone?

An address somebody else watches (a heartbeat service, another data centre's monitoring) is called at
every finished sweep. When the calls stop, that somebody tells people; nothing of ours has to live.
"""

from __future__ import annotations

import ssl
from typing import Any, ClassVar
from urllib.parse import urlsplit

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.errors import Broken, Retryable
from blocks.ports.capabilities import Capability

NAME = "outside-watch"
_TIMEOUT_S = 5.0


class OutsideWatch(Block):
    """The address that is called at every finished sweep, so that an outside watcher sees vigie live.

    Save it under the name `outside-watch`. Put `{platform}` into the address when each platform has
    its own; it is replaced by the platform's name. The watcher should allow three sweep intervals.
    """

    _block_type_name: ClassVar[str | None] = "Vigie outside watch"
    _block_type_slug: ClassVar[str | None] = "vigie-outside-watch"
    _description: ClassVar[str | None] = (
        "Called at every finished sweep; whoever watches it notices when vigie is gone."
    )

    url: SecretStr = Field(description="Address to call with GET; often holds a token, so it is kept secret")
    ca_file: str | None = Field(default=None, description="PEM file of authorities to trust instead of the system's")

    async def beat(self, platform: str) -> None:
        """Call the address once. Raises `Retryable` or `Broken`; the message never holds the address's path."""
        import httpx

        url = self.url.get_secret_value().replace("{platform}", platform)
        where = urlsplit(url).hostname or "the outside watch"
        try:
            async with httpx.AsyncClient(verify=self._trust(), timeout=_TIMEOUT_S) as client:
                answer = await client.get(url)
        except httpx.InvalidURL as error:
            raise Broken("the outside watch's address is not an address", where=where) from error
        except httpx.HTTPError as error:
            raise Retryable(f"the outside watch does not answer ({type(error).__name__})", where=where) from error
        if answer.status_code >= 400:  # noqa: PLR2004 - HTTP's own bound
            raise Retryable(f"the outside watch answered {answer.status_code}", where=where)

    async def examine(self) -> tuple[Capability, ...]:
        """Says where it calls; calling it would be a false sign of life."""
        host = urlsplit(self.url.get_secret_value()).hostname
        return (Capability("call at every finished sweep", allowed=None, detail=f"{host}, not called by this check"),)

    def _trust(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True


async def load_watch(client: Any = None) -> OutsideWatch | None:
    """The saved block, or None where nobody watches from outside."""
    try:
        return await OutsideWatch.aload(NAME, client=client)
    except ValueError:
        return None
