"""Which secret headers does an address want, and to which hosts may they go?

Opened by steps of a recovery plan that call an address. The rule: a secret is bound to hosts by whoever fills in the
block, so that nobody who writes an address in the catalogue can have it sent elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import Field, field_validator

from blocks.network.call import refuse_host
from blocks.ports.capabilities import Capability

_HEADER = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
_HOST = re.compile(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$|^[0-9a-f:]+$")


class AddressCredentials(Block):
    """Headers that an address asks for in confidence, such as `Authorization: Bearer …`.

    Filled in by a platform engineer. Let whoever runs the address give vigie a token of its own that may do what the
    plan's step does and nothing else.
    """

    _block_type_name: ClassVar[str | None] = "Vigie address credentials"
    _block_type_slug: ClassVar[str | None] = "vigie-address-credentials"
    _description: ClassVar[str | None] = (
        "Secret headers for addresses that a recovery plan calls, bound to their hosts."
    )

    hosts: list[str] = Field(min_length=1, description="Hosts that may be sent them: partner.example")
    headers: SecretDict = Field(description="Header to value: Authorization to Bearer …")

    @field_validator("hosts")
    @classmethod
    def _plain_hosts(cls, hosts: list[str]) -> list[str]:
        found = [host.strip().lower() for host in hosts]
        if wrong := next((host for host in found if not _HOST.match(host)), None):
            raise ValueError(f"expected a host's name without scheme, port or star, not {wrong!r}")
        return found

    @field_validator("headers")
    @classmethod
    def _on_one_line(cls, headers: SecretDict) -> SecretDict:
        """Nothing of a value stands in what is said of it."""
        found = headers.get_secret_value()
        if not found:
            raise ValueError("expected at least one header")
        for name, value in found.items():
            if not _HEADER.match(name):
                raise ValueError(f"expected the name of a header, not {name!r}")
            if not isinstance(value, str) or not value or not value.isprintable():
                raise ValueError(f"the value of {name} is no text, is empty, or is not on one line")
        return headers

    def for_host(self, host: str, block: str) -> Mapping[str, str]:
        """The headers in clear: never log them. Raises `Refused` for a host that is not named here."""
        if host.lower() not in self.hosts:
            raise refuse_host(host, block, ", ".join(self.hosts))
        return dict(self.headers.get_secret_value())

    async def examine(self) -> tuple[Capability, ...]:
        """What can be said without calling: for whom it is filled in. Only the step itself may call the address."""
        names = ", ".join(self.headers.get_secret_value())
        said = f"{names} for {', '.join(self.hosts)}; tried only by the step that calls"
        return (Capability("call an address", allowed=None, detail=said),)
