"""With which key do we sign a change of a name server's zone?

A TSIG key (RFC 8945) is a name, an algorithm and a secret that the server knows too. What it may change is written on
the server: docs/recovery-dns.md shows a rule for one name and one type.

The rule: the key is opened only by steps that change something; looking needs none.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, field_validator

from blocks.ports.capabilities import Capability

if TYPE_CHECKING:
    import dns.tsig

_SHORTEST_BYTES = 16


class TsigKey(Block):
    """A key that signs changes of one zone. Make it with `tsig-keygen`. Least rights: docs/recovery-dns.md."""

    _block_type_name: ClassVar[str | None] = "TSIG key (vigie)"
    _block_type_slug: ClassVar[str | None] = "vigie-tsig-key"
    _description: ClassVar[str | None] = "Signs changes of DNS records. Opened only by steps that change."

    name: str = Field(min_length=1, description="Its name, as the name server knows it: vigie-hearth")
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = Field(
        default="hmac-sha256", description="As tsig-keygen wrote it"
    )
    secret: SecretStr = Field(description="Its secret, in base64, as tsig-keygen wrote it")

    @field_validator("secret")
    @classmethod
    def _a_secret(cls, secret: SecretStr) -> SecretStr:
        try:
            length = len(base64.b64decode(secret.get_secret_value(), validate=True))
        except (binascii.Error, ValueError):
            length = 0
        if length < _SHORTEST_BYTES:
            raise ValueError(f"the secret is not base64 of at least {_SHORTEST_BYTES} bytes, as tsig-keygen writes it")
        return secret

    def key(self) -> dns.tsig.Key:
        """As dnspython wants it. Holds the secret: never log it."""
        import dns.tsig

        return dns.tsig.Key(self.name, self.secret.get_secret_value(), self.algorithm)

    async def examine(self) -> tuple[Capability, ...]:
        """What can be said without a server: that it is filled in. What it may change is written on the server."""
        said = f"key {self.name} ({self.algorithm}); tried only by a change: see docs/recovery-dns.md for its rights"
        return (Capability("update a zone", allowed=None, detail=said),)
