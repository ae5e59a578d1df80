"""Where is the journal, and may we write in it?

The saved, typed address of the journal. The rule: the address holds a password, so it is a secret
and never shown; whoever fills it in sees with `vigie blocks check` whether it is right.
"""

from __future__ import annotations

import asyncio

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.errors import VigieError
from blocks.journal.adapter import PostgresJournal
from blocks.journal.opening import open_journal
from blocks.journal.rights import examine_journal
from blocks.ports.capabilities import Capability


class JournalDatabase(Block):
    """The PostgreSQL database that holds vigie's journal: what was seen, decided and done.

    Filled in by whoever runs vigie. The database must lie outside every site that vigie watches, its
    user owns the journal's tables and nothing else, and it is backed up. `vigie journal upgrade` makes
    the tables.
    """

    _block_type_name = "Journal Database"
    _block_type_slug = "vigie-journal-database"
    _description = "The PostgreSQL database that holds vigie's journal."

    dsn: SecretStr = Field(
        title="Address",
        description="postgresql://user:password@host:port/database, add ?sslmode=verify-full outside the sandbox",
    )

    def open(self) -> PostgresJournal:
        """The journal; connects on first use."""
        return open_journal(self.dsn.get_secret_value())

    async def examine(self) -> tuple[Capability, ...]:
        """Connect and say what this user may and may not do."""
        try:
            return await asyncio.to_thread(examine_journal, self.dsn.get_secret_value())
        except VigieError as error:
            return (Capability("connect", allowed=False, detail=str(error)),)


__all__ = ["JournalDatabase", "open_journal"]
