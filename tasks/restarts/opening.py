"""Who restarts a service of this kind, and with whose credentials?

The reader's credential looks; the operator's is opened only at the moment when something is changed.
"""

from __future__ import annotations

from collections.abc import Callable

from blocks.catalogue.kinds import KINDS, Provider, open_restarter_path
from blocks.catalogue.model import Platform, Service, Site
from blocks.clock import SystemClock
from blocks.errors import Refused
from blocks.ports.changes import Restarter
from tasks.core.opening import imported, load_block, load_routes

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
    opened: Callable[..., Restarter] = imported(path)
    return opened(
        load_block(imported(reader), site.credentials),
        lambda: load_block(imported(operator), _operator_of(platform, site)),
        routes=load_routes(),
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
