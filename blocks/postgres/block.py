"""As whom do we log in to PostgreSQL, and is that as little as it should be?

The rule: the reader reads. A role that could write, or that is a superuser, is said so by
`vigie blocks check`, because every session of a probe is set read-only by us and not by the server.
"""

from __future__ import annotations

import asyncio
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


class PostgresOperator(PostgresReader):
    """A role that promotes, drains and protects servers of a replicated pair, and writes to no table.

    Its rights, and nothing more: docs/permissions-postgres.md. Opened only by steps that change something.
    """

    _block_type_name: ClassVar[str | None] = "Vigie PostgreSQL operator"
    _block_type_slug: ClassVar[str | None] = "vigie-postgres-operator"
    _description: ClassVar[str | None] = (
        "Promotes, drains and protects PostgreSQL servers in a recovery; no table rights."
    )

    async def examine(
        self, address: str = "", database: str = "postgres", routes: Routes | None = None
    ) -> tuple[Capability, ...]:
        """What this role may do at `address` (host:port). Without one, only that it is filled in can be said."""
        from blocks.postgres.examine import examine_operator

        if not address:
            said = "a database role can only be examined where it logs in; name a database"
            return (Capability("log in", allowed=None, detail=said),)
        return await asyncio.to_thread(examine_operator, self, address, database, routes)


class DatabaseHost(Block):
    """A token for the doors beside PostgreSQL servers, a reader's or an operator's. docs/recovery-postgres.md."""

    _block_type_name: ClassVar[str | None] = "Vigie database host"
    _block_type_slug: ClassVar[str | None] = "vigie-database-host"
    _description: ClassVar[str | None] = (
        "Opens the doors beside PostgreSQL servers: how they are, fence, follow, count."
    )

    token: SecretStr = Field(description="What the doors know as their reader's or their operator's token")
    doors: list[str] = Field(description="host:port of each door that it opens; it is shown to no other")
    ca_file: str | None = Field(
        default=None, description="PEM file with the authorities to trust instead of the system's"
    )

    async def examine(self, routes: Routes | None = None) -> tuple[Capability, ...]:
        """Whether each door opens, and what it lets this token do. Never raises for what a door answers."""
        from blocks.ports.network import Routes
        from blocks.postgres.host import examine_doors

        return await asyncio.to_thread(examine_doors, self, routes or Routes())
