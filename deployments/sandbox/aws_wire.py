"""Which AWS action is this request, who signed it, and how does this protocol say no?

AWS speaks several protocols at once: the old query form with XML, JSON with a target header, and
CBOR with the action in the path. Official SDKs choose; this file reads all of them and writes
errors in the caller's own.

The rule: an error has exactly the shape that the vendor's service model gives it, so that SDKs read its code.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_CREDENTIAL = re.compile(r"Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
_SIGNED = re.compile(r"SignedHeaders=([^,\s]+)")
_SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})")
_SENDER_FAULT_BELOW = 500
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request as AWS understands it: `service` is the signing name ("elasticloadbalancing")."""

    service: str
    action: str
    region: str
    access_key: str
    protocol: str  # query, json or cbor
    form: dict[str, list[str]]

    @property
    def permission(self) -> str:
        """As IAM policies write it: "cloudwatch:GetMetricData"."""
        return f"{_IAM_PREFIX.get(self.service, self.service)}:{self.action}"


_IAM_PREFIX = {"monitoring": "cloudwatch"}


@dataclass(frozen=True, slots=True)
class WireError:
    """Status, code and message of a refusal. `json_code` where JSON services name it differently."""

    status: int
    code: str
    message: str
    json_code: str = ""


def read_call(environ: Environ) -> Call:
    """Understand a request; the body is put back for whoever serves it."""
    body = read_body(environ)
    scope = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    access_key, _, region, service = scope.groups() if scope else ("", "", "", "")
    path, target = environ.get("PATH_INFO", ""), environ.get("HTTP_X_AMZ_TARGET", "")
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        return Call(service, path.rpartition("/")[2], region, access_key, "cbor", {})
    if target:
        return Call(service, target.rpartition(".")[2], region, access_key, "json", {})
    form = parse_qs(body.decode("utf-8", "replace"))
    return Call(service, form.get("Action", [""])[0], region, access_key, "query", form)


def read_body(environ: Environ) -> bytes:
    """The whole body; it can be read again afterwards."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def signature_is_right(environ: Environ, secret: str) -> bool:
    """Signature Version 4 as AWS computes it (docs.aws.amazon.com, "Create a signed AWS API request")."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    scope, signed, signature = _CREDENTIAL.search(header), _SIGNED.search(header), _SIGNATURE.search(header)
    if not (scope and signed and signature):
        return False
    _, day, region, service = scope.groups()
    digest = hashlib.sha256(_canonical_request(environ, signed[1]).encode()).hexdigest()
    stamp = environ.get("HTTP_X_AMZ_DATE", "")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{day}/{region}/{service}/aws4_request\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), signature[1])


def write_error(call: Call, error: WireError) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers and body of an error in the caller's protocol."""
    status, code = f"{error.status} {_reason(error.status)}", error.json_code or error.code
    if call.protocol == "cbor":
        body = _cbor_map({"__type": code, "message": error.message})
        return status, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], body
    if call.protocol == "json":
        body = json.dumps({"__type": f"com.amazonaws#{code}", "message": error.message}).encode()
        return status, [("Content-Type", "application/x-amz-json-1.0")], body
    fault = "Sender" if error.status < _SENDER_FAULT_BELOW else "Receiver"
    xml = (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{error.code}</Code>"
        f"<Message>{escape(error.message)}</Message></Error><RequestId>sandbox</RequestId></ErrorResponse>"
    )
    return status, [("Content-Type", "text/xml")], xml.encode()


def _canonical_request(environ: Environ, signed: str) -> str:
    names = signed.split(";")
    headers = "".join(f"{name}:{' '.join(_header(environ, name).split())}\n" for name in names)
    query = "&".join(sorted(environ.get("QUERY_STRING", "").split("&")))
    path = environ.get("RAW_URI", environ.get("PATH_INFO", "/")).partition("?")[0]
    payload = hashlib.sha256(read_body(environ)).hexdigest()
    return "\n".join((environ["REQUEST_METHOD"], path, query, headers, signed, payload))


def _header(environ: Environ, name: str) -> str:
    key = name.upper().replace("-", "_")
    return str(environ.get(key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}", ""))


def _cbor_map(content: dict[str, str]) -> bytes:
    """RFC 8949: a map (major type 5) of text strings (major type 3), all shorter than 2**16."""
    parts = [bytes([0xA0 | len(content)])]
    for text in (each for pair in content.items() for each in pair):
        encoded = text.encode()
        parts.append(b"\x79" + len(encoded).to_bytes(2, "big") + encoded)
    return b"".join(parts)


def _reason(status: int) -> str:
    from http import HTTPStatus

    return HTTPStatus(status).phrase
