"""Is this the answer that was expected?

Pure: an answer in, a finding or nothing out. The first thing wrong is the finding: status, then the
body's text, then its JSON. Sentences quote at most a short, harmless piece of what came back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from blocks.errors import Broken
from blocks.network.wording import plain_url, quote
from blocks.ports.health import Finding, FindingCode, MissingCode

if TYPE_CHECKING:
    from blocks.catalogue.model import HttpCheck

_KNOWN_PATHS = 4096
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Body:
    """The body as far as it was read, unpacked. `is_cut`: there was more than `max_body_bytes`."""

    data: bytes = b""
    is_cut: bool = False
    charset: str = "utf-8"


def judge_body(check: HttpCheck, body: Body) -> Finding | None:
    """What is wrong with the body, if anything."""
    if check.expect_body is not None and not _contains(body, check.expect_body):
        return Finding(FindingCode.WRONG_BODY, f"{plain_url(check.url)} answered, but {_not_there(check, body)}")
    return _judge_json(check, body) if check.expect_json else None


def judge_status(check: HttpCheck, status: int, reason: str | None) -> Finding | None:
    """What is wrong with the status, if anything."""
    if status in check.expect_status:
        return None
    expected = " or ".join(str(code) for code in check.expect_status)
    words = f" ({quote(reason, check, 40)})" if reason else ""
    return Finding(FindingCode.WRONG_STATUS, f"{plain_url(check.url)} answered {status}{words}, expected {expected}")


def _contains(body: Body, text: str) -> bool:
    """Compare bytes: nothing a server sends can fail to decode."""
    try:
        wanted = text.encode(body.charset)
    except (LookupError, UnicodeError):
        wanted = text.encode()
    return wanted in body.data or text.encode() in body.data


def _not_there(check: HttpCheck, body: Body) -> str:
    searched = f"the first {len(body.data)} bytes do not contain" if body.is_cut else "its body does not contain"
    begins = f"; it begins {_shown(check, body)}" if body.data else "; it is empty"
    return f'{searched} "{quote(check.expect_body or "", check, 60)}"{begins}'


def _shown(check: HttpCheck, body: Body) -> str:
    return f'"{quote(body.data[:400].decode("utf-8", "replace"), check, 60)}"'


def _judge_json(check: HttpCheck, body: Body) -> Finding | None:
    where = plain_url(check.url)
    if body.is_cut:
        return Finding(FindingCode.WRONG_JSON, f"{where} answered more than {check.max_body_bytes} bytes of JSON")
    try:
        document = json.loads(body.data)
    except (ValueError, RecursionError):
        said = f"begins {_shown(check, body)}" if body.data else "is empty"
        return Finding(FindingCode.WRONG_JSON, f"{where} answered a body that is not JSON: it {said}")
    try:
        wrong = next(filter(None, (_judge_path(check, document, *item) for item in check.expect_json.items())), "")
    except RecursionError:
        wrong = "values are nested too deeply to read"
    return Finding(FindingCode.WRONG_JSON, f"{where} answered JSON in which {wrong}") if wrong else None


def _judge_path(check: HttpCheck, document: object, path: str, expected: object) -> str:
    """Every match must be the expected value, and there must be one."""
    actual = [match.value for match in _parsed(path).find(document)]
    if not actual:
        return f"{path} is absent, expected {json.dumps(expected)}"
    different = next((value for value in actual if not _same(value, expected)), _ABSENT)
    if different is _ABSENT:
        return ""
    shown = json.dumps(different, ensure_ascii=False) if not isinstance(different, str) else f'"{different}"'
    return f"{path} is {quote(shown, check)}, expected {json.dumps(expected, ensure_ascii=False)}"


def _same(actual: Any, expected: Any) -> bool:
    """Equal as JSON sees it: true is not 1, 1 is 1.0."""
    if isinstance(actual, bool) or isinstance(expected, bool):
        return actual is expected
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(_same(actual[key], expected[key]) for key in actual)
    if isinstance(actual, list) and isinstance(expected, list | tuple):
        return len(actual) == len(expected) and all(map(_same, actual, expected))
    return bool(actual == expected)


class _Match(Protocol):
    value: Any


class _Path(Protocol):
    def find(self, val: object, /) -> list[_Match]: ...


@lru_cache(_KNOWN_PATHS)
def _parsed(path: str) -> _Path:
    from jsonpath_ng.parser import parse

    try:
        return parse(path)  # pyright: ignore[reportReturnType]
    except Exception as error:
        raise Broken(
            f"{path!r} is not a JSONPath",
            next_step="correct expect_json of the check in the catalogue",
            code=MissingCode.PROBE_FAILED,
        ) from error
