"""How do we get to Azure, and who are we there?

One HTTPS session, one token and one chain of policies serve every management client of a prober.
The rules: no answer is larger than we can hold, what takes long is done beside the loop, and a reader
never registers a resource provider (azure-mgmt's default policies would).
"""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from blocks.azure.failures import AnswerTooLargeError
from blocks.azure.policies import RenewableCredential, authentication, patience
from blocks.errors import Broken
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp
    from azure.core.pipeline.policies import AsyncHTTPPolicy, SansIOHTTPPolicy

    from blocks.azure.block import AzureReader
    from blocks.clock import Clock

ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
_DONE = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})
_SDKS = (
    "azure.identity.aio",
    "azure.mgmt.compute.aio",
    "azure.mgmt.core",
    "azure.mgmt.iothub.v2023_06_30.aio",
    "azure.mgmt.monitor.aio",
    "azure.mgmt.resourcehealth.aio",
    "azure.mgmt.storage.aio",
    "azure.mgmt.web.aio",
)


class Connection:
    """Everything the clients of one credential share; close it when done."""

    def __init__(self, block: AzureReader, ca_file: str | None, clock: Clock) -> None:
        self.block = block
        self._clock = clock
        self._ca_file = block.ca_file or ca_file
        self._clients: dict[tuple[type, str], Any] = {}

    async def __aenter__(self) -> Self:
        context = await asyncio.to_thread(_prepare, self._ca_file)
        from azure.core.pipeline.transport import AioHttpTransport

        self._session = _open_session(context)
        try:
            self._transport = AioHttpTransport(session=self._session, session_owner=False)
            self._credential = RenewableCredential(self.block, self._transport)
        except BaseException:
            await self._session.close()
            raise
        self._policies = self._chain()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.close()
        await self._credential.close()
        await self._session.close()

    def client(self, kind: type, subscription: str, **options: Any) -> Any:
        """The one management client of this kind for a subscription."""
        key = (kind, subscription)
        if key not in self._clients:
            self._clients[key] = kind(
                self._credential,
                subscription,
                base_url=self.block.arm_endpoint,
                credential_scopes=[self.block.scope],
                policies=self._policies,
                transport=self._transport,
                **options,
            )
        return self._clients[key]

    async def get(self, path: str, api_version: str) -> Any:
        """One plain ARM read, for what has no client of its own; JSON or an HttpResponseError."""
        from azure.core.exceptions import HttpResponseError

        response = await self._sent("GET", path, api_version, None)
        if response.status_code != HTTPStatus.OK:
            raise HttpResponseError(response=response)
        return response.json()

    async def send(
        self, method: str, path: str, api_version: str, body: Mapping[str, Any] | None, *, request_id: str
    ) -> str:
        """One plain ARM change, for what has no client of its own: Azure's name for it, or an HttpResponseError."""
        from azure.core.exceptions import HttpResponseError

        response = await self._sent(method, path, api_version, body, request_id=request_id)
        if response.status_code not in _DONE:
            raise HttpResponseError(response=response)
        return str(response.headers.get("x-ms-correlation-request-id", ""))

    async def _sent(self, method: str, path: str, api_version: str, body: Any, **options: str) -> Any:
        from azure.core.rest import HttpRequest
        from azure.mgmt.core import AsyncARMPipelineClient

        client: Any = AsyncARMPipelineClient(
            base_url=self.block.arm_endpoint, policies=self._policies, transport=self._transport
        )
        url = path if path.startswith("https://") else client.format_url(path)
        params = {} if "api-version=" in url else {"api-version": api_version}
        return await client.send_request(HttpRequest(method, url, params=params, json=body), **options)

    def _chain(self) -> list[AsyncHTTPPolicy[Any, Any] | SansIOHTTPPolicy[Any, Any]]:
        from azure.core.pipeline import policies

        return [
            policies.RequestIdPolicy(),
            policies.HeadersPolicy(),
            policies.UserAgentPolicy(base_user_agent="vigie"),
            policies.ContentDecodePolicy(),
            patience(self._clock),
            authentication(self._credential, self.block.scope),
        ]


def _prepare(ca_file: str | None) -> ssl.SSLContext:
    """What takes a second, done beside the loop: other checks measure their latency on it meanwhile."""
    for module in _SDKS:
        import_module(module)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Broken(
            f"the file of trusted authorities cannot be used ({type(error).__name__})",
            where=str(ca_file),
            next_step="correct ca_file in the credential block",
            code=MissingCode.PROBE_FAILED,
        ) from error


def _open_session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """One TLS context for all requests: azure-core would build one for each."""
    import aiohttp

    class BoundedResponse(aiohttp.ClientResponse):
        async def read(self) -> bytes:
            if self._body is None:
                whole = bytearray()
                async for chunk in self.content.iter_chunked(65_536):
                    whole += chunk
                    if len(whole) > ANSWER_LIMIT_BYTES:
                        self.close()
                        raise AnswerTooLargeError(f"Azure sent more than {ANSWER_LIMIT_BYTES} bytes")
                self._body = bytes(whole)
            return self._body

    async def once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """A change whose connection broke may have happened: aiohttp would send a PUT or DELETE once more."""
        try:
            return await send(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if request.method in ("GET", "HEAD") or isinstance(error, aiohttp.ClientConnectorError):
                raise
            raise aiohttp.ClientConnectionError(f"the answer was lost ({type(error).__name__})") from error

    return aiohttp.ClientSession(
        middlewares=(once,),
        connector=aiohttp.TCPConnector(ssl=context, limit=32),
        response_class=BoundedResponse,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,
        auto_decompress=True,
    )
