"""Which Prefect server and journal does this shell talk to?

Whatever the environment says. Where it says nothing and a sandbox is up, the sandbox: its file
`sandbox.env` is read, so that `vigie now` after `vigie up` needs no export.
"""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def adopt_sandbox() -> bool:
    """Take the sandbox's addresses into this process's environment; False when production's are set or none is up."""
    if "PREFECT_API_URL" in os.environ or "VIGIE_JOURNAL_DSN" in os.environ:
        return False
    file = Path(os.environ.get("VIGIE_HOME") or CHECKOUT / ".vigie") / "sandbox.env"
    if not file.is_file():
        return False
    for line in file.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))
    return True
