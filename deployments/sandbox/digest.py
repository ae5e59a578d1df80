"""What else writes to a household's data, besides the services that clients talk to?

The digest's worker: a job that writes a row every two seconds, by itself, into whichever database takes writes.
`python -m deployments.sandbox.digest --state DIR --name household-digest`. It is what a move must stop on the side
that it leaves, because nobody who watches clients would notice that it goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from deployments.sandbox.household import Household, UnavailableError
from deployments.sandbox.state import State

SITES = {"household-digest": "azure-west", "household-digest-recovery": "dc-west"}
"""Component -> the site in which it works."""
_EVERY_S = 2.0


async def work(state: State, name: str) -> None:
    """Write for ever; what fails is told once, and again when it is over."""
    site, worked = SITES[name], True
    household = Household(state, site)
    state.write_ready(name, "")
    while True:
        try:
            await household.add_digest(site)
            why = ""
        except UnavailableError as error:
            why = str(error)
        if worked is bool(why):
            print(f"no digest: {why}" if why else "digests are written again", file=sys.stderr, flush=True)  # noqa: T201
        worked = not why
        await asyncio.sleep(_EVERY_S)


def main() -> None:
    """Run one site's worker in the foreground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--name", choices=sorted(SITES), required=True)
    arguments = parser.parse_args()
    asyncio.run(work(State.at(arguments.state), arguments.name))


if __name__ == "__main__":
    main()
