"""Could this step of a plan's own be carried out, once and for certain?

Each key belongs to one kind of step. The rules: a request that changes something says how it may be made twice, for it
will be after a crash; what is sent in confidence goes over TLS; a deployment's name and what it is given are plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from blocks.catalogue.mistakes import Mistake, listed, nearest_name
from blocks.catalogue.view import Entry

SAFE_TWICE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that are idempotent by definition (RFC 9110, 9.2.2)."""
PLACEHOLDERS = ("{platform}", "{move}", "{from_site}", "{to_site}")
"""What a parameter of a deployment may be instead of a value: it is known when the plan is made."""
_NEEDS = {"call": "url", "deployment": "deployment", "ask": ""}
_OWN = {
    "call": (
        "url", "method", "headers", "body", "credentials", "timeout", "expect_status", "expect_body", "expect_json",
        "idempotency_header", "repeatable",
    ),
    "deployment": ("deployment", "parameters"),
    "ask": (),
}  # fmt: skip
_DEPLOYMENT = re.compile(r"^[^/\s]+/[^/\s]+$")
_PARAMETER = re.compile(r"^[A-Za-z_]\w*$")
_STATUS = range(100, 600)
_BODILESS = frozenset({"GET", "HEAD"})


def check_added_step(step: Entry) -> Iterator[Mistake]:
    """Everything about one step that is rightly written but could not be kept."""
    kind = step.text("kind")
    if kind not in _NEEDS:
        return
    needed = _NEEDS[kind]
    if needed and not step.value.get(needed):
        yield step.wrong((), f"missing key {needed!r} of {step.name!r}: a step of kind {kind} needs it")
    for other, keys in _OWN.items():
        for key in keys if other != kind else ():
            if key in step.value:
                yield step.wrong_key((key,), f"expected no {key} in a step of kind {kind}")
    if step.value.get("moves") == []:
        yield step.wrong(("moves",), f"expected at least one move: {step.name!r} would never be taken")
    if "\n" in (step.text("text") or ""):
        yield step.wrong(("text",), "expected one line: it stands on the card, in the report and on paper")
    yield from {"call": _check_call, "deployment": _check_deployment}.get(kind, _nothing)(step)


def _nothing(_: Entry) -> Iterator[Mistake]:
    yield from ()


def _check_call(step: Entry) -> Iterator[Mistake]:
    method = step.text("method") or "GET"
    if method not in SAFE_TWICE and not step.value.get("repeatable") and not step.value.get("idempotency_header"):
        at = ("method",) if "method" in step.value else ()
        text = f"expected idempotency_header or repeatable: true: after a crash this {method} is sent once more"
        yield step.wrong(at, text)
    if step.value.get("credentials") and (step.text("url") or "").startswith("http://"):
        yield step.wrong(("url",), "expected an https:// address: what the credentials hold would be sent openly")
    if method in _BODILESS and step.value.get("body") is not None:
        yield step.wrong(("body",), f"expected no body: a {method} has none that counts")
    for key in ("expect_body", "expect_json"):
        if method == "HEAD" and step.value.get(key):
            yield step.wrong((key,), f"expected no {key}: the answer to a HEAD has no body")
    statuses = step.value.get("expect_status")
    if isinstance(statuses, list) and (
        not statuses or any(type(each) is int and each not in _STATUS for each in statuses)
    ):
        yield step.wrong(("expect_status",), f"expected at least one status from 100 to 599, not {statuses}")
    for path in step.part("expect_json").value:
        if why := _no_path(str(path)):
            yield step.wrong_key(("expect_json", str(path)), f"expected a JSONPath, not {path!r}{why}")


def _no_path(path: str) -> str | None:
    """Why this is no JSONPath; None when it is one."""
    from jsonpath_ng.parser import parse

    try:
        parse(path)
    except Exception:  # noqa: BLE001  whatever the parser says of it, it is no path
        return ", such as $.status"
    return None


def _check_deployment(step: Entry) -> Iterator[Mistake]:
    deployment = step.text("deployment")
    if deployment and not _DEPLOYMENT.match(deployment):
        yield step.wrong(("deployment",), f"expected <flow>/<deployment>, not {deployment!r}")
    for name, value in step.part("parameters").value.items():
        if not _PARAMETER.match(str(name)):
            yield step.wrong_key(("parameters", str(name)), f"expected the name of a parameter, not {name!r}")
        if not isinstance(value, str) or "{" not in value:
            continue
        if value not in PLACEHOLDERS:
            said = f"expected a plain value or one of {listed(PLACEHOLDERS)}, not {value!r}"
            yield step.wrong(("parameters", str(name)), said, nearest_name(value, PLACEHOLDERS))
