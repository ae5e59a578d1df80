"""What does a catalogue file say, and where does it say it?

One YAML file as plain values, each with its line and column, so that a mistake can be pointed at. A
file that cannot be read is one mistake and never stops the others from being checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blocks.catalogue.mistakes import Mistake
from blocks.catalogue.nodes import Composer, Node, Position, UnreadableError

Steps = tuple[str | int, ...]
_TOP = Position(1, 1)


class Document:
    """One file: `value` as plain Python, `mistakes` of its YAML, and the position of every key and value."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.text = ""
        self.value: Any = None
        self.mistakes: list[Mistake] = []
        self._root = self._read()

    @property
    def readable(self) -> bool:
        """Could it be read at all? If not, `mistakes` says why."""
        return self._root is not None

    def at_value(self, path: Steps) -> Position:
        """Where the value at `path` begins; the nearest parent's key where there is none."""
        key, node = self._find(path)
        return key if node is None or (node.value is None and not node.text) else node.at

    def at_key(self, path: Steps) -> Position:
        """Where the key of `path` stands; the nearest parent's where there is none."""
        return self._find(path)[0]

    def mistake(self, position: Position, text: str, nearest: str = "") -> Mistake:
        """A mistake in this file."""
        return Mistake(str(self.file), position.line, position.column, text, nearest)

    def _find(self, path: Steps) -> tuple[Position, Node | None]:
        """The key's position and the value at `path`; without the value where the path leads nowhere."""
        node = self._root
        key = node.at if node is not None else _TOP
        for step in path:
            node = self._child(node, step)
            if node is None:
                return key, None
            key, node = node
        return key, node

    def _child(self, node: Node | None, step: str | int) -> tuple[Position, Node] | None:
        if node is None:
            return None
        if isinstance(step, str):
            return node.children.get(step)
        return (node.items[step].at, node.items[step]) if 0 <= step < len(node.items) else None

    def _read(self) -> Node | None:
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            self.text = self.file.read_text(encoding="utf-8-sig")
            return self._compose()
        except UnicodeDecodeError as error:
            return self._unreadable(f"expected UTF-8 text; byte {error.start} is not", _TOP)
        except UnreadableError as error:
            return self._unreadable(str(error), error.position)
        except MarkedYAMLError as error:
            mark, start = error.problem_mark or error.context_mark, error.context_mark
            began = f", {error.context} that begins on line {start.line + 1}" if error.context and start else ""
            position = Position(mark.line + 1, mark.column + 1) if mark else _TOP
            return self._unreadable(f"not YAML: {error.problem or 'unreadable'}{began}", position)
        except (YAMLError, OSError) as error:
            return self._unreadable(f"cannot be read: {str(error).splitlines()[0]}", _TOP)

    def _compose(self) -> Node | None:
        composer = Composer()
        root = composer.compose(self.text)
        if root is None:
            return self._unreadable("expected customers: or platforms:, but the file is empty", _TOP)
        self.mistakes += [self.mistake(position, text) for position, text in composer.mistakes]
        self.value = root.value
        return root

    def _unreadable(self, text: str, position: Position) -> None:
        self.mistakes.append(self.mistake(position, text))
