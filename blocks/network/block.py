"""From where, and trusting whom, do probes look at services?

In production there is nothing to fill in: names are resolved as usual and the system's authorities
are trusted. The sandbox leads real names to loopback here, and nowhere else.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field

from blocks.clock import SystemClock
from blocks.errors import VigieError
from blocks.network.certificate import trust
from blocks.network.course import Course
from blocks.network.names import Names, dial, host_and_port
from blocks.ports.capabilities import Capability
from blocks.ports.network import Routes

_PATIENCE = timedelta(seconds=3)


class ProbeNetwork(Block):
    """How probes reach the services they check. Filled in by a platform engineer.

    Leave everything empty unless probes must go another way than the clients of a service do: through
    a gateway of their own, or with a private certificate authority.
    """

    _block_type_name: ClassVar[str | None] = "Vigie probe network"
    _block_type_slug: ClassVar[str | None] = "vigie-probe-network"
    _description: ClassVar[str | None] = "How probes reach the services they check: other addresses, other authorities."

    connect_to: dict[str, str] = Field(
        default_factory=dict,
        title="Connect to",
        description='Where to connect instead, by "host:port", as "address:port". Names in TLS stay the real ones.',
    )
    ca_file: str | None = Field(
        default=None,
        title="Authorities",
        description="PEM file with the certificate authorities to trust instead of the system's.",
    )

    def routes(self) -> Routes:
        """What this block says, as every adapter takes it."""
        return self.over(Routes())

    def over(self, routes: Routes) -> Routes:
        """These routes, with what this block says going first."""
        return Routes({**routes.connect_to, **self.connect_to}, self.ca_file or routes.ca_file)

    async def examine(self) -> tuple[Capability, ...]:
        """What probes can do from here: trust the authorities, reach each address led elsewhere."""
        names = Names(self.routes())
        try:
            reached = await asyncio.gather(*(_reach(names, target) for target in sorted(self.connect_to)))
        finally:
            await names.close()
        return (_trusted(self.ca_file), *reached)


def _trusted(ca_file: str | None) -> Capability:
    action = f"trust {ca_file or 'the authorities of this machine'}"
    try:
        count = trust(ca_file).cert_store_stats()["x509_ca"]
    except VigieError as error:
        return Capability(action, allowed=False, detail=str(error))
    return Capability(action, allowed=count > 0 or ca_file is None, detail=f"{count} authorities")


async def _reach(names: Names, target: str) -> Capability:
    course = Course(SystemClock(), 0.0, _PATIENCE)
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            (await dial(names, *host_and_port(target), course)).close()
    except (OSError, VigieError) as error:
        return Capability(f"connect to {target}", allowed=False, detail=str(error) or "no answer")
    return Capability(f"connect to {target}", allowed=True)
