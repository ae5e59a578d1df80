"""What would a person see in Slack right now?

One page, no outside files: channels on the left, messages with their threads, bold, links, code and
buttons (drawn, inert) on the right. It asks for its own content again every two seconds and keeps the
place where one was reading.
"""

# ruff: noqa: E501 - the style sheet

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.slack_store import Workspace

_LINK = re.compile(r"<([^<>]*)>")
_INLINE = (
    (re.compile(r"```(.+?)```", re.DOTALL), r"<pre>\1</pre>"),
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]*[^*\s])\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]*[^_\s])_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]*[^~\s])~(?![\w~])"), r"<s>\1</s>"),
)
_EMOJI = {
    "white_check_mark": "✅",
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_blue_circle": "🔵",
    "warning": "⚠️",
    "eyes": "👀",
}


def render_page(workspace: Workspace, channel: str) -> str:
    """The whole page, showing `channel`."""
    return _PAGE.replace("{{content}}", render_content(workspace, channel))


def render_content(workspace: Workspace, channel: str) -> str:
    """Side bar and messages; what the page asks for again."""
    entries = "".join(
        f'<a class="channel{" here" if key == channel else ""}" href="/?channel={key}"># {html.escape(name)}'
        f"<span>{len(workspace.top(key)) or ''}</span></a>"
        for key, name in workspace.channels.items()
    )
    name = html.escape(workspace.channels.get(channel, ""))
    messages = "".join(_message(workspace, channel, m) for m in workspace.top(channel)) if name else ""
    empty = '<p class="empty">Nothing has been said here yet.</p>'
    return f'<nav><h1>Sandbox</h1>{entries}</nav><main><h2># {name}</h2><div id="messages">{messages or empty}</div></main>'


def to_html(text: str) -> str:
    """Slack's mrkdwn as HTML; everything else is escaped."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(_reference(match[1]))
        return f"\x00{len(kept) - 1}\x00"

    shown = html.escape(_unescape(_LINK.sub(keep, text)), quote=False)
    for pattern, replacement in _INLINE:
        shown = pattern.sub(replacement, shown)
    shown = re.sub(r":([a-z_]+):", lambda m: _EMOJI.get(m[1], m[0]), shown).replace("\n", "<br>")
    return re.sub(r"\x00(\d+)\x00", lambda m: kept[int(m[1])], shown)


def _reference(inside: str) -> str:
    address, _, label = inside.partition("|")
    if address[:1] in {"!", "@", "#"}:
        return f'<span class="mention">@{html.escape(_unescape(label or address.lstrip("!@#")))}</span>'
    address = _unescape(address)
    href = html.escape(address) if re.match(r"https?://|mailto:", address) else "#"
    return f'<a href="{href}" target="_blank" rel="noreferrer">{html.escape(_unescape(label) or address)}</a>'


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _message(workspace: Workspace, channel: str, message: dict[str, Any]) -> str:
    replies = workspace.thread(channel, message["ts"])[1:]
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    thread = (
        f'<div class="thread"><div class="count">{count}</div>{"".join(map(_one, replies))}</div>' if replies else ""
    )
    return f"<article>{_one(message)}{thread}</article>"


def _one(message: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(float(message["ts"]), UTC)
    edited = ' <span class="edited">(edited)</span>' if "edited" in message else ""
    body = "".join(map(_block, message.get("blocks") or [])) or f"<p>{to_html(message.get('text', ''))}</p>"
    return (
        f'<div class="message" id="m{message["ts"]}"><div class="avatar">V</div><div><div class="who">vigie'
        f'<span class="app">APP</span><time datetime="{at.isoformat()}">{at:%H:%M} UTC</time></div>{body}{edited}</div></div>'
    )


def _block(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{html.escape(block['text']['text'])}</h3>"
    if kind == "divider":
        return "<hr>"
    if kind == "context":
        return f'<p class="context">{"  ".join(map(_text, block["elements"]))}</p>'
    if kind == "actions":
        return f"<p>{''.join(map(_button, block['elements']))}</p>"
    if kind == "image":
        return f'<p class="context">[image: {html.escape(block["alt_text"])}]</p>'
    fields = "".join(f"<div>{_text(field)}</div>" for field in block.get("fields", []))
    beside = _button(block["accessory"]) if "accessory" in block else ""
    shown = f"<p>{_text(block['text'])}{beside}</p>" if "text" in block else ""
    return shown + (f'<div class="fields">{fields}</div>' if fields else "")


def _text(text: dict[str, Any]) -> str:
    return to_html(text["text"]) if text["type"] == "mrkdwn" else html.escape(text["text"])


def _button(button: dict[str, Any]) -> str:
    style = html.escape(button.get("style", ""))
    return (
        f'<span class="button {style}" title="Buttons do nothing here yet">{html.escape(button["text"]["text"])}</span>'
    )


_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Slack (sandbox)</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1d1c1d;--dim:#616061;--line:#e4e4e4;--hover:#f8f8f8;--side:#3f0e40;--link:#1264a3;--code:#e01e5a}
@media(prefers-color-scheme:dark){:root{--bg:#1a1d21;--fg:#e3e4e6;--dim:#ababad;--line:#35373b;--hover:#222529;--side:#19171d;--link:#4aa7e8;--code:#e8912d}}
*{box-sizing:border-box}body{margin:0;font:15px/1.46 Lato,"Noto Sans","DejaVu Sans","Noto Color Emoji",sans-serif;color:var(--fg);background:var(--bg)}
#content{display:flex;height:100vh}nav{width:230px;flex:none;background:var(--side);color:#fff;overflow:auto;padding-bottom:1em}
nav h1{font-size:17px;margin:0;padding:15px 16px;border-bottom:1px solid #ffffff22}
.channel{display:flex;justify-content:space-between;padding:5px 16px;color:#ffffffc0;text-decoration:none}.channel:hover{background:#ffffff18}
.channel.here{background:#1164a3;color:#fff}main{flex:1;display:flex;flex-direction:column;min-width:0}
main h2{font-size:17px;margin:0;padding:13px 20px;border-bottom:1px solid var(--line)}#messages{overflow:auto;padding:10px 0 24px}
.message{display:flex;gap:10px;padding:6px 20px}.message:hover{background:var(--hover)}.message>div:last-child{min-width:0;flex:1}
.avatar{width:36px;height:36px;flex:none;border-radius:6px;background:#2b5f75;color:#fff;font-weight:700;display:grid;place-items:center}
.who{font-weight:900}.app{font-size:10px;font-weight:700;background:var(--line);color:var(--dim);border-radius:2px;padding:1px 3px;margin:0 6px;vertical-align:2px}
time,.edited,.context,.empty{color:var(--dim);font-size:12px;font-weight:400}.empty{padding:20px}
h3{font-size:18px;line-height:1.3;margin:6px 0}p{margin:4px 0;overflow-wrap:anywhere;max-width:820px}.context code{font-size:11px}
code{color:var(--code);background:var(--hover);border:1px solid var(--line);border-radius:3px;padding:0 3px;font-size:12px}
pre{border:1px solid var(--line);background:var(--hover);padding:8px;white-space:pre-wrap}a{color:var(--link)}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:8px;max-width:820px}.mention{background:#f2c74466;border-radius:3px;padding:0 2px}
.button{display:inline-block;border:1px solid var(--line);border-radius:4px;padding:4px 12px;margin:2px 8px 2px 0;font-weight:700;cursor:not-allowed}
.button.primary{background:#007a5a;color:#fff}.button.danger{background:#e01e5a;color:#fff}hr{border:0;border-top:1px solid var(--line)}
.thread{margin-left:66px;border-left:2px solid var(--line)}.thread .message{padding:3px 12px}.thread .avatar{width:22px;height:22px;font-size:12px}
.count{color:var(--link);font-weight:700;font-size:13px;padding:2px 12px}
@media(max-width:640px){#content{flex-direction:column}nav{width:auto}nav h1{display:none}.thread{margin-left:24px}}
</style></head><body><div id="content">{{content}}</div><script>
const box=()=>document.getElementById("messages");box().scrollTop=box().scrollHeight;
setInterval(async()=>{try{const r=await fetch("/_sandbox/content"+location.search);const t=await r.text();const c=document.getElementById("content");
if(c.dataset.last===t)return;const b=box(),low=b.scrollHeight-b.scrollTop-b.clientHeight<40,top=b.scrollTop;c.innerHTML=t;c.dataset.last=t;
box().scrollTop=low?box().scrollHeight:top}catch(e){}},2000);
</script></body></html>"""
