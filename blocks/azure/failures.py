"""Azure did not answer as hoped: try again, ask for rights, or call a person?

Every exception of azure-core, azure-identity and the management clients becomes one of the three
errors here. The rule: the message carries Azure's own code and the action it denied, never a token,
a body or a secret; and an answer that cannot be understood is said to be that, never guessed at.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    from collections.abc import Generator

_DENIED_ACTION = re.compile(r"perform action '([^']+)'")
_IDENTITY_CODE = re.compile(r"AADSTS\d+")
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)
_GOING_ON = {"AnotherOperationInProgress", "Conflict", "RetryableError"}
_NO_ROOM = {
    "AllocationFailed",
    "OverconstrainedAllocationRequest",
    "QuotaExceeded",
    "SkuNotAvailable",
    "ZonalAllocationFailed",
}
_NO_ROOM_WORDS = ("quota", "No available instances")  # in an OperationNotAllowed or a Conflict
_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "SSL")


class AnswerTooLargeError(Exception):
    """Azure sent more than an answer may have; reading stopped there."""


@contextmanager
def explained(where: str) -> Generator[None]:
    """Turn whatever an Azure call raises into Retryable, Refused or Broken, saying `where`."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except VigieError:
        raise
    except AzureError as error:
        _raise_for(error, where)
    except AnswerTooLargeError as error:
        raise _not_understood(str(error), where) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise _not_understood(f"Azure's answer has not its shape ({type(error).__name__})", where) from error


def error_code(error: object) -> str:
    """Azure's own word for an HTTP error ("ResourceNotFound"), or an empty string."""
    model: Any = getattr(error, "error", None)
    code = getattr(model, "code", None)
    if not code:
        body = _body(error)
        inner = body.get("error", body)
        code = (inner.get("code") or inner.get("Code")) if isinstance(inner, dict) else inner
    return code if isinstance(code, str) else ""


def retry_after(headers: Any) -> timedelta | None:
    """The wait that a 429 or 503 asks for; Azure names it in seconds, milliseconds or as a date."""
    from azure.core.pipeline.policies import RetryPolicy

    text = headers.get("Retry-After")
    if text:
        try:
            return timedelta(seconds=max(0.0, RetryPolicy().parse_retry_after(str(text))))
        except (ValueError, TypeError):
            return None
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        text = headers.get(name)
        if text and str(text).isdigit():
            return timedelta(milliseconds=int(text))
    return None


def not_there(error: object) -> bool:
    """Tell whether Azure says that the resource itself does not exist."""
    return getattr(error, "status_code", None) == HTTPStatus.NOT_FOUND and error_code(error) in {
        "ResourceNotFound",
        "ResourceGroupNotFound",
        "NotFound",
    }


def _raise_for(error: Any, where: str) -> NoReturn:
    from azure.core import exceptions as azure

    status = getattr(error, "status_code", None) or 0
    if status in _BUSY or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED):
        raise _busy(error, status, where) from error
    if isinstance(error, azure.ClientAuthenticationError) or status in (401, 403):
        raise _denied(error, status, where) from error
    if isinstance(error, azure.IncompleteReadError):  # a DecodeError to azure-core, a lost connection to us
        raise _unreachable(error, where) from error
    if isinstance(error, azure.DecodeError | azure.DeserializationError | azure.SerializationError):
        raise _not_understood("Azure answered something that is not JSON", where) from error
    if status in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
        raise _conflict(error, status, where) from error
    if isinstance(error, azure.HttpResponseError) and status >= HTTPStatus.BAD_REQUEST:
        raise _objection(error, status, where) from error
    if isinstance(error, azure.HttpResponseError):
        raise _not_understood("Azure's answer could not be read", where) from error
    raise _unreachable(error, where) from error


def _busy(error: Any, status: int, where: str) -> Retryable:
    wait = retry_after(error.response.headers) if error.response is not None else None
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and wait is not None):
        asked = f"; it asks to wait {wait.total_seconds():.0f} s" if wait else ""
        return Retryable(
            f"Azure throttles us (HTTP {status}{asked})",
            where=where,
            next_step="nothing now: it is asked again; if it lasts, ask this subscription less often",
            code=MissingCode.THROTTLED,
            retry_after=wait,
        )
    return Retryable(
        f"Azure's own interface fails (HTTP {status} {error_code(error)})".replace(" )", ")"),
        where=where,
        next_step="look at the Azure status page of the region",
        code=MissingCode.API_UNREACHABLE,
    )


def _denied(error: Any, status: int, where: str) -> Refused:
    message = str(getattr(error, "message", ""))
    action = _DENIED_ACTION.search(message)
    if action:
        what = f"the credential may not perform {action[1]}"
        next_step = "grant that action to the credential's role (docs/permissions-azure.md)"
    elif status == HTTPStatus.FORBIDDEN:
        what, next_step = f"Azure denies the request ({error_code(error) or 'HTTP 403'})", "see the credential's role"
    else:
        said = _IDENTITY_CODE.search(message)
        code = said[0] if said else error_code(error) or "no reason given"
        what = f"Azure refuses the credential ({code})"
        next_step = "renew the secret in its credential block, then `vigie blocks check`"
    return Refused(what, where=where, next_step=next_step, code=MissingCode.CREDENTIALS)


def _conflict(error: Any, status: int, where: str) -> VigieError:
    """Not now, not any more, or not at all: Azure says all three with 409 or 412."""
    code, said = error_code(error) or f"HTTP {status}", _said(error)
    if code in _NO_ROOM or any(word in said for word in _NO_ROOM_WORDS):
        return Refused(
            f"Azure has no room for it ({code}): {said}",
            where=where,
            next_step="ask Azure for quota, choose another size, or move to another site",
            code="no_room",
        )
    if code == "ScopeLocked":
        return Refused(
            f"a lock forbids it ({code})",
            where=where,
            next_step="take the lock off in Azure (docs/recovery-azure.md), then start anew",
            code="locked",
        )
    if code == "RoleAssignmentExists":
        return Refused(
            "the same right is there already, under another name",
            where=where,
            next_step="delete that one, or write its id into the recovery plan; then start anew",
            code="changed",
        )
    if status == HTTPStatus.PRECONDITION_FAILED:
        return Refused(
            f"somebody changed it meanwhile, so nothing was done ({code})",
            where=where,
            next_step="look at what was changed, then start anew",
            code="changed",
        )
    if code in _GOING_ON:
        return Retryable(
            f"Azure is still busy with another change of it ({code})",
            where=where,
            next_step="nothing now: it is asked again when that is over",
            code="busy",
            retry_after=retry_after(error.response.headers) if error.response is not None else None,
        )
    return _objection(error, status, where)


def _said(error: Any) -> str:
    return " ".join(str(getattr(error, "message", "")).split())[:200]


def _objection(error: Any, status: int, where: str) -> Broken:
    code = error_code(error) or f"HTTP {status}"
    said = _said(error)
    if status == HTTPStatus.NOT_IMPLEMENTED or not error_code(error):
        return _not_understood(f"Azure answered HTTP {status}, which its contract does not have", where)
    return Broken(
        f"Azure does not accept the question ({code}): {said}",
        where=where,
        next_step="correct the service in the catalogue: its checks, or the address of the resource",
        code=MissingCode.PROBE_FAILED,
    )


def _unreachable(error: Any, where: str) -> VigieError:
    text = str(error)
    if any(word in text for word in _UNTRUSTED):
        return Broken(
            "Azure's address shows a certificate that we do not trust",
            where=where,
            next_step="check the endpoint and the ca_file of the credential block",
            code=MissingCode.API_UNREACHABLE,
        )
    return Retryable(
        f"Azure's interface cannot be reached ({type(error).__name__})",
        where=where,
        next_step="check the network between here and Azure",
        code=MissingCode.API_UNREACHABLE,
    )


def _not_understood(what: str, where: str) -> Broken:
    return Broken(
        what,
        where=where,
        next_step="see whether a proxy stands between us and Azure, or the API has changed",
        code=MissingCode.UNEXPECTED_ANSWER,
    )


def _body(error: object) -> dict[str, Any]:
    response = getattr(error, "response", None)
    try:
        body = response.json() if response is not None else {}
    except (ValueError, AttributeError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}
