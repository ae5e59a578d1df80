"""Who restarts a service of this kind, and with whose credentials?

The reader's credential looks; the operator's is opened only at the moment when something is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from blocks.catalogue.kinds import KINDS, Provider, open_restarter_path
from blocks.catalogue.model import Platform, Service, Site
from blocks.clock import SystemClock
from blocks.errors import Refused
from blocks.orchestrator.loading import prefect_answers
from blocks.ports.changes import Restarter
from blocks.ports.network import Routes

_CREDENTIALS: dict[Provider, tuple[str, str]] = {  # the reader's block type, the operator's
    "azure": ("blocks.azure.block:AzureReader", "blocks.azure.block:AzureOperator"),
    "aws": ("prefect_aws:AwsCredentials", "prefect_aws:AwsCredentials"),
    "openstack": ("blocks.openstack.block:OpenStackReader", "blocks.openstack.block:OpenStackOperator"),
}


def open_restarter(platform: Platform, service: Service) -> Restarter:
    """The restarter of the service's provider. Raises `Refused` for a kind that is not restarted."""
    path = open_restarter_path(service.kind)
    site, provider = platform.sites[service.site], KINDS[service.kind].provider
    reader, operator = _CREDENTIALS[provider]
    opened: Callable[..., Restarter] = _imported(path)
    return opened(
        _block(reader, site.credentials),
        lambda: _block(operator, _operator_of(platform, site)),
        routes=_routes(),
        clock=SystemClock(),
    )


def find_service(platform: Platform, name: str) -> Service:
    """The service by its name. Raises `Refused` naming those there are."""
    if name not in platform.services:
        raise Refused(
            f"{platform.name} has no service {name!r}", next_step=f"choose one of {', '.join(platform.services)}"
        )
    return platform.services[name]


def _operator_of(platform: Platform, site: Site) -> str:
    if site.operator is None:
        raise Refused(
            f"site {site.name} of {platform.name} names no operator, so nothing can be changed there",
            where="the catalogue",
            next_step=f"add `operator: <block name>` to sites.{site.name}, and run vigie apply",
        )
    return site.operator


def _block(path: str, name: str) -> Any:
    block_class = _imported(path)
    try:
        with prefect_answers(f"block {name}"):
            return block_class.load(name, _sync=True)
    except ValueError as error:
        raise Refused(
            f"no {block_class.get_block_type_slug()} block named {name!r} is saved",
            where="the credential blocks",
            next_step="create it in the Prefect UI, then run `vigie blocks check`",
        ) from error


def _routes() -> Routes:
    from blocks.network.block import ProbeNetwork
    from tasks.health.probers import NETWORK_BLOCK

    try:
        with prefect_answers(f"block {NETWORK_BLOCK}"):
            found: Any = ProbeNetwork.load(NETWORK_BLOCK, _sync=True)  # pyright: ignore[reportCallIssue]
    except ValueError:
        return Routes()
    return found.over(Routes())


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
