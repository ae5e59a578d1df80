"""May we go on asking Azure, and as whom?

Two links of the chain every request goes through. The rules: a token that Azure no longer accepts is
renewed once, for all who hold it; a throttled request waits as long as Azure asks, but never past the
time of the check that made it.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, cast

from blocks.azure.failures import retry_after

if TYPE_CHECKING:
    from blocks.azure.block import AzureReader
    from blocks.clock import Clock

deadline: ContextVar[float] = ContextVar("deadline")  # monotonic second after which nobody waits any more


class RenewableCredential:
    """The block's credential, with a way to forget a token that Azure says has expired."""

    def __init__(self, block: AzureReader, transport: Any) -> None:
        self._block = block
        self._transport = transport
        self._inner = block.open_credential(transport)
        self._last = ""

    async def get_token_info(self, *scopes: str, options: Any = None) -> Any:
        info = await self._inner.get_token_info(*scopes, options=options or {})
        self._last = info.token
        return info

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        return await self._inner.get_token(*scopes, **options)

    def forget(self, token: str) -> None:
        """Drop the cache that holds `token`; a newer token stays (others may have renewed it already)."""
        if token == self._last:
            self._last = ""
            self._inner = self._block.open_credential(self._transport)

    async def close(self) -> None:
        await self._inner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def authentication(credential: RenewableCredential, scope: str) -> Any:
    """Puts the token on each request, and answers when Azure wants another one."""
    from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

    class Authentication(AsyncARMChallengeAuthenticationPolicy):
        """Answers claims challenges as azure-core does, and any other 401 by one fresh token."""

        async def on_challenge(self, request: Any, response: Any) -> bool:
            if await super().on_challenge(request, response):
                return True
            stale = request.http_request.headers.get("Authorization", "").removeprefix("Bearer ")
            credential.forget(stale)
            await self.authorize_request(request, scope)
            return request.http_request.headers["Authorization"] != f"Bearer {stale}"

    return Authentication(cast("Any", credential), scope, enable_cae=True)


def patience(clock: Clock) -> Any:
    """Waits out short throttling inside the time of the check."""
    from azure.core.pipeline.policies import AsyncHTTPPolicy

    class Patience(AsyncHTTPPolicy[Any, Any]):
        """Waits as long as a throttled answer asks for, if the check still has that time; else hands it on."""

        async def send(self, request: Any) -> Any:
            while True:
                response = await self.next.send(request)
                wait = _wait_asked(response.http_response)
                left = deadline.get(clock.monotonic()) - clock.monotonic()
                if wait is None or wait.total_seconds() >= left:
                    return response
                await clock.sleep(wait)

    return Patience()


def _wait_asked(response: Any) -> timedelta | None:
    if response.status_code not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return None
    wait = retry_after(response.headers)
    return None if wait is None else max(wait, timedelta(seconds=1))
