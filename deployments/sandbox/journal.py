"""Does the sandbox's journal have its tables? Makes them, then ends.

The rule: the journal is upgraded before anything that writes to it starts, as in production.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blocks.errors import Broken
from blocks.journal.schema import upgrade
from deployments.sandbox.state import State


def main() -> None:
    """Bring the schema of the journal in the sandbox at --state to the newest version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    state = State.at(parser.parse_args().state)
    dsn = state.read_ready("control-database").get("journal_dsn")
    if not dsn:
        raise Broken(
            "the sandbox's control database is not ready",
            where=str(state.ready),
            next_step=f"read {state.log('control-database')}",
        )
    upgrade(str(dsn))


if __name__ == "__main__":
    main()
