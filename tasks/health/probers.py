"""Which prober makes a check, and with whose credentials?

Credential blocks are opened once a sweep and only when a check needs them. A block that is absent or
refuses to open leaves its own checks without evidence and harms no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from blocks.catalogue.kinds import Provider, open_prober_path, prober_for
from blocks.clock import Clock, SystemClock
from blocks.errors import Broken, Refused
from blocks.ports.health import MissingCode, Probe, Prober
from blocks.ports.network import Routes

if TYPE_CHECKING:
    from types import TracebackType

_BLOCKS: dict[Provider, str] = {
    "azure": "blocks.azure.block:AzureReader",
    "aws": "prefect_aws:AwsCredentials",
    "openstack": "blocks.openstack.block:OpenStackReader",
    "postgres": "blocks.postgres.block:PostgresReader",
    "network": "blocks.network.block:ProbeNetwork",
}
NETWORK_BLOCK = "probe-network"
"""Where real names lead, when not where the name service says; absent in most installations."""


class ProberPool:
    """Opens each needed prober once and closes all at the end.

    `open_prober` is called concurrently; whoever asks first opens, the others wait for the same one.
    """

    def __init__(self, routes: Routes, clock: Clock | None = None) -> None:
        self._routes = routes
        self._clock = clock or SystemClock()
        self._opened: dict[tuple[str, str], asyncio.Future[Prober]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def open_prober(self, probe: Probe) -> Prober:
        """The prober for this check. Raises `Refused` or `Broken` when its credential block cannot be opened."""
        provider = prober_for(probe.service.kind, probe.check.kind)
        name = _block_name(provider, probe)
        key = (provider, name)
        if key not in self._opened:
            self._opened[key] = asyncio.ensure_future(self._open(provider, name))
        return await asyncio.shield(self._opened[key])

    async def _open(self, provider: Provider, name: str) -> Prober:
        open_prober: Callable[..., Prober] = await _imported(open_prober_path(provider))
        block = await load_block(await _imported(_BLOCKS[provider]), name) if name else None
        return await self._stack.enter_async_context(open_prober(block, routes=self._routes, clock=self._clock))


def _block_name(provider: Provider, probe: Probe) -> str:
    if provider in ("network", "journal"):
        return ""
    if provider == "postgres":
        return probe.check.credentials or probe.platform.database_credentials or ""
    return probe.platform.credentials_for(probe.service, probe.check)


async def load_block(block_class: type[Any], name: str) -> Any:
    """A saved block, or `Refused` saying which one is absent."""
    kind = block_class.get_block_type_slug()
    try:
        return await block_class.aload(name)
    except ValueError as error:
        raise Refused(
            f"no {kind} block named {name!r} is saved",
            where="the credential blocks",
            next_step="create it in the Prefect UI, then run `vigie blocks check`",
            code=MissingCode.CREDENTIALS.value,
        ) from error
    except RuntimeError as error:
        raise Broken(
            f"the {kind} block named {name!r} cannot be opened ({type(error).__name__})",
            where="the credential blocks",
            code=MissingCode.CREDENTIALS.value,
        ) from error


async def load_routes() -> Routes:
    """Where real names lead: the `probe-network` block's word, or as the name service says."""
    from blocks.network.block import ProbeNetwork

    try:
        return (await ProbeNetwork.aload(NETWORK_BLOCK)).over(Routes())
    except ValueError:
        return Routes()


async def _imported(path: str) -> Any:
    """Give what module:name names, imported beside the loop because a cloud's SDK takes a second."""
    module, _, name = path.partition(":")
    return getattr(await asyncio.to_thread(import_module, module), name)


async def load_platform_block(platform: str) -> Any:
    """The platform as `vigie apply` registered it. Raises `Refused` naming the platform when it did not."""
    from blocks.catalogue.block import PlatformBlock

    try:
        return await PlatformBlock.aload(platform)
    except ValueError as error:
        raise Refused(
            f"no platform named {platform!r} is registered",
            where="the catalogue",
            next_step="correct the name, or run `vigie apply`",
        ) from error
