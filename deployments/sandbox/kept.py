"""What does the sandbox know again after it was down? What its simulated clouds and its supervisor left in its folder.

One file a component, replaced at once whenever something in it changed. The rules: what was never changed follows the
catalogue and the code of today; what an older layout wrote, or nobody can read, is forgotten aloud, and never guessed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployments.sandbox.state import write_text

LAYOUT = 1
"""Of every file of this kind; one more whenever a key changes its sense."""


class Kept:
    """The file of one component."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = file
        self._written = ""

    def read(self) -> dict[str, Any]:
        """What was written last; empty when there is nothing that we understand."""
        try:
            found = json.loads(self._file.read_text())
            if found["layout"] == LAYOUT:
                return dict(found["content"])
            why = f"it has layout {found['layout']}, and {LAYOUT} is known here"
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
        logging.getLogger(__name__).warning("%s is forgotten, all begins anew: %s", self._file, why)
        return {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the file where something is different."""
        text = json.dumps({"layout": LAYOUT, "content": content}, sort_keys=True) + "\n"
        if text != self._written:
            write_text(self._file, text)
            self._written = text


def digest_of(seed: object) -> str:
    """What a thing began as, to tell whether it would begin otherwise today."""
    return hashlib.sha256(json.dumps(seed, sort_keys=True).encode()).hexdigest()[:16]
