"""Which journal is ours? VIGIE_JOURNAL_DSN where it is set, else the Prefect block named "journal".

Prefect is only imported when its block is asked for, so that `vigie ack` stays quick.
"""

from __future__ import annotations

import os

from blocks.errors import Broken, Refused
from blocks.journal.adapter import PostgresJournal
from blocks.orchestrator.loading import prefect_answers
from blocks.ports.health import MissingCode

BLOCK_NAME = "journal"
ENVIRONMENT = "VIGIE_JOURNAL_DSN"


def open_journal(dsn: str | None = None) -> PostgresJournal:
    """The journal at `dsn`, or the configured one. Connects on first use. Raises `Refused` when none is configured."""
    return PostgresJournal(dsn or configured_dsn())


def configured_dsn() -> str:
    """The address with its password: never for a log."""
    return os.environ.get(ENVIRONMENT) or _dsn_of_block()


def _dsn_of_block() -> str:
    from prefect.settings import PREFECT_API_URL

    from blocks.journal.block import JournalDatabase

    if not PREFECT_API_URL.value():  # Prefect would start a server of its own, with an empty database
        raise Refused(
            f"no journal is known here: no sandbox is up, and neither {ENVIRONMENT} nor PREFECT_API_URL is set",
            next_step="run `vigie up`, or set the address of your journal or of your Prefect server",
            code=MissingCode.CREDENTIALS,
        )
    try:
        with prefect_answers(f"block {BLOCK_NAME}"):
            block = JournalDatabase.load(BLOCK_NAME, _sync=True)  # pyright: ignore[reportCallIssue]  added by Prefect's dispatch
    except ValueError as error:
        raise Broken(
            f'no journal is configured: {ENVIRONMENT} is not set and Prefect has no block "{BLOCK_NAME}"',
            next_step=f"set {ENVIRONMENT}, or save a Journal Database block with that name",
            code=MissingCode.CREDENTIALS,
        ) from error
    return block.dsn.get_secret_value()
