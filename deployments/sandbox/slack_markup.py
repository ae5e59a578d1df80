"""How do words look in Slack?

Slack's mrkdwn as HTML: bold, slanted, struck, code, links, mentions, emoji. Everything else is escaped.
"""

from __future__ import annotations

import html
import re
from typing import Any

from deployments.sandbox.slack_people import PEOPLE

_LINK = re.compile(r"<([^<>]*)>")
_INLINE = (
    (re.compile(r"```(.+?)```", re.DOTALL), r"<pre>\1</pre>"),
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]*[^*\s])\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]*[^_\s])_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]*[^~\s])~(?![\w~])"), r"<s>\1</s>"),
)
EMOJI = {
    "white_check_mark": "✅",
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "warning": "⚠️",
    "eyes": "👀",
    "x": "❌",
    "no_entry": "⛔",
    "lock": "🔒",
    "hourglass": "⌛",
    "rotating_light": "🚨",
    "thumbsup": "👍",
    "+1": "👍",
    "rocket": "🚀",
}


def to_html(text: str) -> str:
    """Slack's mrkdwn as HTML; everything else is escaped."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(_reference(match[1]))
        return f"\x00{len(kept) - 1}\x00"

    shown = html.escape(unescape(_LINK.sub(keep, text)), quote=False)
    for pattern, replacement in _INLINE:
        shown = pattern.sub(replacement, shown)
    shown = re.sub(r":([a-z0-9_+]+):", lambda m: EMOJI.get(m[1], m[0]), shown)
    shown = re.sub(r"^&gt; ?(.*)$", r"<q>\1</q>", shown, flags=re.MULTILINE).replace("\n", "<br>")
    return re.sub(r"\x00(\d+)\x00", lambda m: kept[int(m[1])], shown)


def text_of(text: dict[str, Any]) -> str:
    """A text object as HTML."""
    return to_html(text["text"]) if text["type"] == "mrkdwn" else plain_of(text)


def plain_of(text: dict[str, Any] | None) -> str:
    """A text object as escaped words, for labels and attributes; empty when there is none."""
    words = text["text"] if text else ""
    return html.escape(re.sub(r":([a-z0-9_+]+):", lambda m: EMOJI.get(m[1], m[0]), words))


def unescape(text: str) -> str:
    """Slack escapes three characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _reference(inside: str) -> str:
    address, _, label = inside.partition("|")
    if address[:1] in {"!", "@", "#"}:
        name = address.lstrip("!@#")
        known = PEOPLE[name].name if name in PEOPLE else "vigie" if name == "U0VIGIE000" else name
        return f'<span class="mention">@{html.escape(unescape(label or known))}</span>'
    address = unescape(address)
    href = html.escape(address) if re.match(r"https?://|mailto:", address) else "#"
    return f'<a href="{href}" target="_blank" rel="noreferrer">{html.escape(unescape(label) or address)}</a>'
