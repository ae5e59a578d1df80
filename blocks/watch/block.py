"""Who notices when vigie itself is gone?

An address somebody else watches (a heartbeat service, another data centre's monitoring) is called at
every finished sweep. When the calls stop, that somebody tells people; nothing of ours has to live.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
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
        """Call the address once. Raises `Retryable` or `Broken`; the message never holds the path of the address."""
        import aiohttp  # and not httpx, which logs every address it calls

        url = self.url.get_secret_value().replace("{platform}", platform)
        where = _host(url)
        trusted = self._trust()
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), timeout=timeout) as session,
                session.get(url) as answer,
            ):
                status = answer.status
        except aiohttp.InvalidURL:
            raise Broken(
                "the outside watch's address is not an address", where=where, next_step=f"correct the block {NAME}"
            ) from None  # the client's own words quote the address
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Retryable(
                f"the outside watch does not answer ({type(error).__name__})",
                where=where,
                next_step="nothing of vigie is harmed; see whether that host is up",
            ) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise Retryable(
                f"the outside watch answered {status}", where=where, next_step=f"see its address in the block {NAME}"
            )

    async def examine(self) -> tuple[Capability, ...]:
        """Says where it calls; calling it would be a false sign of life."""
        host = _host(self.url.get_secret_value())
        return (Capability("call at every finished sweep", allowed=None, detail=f"{host}, not called by this check"),)

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Broken(
                f"the outside watch's certificate authorities cannot be read ({type(error).__name__})",
                where=self.ca_file or "the system's store",
                next_step=f"correct ca_file in the block {NAME}",
            ) from error


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the outside watch"
    except ValueError:
        return "the outside watch"


async def load_watch(client: Any = None) -> OutsideWatch | None:
    """The saved block, or None where nobody watches from outside."""
    try:
        return await OutsideWatch.aload(NAME, client=client)
    except ValueError:
        return None
