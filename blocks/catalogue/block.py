"""Which version of a platform do runs work with?

The catalogue's platform as a saved block: what was in git when `vigie apply` ran, and its digest. A
run reads this and never the files, so that two runs of one night speak of the same platform; one
edited by hand is refused, because nobody reviewed it.
"""

from __future__ import annotations

import hashlib
from typing import Self

from prefect.blocks.core import Block
from pydantic import Field

from blocks.catalogue.model import Customer, Platform
from blocks.catalogue.serialised import customer_from_json, customer_to_json, platform_from_json, platform_to_json
from blocks.errors import Broken


class PlatformBlock(Block):
    """One platform and its customer, as the catalogue declared them when `vigie apply` last ran.

    Nobody fills this in by hand: change deployments/catalogue/*.yaml, have it reviewed, and run
    `vigie apply`. It holds no secret, only the names of credential blocks.
    """

    _block_type_name = "Platform (vigie)"
    _block_type_slug = "vigie-platform"
    _description = "A platform as the catalogue declares it, with the digest of that version. Written by vigie apply."

    customer_name: str = Field(title="Customer", description="Who owns the platform.")
    digest: str = Field(title="Version", description="SHA-256 of platform and customer below, 64 hexadecimal digits.")
    platform_json: str = Field(title="Platform", description="The platform as canonical JSON.")
    customer_json: str = Field(title="Customer's settings", description="The customer as canonical JSON.")

    @classmethod
    def of(cls, platform: Platform, customer: Customer) -> Self:
        """The block that holds these two."""
        written, owner = platform_to_json(platform), customer_to_json(customer)
        return cls(
            customer_name=customer.name, digest=_digest(written, owner), platform_json=written, customer_json=owner
        )

    def platform(self) -> Platform:
        """The platform. Raises `Broken` when the block is not what `vigie apply` wrote."""
        self._verify()
        return platform_from_json(self.platform_json)

    def customer(self) -> Customer:
        """The platform's customer. Raises `Broken` when the block is not what `vigie apply` wrote."""
        self._verify()
        return customer_from_json(self.customer_json)

    def _verify(self) -> None:
        if _digest(self.platform_json, self.customer_json) != self.digest:
            raise Broken(
                f"the saved platform of customer {self.customer_name!r} does not match its version {self.digest[:12]}",
                where=f"block {self._block_document_name or 'of type vigie-platform'}",
                next_step="somebody edited it by hand: make the change in the catalogue and run vigie apply",
                code="probe_failed",
            )


def _digest(platform_json: str, customer_json: str) -> str:
    return hashlib.sha256(f"{platform_json}\n{customer_json}".encode()).hexdigest()
