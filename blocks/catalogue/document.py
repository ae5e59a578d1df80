"""What does a catalogue file say, and where does it say it?

One YAML file as plain values, each with its line and column, so that a mistake can be pointed at.
Read with YAML 1.2's meaning (`no` is a word, 02:30 is text) from the parser's own nodes; a file that
cannot be read is one mistake and never stops the others from being checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from blocks.catalogue.mistakes import Mistake

Steps = tuple[str | int, ...]
_MAX_VALUES = 5_000_000  # after aliases are followed: a file of a few lines may claim billions
_MAX_DEPTH = 50
_INTEGER = re.compile(r"^[-+]?\d{1,18}$")
_FLOAT = re.compile(r"^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$")
_EMPTY = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}


class Position(NamedTuple):
    """Line and column as editors count them, from one."""

    line: int
    column: int


class Document:
    """One file: `value` as plain Python, `mistakes` of its YAML, and the position of every key and value."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.text = ""
        self.value: Any = None
        self.mistakes: list[Mistake] = []
        self.readable = False
        self._root: Any = None
        self._indexes: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._read()

    # -- positions -----------------------------------------------------------------------------

    def at_value(self, path: Steps) -> Position:
        """Where the value at `path` begins; the nearest parent's where there is none."""
        return self._find(path, keys=False)

    def at_key(self, path: Steps) -> Position:
        """Where the key of `path` stands; the nearest parent's where there is none."""
        return self._find(path, keys=True)

    def mistake(self, position: Position, text: str, nearest: str = "") -> Mistake:
        """A mistake in this file."""
        return Mistake(str(self.file), position.line, position.column, text, nearest)

    def _find(self, path: Steps, *, keys: bool) -> Position:
        key_node, node = self._root, self._root
        for step in path:
            found = self._child(node, step)
            if found is None:
                return _position(key_node)
            key_node, node = found
        empty_value = getattr(node, "value", None) == "" and not getattr(node, "style", None)
        return _position(key_node if keys or empty_value else node)

    def _child(self, node: Any, step: str | int) -> tuple[Any, Any] | None:
        if isinstance(step, int):
            items = node.value if _is(node, "sequence") else []
            return (items[step], items[step]) if 0 <= step < len(items) else None
        if not _is(node, "mapping"):
            return None
        index = self._indexes.get(id(node))
        if index is None:
            index = {str(key.value): (key, value) for key, value in reversed(node.value)}
            self._indexes[id(node)] = index
        return index.get(step)

    # -- reading -------------------------------------------------------------------------------

    def _read(self) -> None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            self.text = self.file.read_text(encoding="utf-8-sig")
            aliased = _look_over(self.text)
            self._root = YAML(typ="safe").compose(self.text)
        except UnicodeDecodeError as error:
            self._unreadable(f"expected UTF-8 text; byte {error.start} is not", Position(1, 1))
        except MarkedYAMLError as error:
            mark, start = error.problem_mark or error.context_mark, error.context_mark
            where = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
            began = f", {error.context} that begins on line {start.line + 1}" if error.context and start else ""
            self._unreadable(f"not YAML: {error.problem or 'unreadable'}{began}", where)
        except (YAMLError, OSError, ValueError) as error:
            self._unreadable(f"cannot be read: {str(error).splitlines()[0]}", Position(1, 1))
        else:
            self._build(_unfolded_size(self._root) if aliased else "")

    def _unreadable(self, text: str, position: Position) -> None:
        self._root = None
        self.mistakes.append(self.mistake(position, text))

    def _build(self, refused: str) -> None:
        if self._root is None:
            self._unreadable("expected customers: or platforms:, but the file is empty", Position(1, 1))
            return
        if refused:
            self._unreadable(refused, _position(self._root))
            return
        self.value = self._plain(self._root, {})
        self.readable = True

    def _plain(self, node: Any, done: dict[int, Any]) -> Any:
        if id(node) in done:
            return done[id(node)]
        if not str(node.tag).startswith("tag:yaml.org,2002:"):
            self.mistakes.append(self.mistake(_position(node), f"expected plain YAML without tags, not {node.tag}"))
        if _is(node, "mapping"):
            value: Any = {key: self._plain(child, done) for key, child in self._pairs(node)}
        elif _is(node, "sequence"):
            value = [self._plain(child, done) for child in node.value]
        else:
            value = _scalar(node)
        done[id(node)] = value
        return value

    def _pairs(self, node: Any) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Any] = {}
        for key, child in node.value:
            name = str(key.value)
            if not _is(key, "scalar"):
                self.mistakes.append(self.mistake(_position(key), "expected a name as key, not a map or list"))
            elif name == "<<" and not key.style:
                self.mistakes.append(self.mistake(_position(key), "expected no merge key '<<': write the keys out"))
            elif name in seen:
                first = _position(seen[name]).line
                self.mistakes.append(
                    self.mistake(_position(key), f"duplicate key {name!r}, first used on line {first}")
                )
            else:
                seen[name] = key
                yield name, child


def _is(node: Any, kind: str) -> bool:
    return getattr(node, "id", "") == kind


def _position(node: Any) -> Position:
    if node is None:
        return Position(1, 1)
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _scalar(node: Any) -> Any:
    text: str = node.value
    if node.style:  # quoted, or a block of text
        return text
    if text in _EMPTY:
        return None
    if text in _TRUE | _FALSE:
        return text in _TRUE
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _look_over(text: str) -> bool:
    """Does the text use aliases? Raises ValueError when it is nested so deeply that composing it would crash."""
    from ruamel.yaml import YAML
    from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

    depth, aliased = 0, False
    for event in YAML(typ="safe").parse(text):
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        aliased |= isinstance(event, AliasEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"expected at most {_MAX_DEPTH} levels")
    return aliased


def _unfolded_size(root: Any) -> str:
    """Why the file cannot be followed (an alias inside itself, or too many values), or nothing."""
    sizes: dict[int, int] = {}
    stack: list[tuple[Any, bool]] = [(root, False)]
    open_: set[int] = set()
    while stack:
        node, leaving = stack.pop()
        children = _children(node)
        if leaving:
            open_.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
        elif id(node) in open_:
            return "expected no alias that contains itself"
        elif id(node) not in sizes:
            if children:
                open_.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in children)
    return (
        ""
        if root is None or sizes[id(root)] <= _MAX_VALUES
        else f"expected at most {_MAX_VALUES} values after following aliases"
    )


def _children(node: Any) -> list[Any]:
    if _is(node, "mapping"):
        return [child for _, child in node.value]
    return list(node.value) if _is(node, "sequence") else []
