"""How much of a body is read, and when is it enough?

Never more than the check's `max_body_bytes` is kept, packed or unpacked. A body whose sender announced
more is read that far and judged on it; one that never announced an end and passes the limit, or grows
past it when unpacked, is ENDLESS_BODY, and reading stops there.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from blocks.network.answer import Body
from blocks.network.wording import plain_url, tidy
from blocks.ports.health import Finding, FindingCode

if TYPE_CHECKING:
    import aiohttp

    from blocks.catalogue.model import HttpCheck
    from blocks.network.course import Course

_PACKINGS = {"gzip", "x-gzip", "deflate"}
_EITHER_HEADER = 47  # zlib finds out by itself whether the header is gzip's or zlib's
_NO_HEADER = -15
_ZLIB_METHOD = 8
_PACKED_SLACK = 65_536


async def read_body(check: HttpCheck, answer: aiohttp.ClientResponse, course: Course) -> Body | Finding:
    """The body up to the limit, or what is wrong with it. Raises aiohttp.ClientError, OSError."""
    packing = answer.headers.get("Content-Encoding", "").strip().lower()
    if packing in {"", "identity"}:
        return await _read_plain(check, answer, course)
    if packing not in _PACKINGS:
        said = f"{plain_url(check.url)} packed its body as {tidy(packing, 20)!r}, which was not asked for"
        return Finding(FindingCode.WRONG_BODY, said)
    try:
        return await _read_packed(check, answer, course)
    except zlib.error:
        said = f"{plain_url(check.url)} says its body is {tidy(packing, 20)}, and it is not"
        return Finding(FindingCode.WRONG_BODY, said)


async def _read_plain(check: HttpCheck, answer: aiohttp.ClientResponse, course: Course) -> Body | Finding:
    limit = check.max_body_bytes
    data = await answer.content.readany()
    course.received_bytes = len(data)
    while len(data) <= limit:
        if answer.content.at_eof():
            return Body(data, charset=answer.charset or "utf-8")
        piece = await answer.content.readany()
        data += piece
        course.received_bytes = len(data)
    if answer.content_length is None:
        return _endless(check, f"sent more than {limit} bytes without announcing an end")
    return Body(data[:limit], is_cut=True, charset=answer.charset or "utf-8")


async def _read_packed(check: HttpCheck, answer: aiohttp.ClientResponse, course: Course) -> Body | Finding:
    limit = check.max_body_bytes
    data = bytearray()
    unpack = None
    while piece := await answer.content.readany():
        course.received_bytes += len(piece)
        unpack = unpack or zlib.decompressobj(_header(piece, answer))
        data += unpack.decompress(piece, limit + 1 - len(data))
        if len(data) > limit:
            return _endless(check, f"grew to more than {limit} bytes when unpacked")
        if course.received_bytes > limit + _PACKED_SLACK:
            return _endless(check, f"sent more than {limit} bytes of packed body")
    if unpack is not None and not unpack.eof:
        return Finding(FindingCode.HALF_BODY, f"{plain_url(check.url)} sent a packed body that breaks off")
    return Body(bytes(data), charset=answer.charset or "utf-8")


def _header(piece: bytes, answer: aiohttp.ClientResponse) -> int:
    """Some servers send deflate without zlib's header."""
    bare = answer.headers["Content-Encoding"].strip().lower() == "deflate" and piece[0] & 0x0F != _ZLIB_METHOD
    return _NO_HEADER if bare else _EITHER_HEADER


def _endless(check: HttpCheck, what: str) -> Finding:
    said = f"{plain_url(check.url)} {what} (max_body_bytes); reading stopped"
    return Finding(FindingCode.ENDLESS_BODY, said)
