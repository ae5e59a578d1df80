"""May this text be put into a Slack message, and does it fit?

The rule: words that came from outside (a server's answer, a name, a note) can neither ring anybody
nor make a link nor break a block. `&`, `<` and `>` are escaped, `@here` and its like are defused,
and cutting never cuts through an escape. Lengths count UTF-16 units, the strictest reading of
Slack's "characters". Rule of escaping: Slack, "Formatting text for app surfaces".
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CALLS = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
_URL = re.compile(r"https?://[^\s<>|\"']+")


def plain(text: str, most: int) -> str:
    """One line of plain text of at most `most` characters."""
    return _cut([(c, c) for c in " ".join(_clean(text).split())], most)


def escaped(text: str, most: int) -> str:
    """Text for mrkdwn of at most `most` characters after escaping. Line breaks stay."""
    return _cut([(c, _ESCAPES.get(c, c)) for c in _CALLS.sub(f"@{_WORD_JOINER}", _clean(text))], most)


def escaped_line(text: str, most: int) -> str:
    """`escaped` on one line."""
    return escaped(" ".join(_clean(text).split()), most)


def link(url: str, label: str) -> str:
    """A link, or only its label when the address is not one we would want clicked."""
    safe = _URL.fullmatch(url) and length(url) <= 1500  # noqa: PLR2004 - half a section
    return (
        f"<{_CALLS.sub('%40', url).replace('&', '&amp;')}|{escaped_line(label, 75).replace('|', '/')}>"
        if safe
        else escaped_line(label, 75)
    )


def length(text: str) -> int:
    """How long Slack may find it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _clean(text: str) -> str:
    """Without what no reader can see: controls, lone surrogates."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})


def _cut(pieces: list[tuple[str, str]], most: int) -> str:
    written = [piece for _, piece in pieces]
    if sum(map(length, written)) <= most:
        return "".join(written)
    kept, room = [], most - length(ELLIPSIS)
    for piece in written:
        room -= length(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + ELLIPSIS
