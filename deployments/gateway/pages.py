"""What does somebody see who follows a link to an approval? The card, and where it is decided; nothing to press.

A link proves nothing about who opened it, so nothing can be decided here. The rule: every word is escaped, no
script runs, nothing is loaded from anywhere.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

from blocks.ports.approvals import Approval
from blocks.ports.showing import RunPicture
from blocks.slack.cards import render_approval

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.3rem}section{white-space:pre-line;margin:1rem 0}small{color:#555}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}small{color:#aaa}}"
)
_BOLD = re.compile(r"\*(?=\S)(.+?)(?<=\S)\*")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"<(https?://[^|>]+)\|([^>]+)>")


def approval_page(picture: RunPicture, approval: Approval) -> str:
    """The card of an approval as a page."""
    _, blocks = render_approval(picture, approval)
    body = "\n".join(_part(block) for block in blocks)
    return (
        f'<!doctype html><html lang="{escape(picture.language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>vigie</title><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    )


def _part(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h1>{escape(block['text']['text'])}</h1>"
    if kind == "section":
        return f"<section>{_marked(block['text']['text'])}</section>"
    if kind == "context":
        return f"<small>{''.join(_marked(element['text']) for element in block['elements'])}</small>"
    return ""  # buttons stay in Slack


def _marked(text: str) -> str:
    """Slack's mark-up as HTML: what the card escaped is escaped again, for a page."""
    pieces, at = list[str](), 0
    for found in _LINK.finditer(text):
        address, label = unescape(found[1]), unescape(found[2])
        pieces += [_plain(text[at : found.start()]), f'<a href="{escape(address)}">{escape(label)}</a>']
        at = found.end()
    return "".join([*pieces, _plain(text[at:])])


def _plain(text: str) -> str:
    safe = escape(unescape(text))
    return _CODE.sub(r"<code>\1</code>", _BOLD.sub(r"<b>\1</b>", safe))
