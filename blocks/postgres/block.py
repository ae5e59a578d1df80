"""As whom do we log in to PostgreSQL, and is that as little as it should be?

The rule: the reader reads. A role that could write, or that is a superuser, is said so by
`vigie blocks check`, because every session of a probe is set read-only by us and not by the server.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.ports.capabilities import Capability

if TYPE_CHECKING:
    from blocks.ports.network import Routes

_PATIENCE = timedelta(seconds=10)


class PostgresReader(Block):
    """A role that may log in and look, for database and replication checks. Filled in by a platform engineer.

    Make the role with `CREATE ROLE vigie LOGIN PASSWORD '...' CONNECTION LIMIT 10; GRANT pg_monitor TO vigie;`
    and let pg_hba.conf admit it from the worker, with TLS.
    """

    _block_type_name: ClassVar[str | None] = "Vigie PostgreSQL reader"
    _block_type_slug: ClassVar[str | None] = "vigie-postgres-reader"
    _description: ClassVar[str | None] = "Logs in to PostgreSQL to see whether it answers and replicates; read-only."

    user: str = Field(description="Role to log in as")
    password: SecretStr = Field(description="Its password")
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        default="verify-full", description="How TLS is used; anything below verify-full trusts the network"
    )
    ca_file: str | None = Field(
        default=None, description="PEM file with the authorities to trust instead of the system's"
    )

    def connection_options(self) -> dict[str, Any]:
        """Everything psycopg needs but the place to connect to. Holds the password: never log it."""
        verify = self.sslmode.startswith("verify")
        authorities = self.ca_file or ssl.get_default_verify_paths().cafile or "system"
        return {
            "user": self.user,
            "password": self.password.get_secret_value(),
            "sslmode": self.sslmode,
            "sslrootcert": authorities if verify else "",
            "gssencmode": "disable",
        }

    async def examine(
        self, address: str = "", database: str = "postgres", routes: Routes | None = None
    ) -> tuple[Capability, ...]:
        """What this role may do at `address` (host:port). Without one, only that it is filled in can be said."""
        from blocks.postgres.examine import examine_role

        if not address:
            said = "a database role can only be examined where it logs in; name a database"
            return (Capability("log in", allowed=None, detail=said),)
        return await examine_role(self, address, database, routes, _PATIENCE)
