"""What does a YAML text say, with the place of every key and value?

Builds values from the parser's events, without recursion and within bounds: a file nested a hundred
thousand levels deep, an alias inside itself or a few lines that unfold into billions of values are
refused instead of ending the process. Words have YAML 1.2's meaning: `no` is a word, 02:30 is text.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

MAX_DEPTH = 50
MAX_VALUES = 5_000_000  # after aliases are followed
_INTEGER = re.compile(r"^[-+]?\d{1,18}$")
_FLOAT = re.compile(r"^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$")
_EMPTY = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}


class Position(NamedTuple):
    """Line and column as editors count them, from one."""

    line: int
    column: int


class UnreadableError(Exception):
    """The text cannot be used at all; `position` is where, the message says why."""

    def __init__(self, text: str, position: Position) -> None:
        self.position = position
        super().__init__(text)


class Node:
    """One value: `value` as plain Python, `children` by key (with the key's place) or in order."""

    __slots__ = ("at", "children", "items", "size", "text", "value")

    def __init__(self, at: Position, value: Any, text: str | None = None) -> None:
        self.at = at
        self.value = value
        self.text = text  # as written, of a scalar
        self.children: dict[str, tuple[Position, Node]] = {}
        self.items: list[Node] = []
        self.size = 1


class Composer:
    """Takes events in order; `root` is what they built, `mistakes` what is wrong but stops nobody."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.mistakes: list[tuple[Position, str]] = []
        self._open: list[Node] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}

    def compose(self, text: str) -> Node | None:
        """Build the text's one document; None when there is nothing in it. Raises `UnreadableError`, YAMLError."""
        from ruamel.yaml import YAML

        documents = 0
        for event in YAML(typ="safe").parse(text):
            what = type(event).__name__
            documents += what == "DocumentStartEvent"
            if documents > 1:
                raise UnreadableError("expected one document, not another after '---'", _place(event))
            self._take(what, event)
        empty = self.root is None or (self.root.value is None and self.root.text == "")
        return None if empty else self.root

    def _take(self, what: str, event: Any) -> None:
        if what == "ScalarEvent":
            self._refuse_tag(event)
            self._add(self._named(event, Node(_place(event), _scalar(event.value, event.style), event.value)))
        elif what in {"MappingStartEvent", "SequenceStartEvent"}:
            self._begin(event, {} if what == "MappingStartEvent" else [])
        elif what in {"MappingEndEvent", "SequenceEndEvent"}:
            self._keys.pop()
            self._add(self._open.pop())
        elif what == "AliasEvent":
            self._add(self._aliased(event))

    def _begin(self, event: Any, value: Any) -> None:
        self._refuse_tag(event)
        if len(self._open) >= MAX_DEPTH:
            raise UnreadableError(f"expected at most {MAX_DEPTH} levels", _place(event))
        self._open.append(self._named(event, Node(_place(event), value)))
        self._keys.append(None)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent, key = self._open[-1], self._keys[-1]
        parent.size += node.size
        if parent.size > MAX_VALUES:
            raise UnreadableError(f"expected at most {MAX_VALUES} values after following aliases", node.at)
        if isinstance(parent.value, list):
            parent.items.append(node)
            parent.value.append(node.value)
        elif key is None:
            self._keys[-1] = node
        else:
            self._keys[-1] = None
            self._add_pair(parent, key, node)

    def _add_pair(self, parent: Node, key: Node, node: Node) -> None:
        if key.text is None:
            self.mistakes.append((key.at, "expected a name as key, not a map or list"))
        elif key.text == "<<":
            self.mistakes.append((key.at, "expected no merge key '<<': write the keys out"))
        elif key.text in parent.children:
            first = parent.children[key.text][0].line
            self.mistakes.append((key.at, f"duplicate key {key.text!r}, first used on line {first}"))
        else:
            parent.children[key.text] = (key.at, node)
            parent.value[key.text] = node.value

    def _named(self, event: Any, node: Node) -> Node:
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise UnreadableError(f"not YAML: nothing is anchored as {event.anchor!r}", _place(event))
        if any(node is parent for parent in self._open):
            raise UnreadableError("expected no alias that contains itself", _place(event))
        return node

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            self.mistakes.append((_place(event), f"expected plain YAML without tags, not {event.tag}"))


def _place(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(text: str, style: str | None) -> Any:
    if style:  # quoted, or a block of text
        return text
    if text in _EMPTY:
        return None
    if text in _TRUE | _FALSE:
        return text in _TRUE
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text
