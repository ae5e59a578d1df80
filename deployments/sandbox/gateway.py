"""The product's gateway in the sandbox: where does the sandbox's Slack find it?

`python -m deployments.sandbox.gateway --state DIR`. The same gateway as in production; it listens on loopback, says
where in its ready file, and reads its settings from the blocks once they are saved, so it may start before them.
With the sandbox's app-level token it opens a Socket Mode connection besides, and Slack prefers that one.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from deployments.gateway.serve import LOOPBACK, serve
from deployments.sandbox.state import State


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    state = State.at(arguments.state)

    def ready(address: str) -> None:
        urls = {
            "interactivity_url": f"{address}/slack/interactive",
            "commands_url": f"{address}/slack/commands",
            "events_url": f"{address}/slack/events",
        }
        state.write_ready(
            "gateway",
            address.removeprefix("http://"),
            page=f"{address}/health",
            shortcuts=[{"callback_id": "vigie", "name": "vigie"}],
            **urls,
        )

    serve(LOOPBACK, arguments.port, ready)


if __name__ == "__main__":
    main()
