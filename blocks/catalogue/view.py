"""What was written about a thing, even where half of it is wrong?

Rules that join things by name (a service and its site) must look at every file whole, also when one
of its values is of the wrong type: else repairing one mistake would only uncover the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blocks.catalogue.document import Document, Steps
from blocks.catalogue.mistakes import Mistake


@dataclass(frozen=True, slots=True)
class Entry:
    """One map of a file, and where it stands. Whatever is not of the expected type is left out."""

    document: Document
    path: Steps
    value: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The key it stands under."""
        return str(self.path[-1]) if self.path else ""

    def entries(self, key: str) -> dict[str, Entry]:
        """The maps in the map under `key`, by name."""
        return {
            name: Entry(self.document, (*self.path, key, name), child)
            for name, child in self._map(key).items()
            if isinstance(child, Mapping)
        }

    def part(self, key: str) -> Entry:
        """The map under `key`, empty where there is none."""
        return Entry(self.document, (*self.path, key), self._map(key))

    def names(self, key: str) -> list[str]:
        """Every name declared under `key`, right or wrong."""
        return list(self._map(key))

    def text(self, key: str) -> str | None:
        """The text under `key`, if it is one."""
        value = self.value.get(key)
        return value if isinstance(value, str) else None

    def texts(self, key: str) -> Iterator[tuple[Steps, str]]:
        """Each text of the list under `key`, with its place."""
        value = self.value.get(key)
        items: list[Any] = value if isinstance(value, list) else []
        for index, item in enumerate(items):
            if isinstance(item, str):
                yield (key, index), item

    def wrong(self, at: Steps, text: str, nearest: str = "") -> Mistake:
        """A mistake at the value under `at`, seen from here; at this entry's own key when `at` is empty."""
        path = (*self.path, *at)
        position = self.document.at_value(path) if at else self.document.at_key(path)
        return self.document.mistake(position, text, nearest)

    def wrong_key(self, at: Steps, text: str, nearest: str = "") -> Mistake:
        """A mistake at the key of `at`; at the nearest key around it where there is none."""
        return self.document.mistake(self.document.at_key((*self.path, *at)), text, nearest)

    def _map(self, key: str) -> Mapping[str, Any]:
        value = self.value.get(key)
        return value if isinstance(value, Mapping) else {}


def root_of(document: Document) -> Entry:
    """The file's top."""
    return Entry(document, (), document.value if isinstance(document.value, dict) else {})
