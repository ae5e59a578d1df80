"""The private cloud did not answer as it should: wait, refuse, or call somebody?

    429, 503 with Retry-After                      Retryable   throttled
    timeout, connection lost, other 5xx            Retryable   api_unreachable
    password wrong, token refused, policy says no  Refused     credentials
    conflict with the state it is in               Refused     precondition
    the project's quota is too small               Refused     quota
    no endpoint, odd answer, wrong request         Broken      probe_failed / unexpected_answer

The rule: Keystone's and Nova's own words are repeated only for a policy's refusal, which names the policy.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode

_LONGEST = 200
_OVER_QUOTA = re.compile(r"(?i)quota exceeded|over (?:a )?limit")  # Nova's own quotas, and unified limits
_IN_USE = "still in use"  # to evacuate a server whose host is well


@contextmanager
def explaining(where: str) -> Generator[None]:
    """Turn whatever openstacksdk raises inside into one of the three errors; ours pass unchanged."""
    try:
        yield
    except VigieError:
        raise
    except Exception as error:  # everything an SDK can raise ends here, with a name
        raise explained(error, where) from error


def explained(error: Exception, where: str) -> VigieError:
    """The error of ours that says what happened at `where` ("OpenStack dc-west, standby-server/active")."""
    from keystoneauth1 import exceptions as keystone
    from openstack import exceptions as sdk
    from requests.exceptions import RequestException

    status = status_of(error)
    if status:
        return _answered(error, status, where)
    if isinstance(error, keystone.SSLError):
        return Broken(
            "the API's certificate could not be verified",
            where=where,
            next_step="check ca_file of the OpenStack credential block and the address in auth_url",
            code=MissingCode.API_UNREACHABLE,
        )
    if isinstance(error, (keystone.ConnectionError, keystone.RetriableConnectionFailure, OSError)) and not isinstance(
        error,
        ValueError,  # requests makes its JSON error an OSError too
    ):
        return _unreachable(f"the API could not be reached ({type(error).__name__})", where)
    no_endpoint = (keystone.CatalogException, sdk.EndpointNotFound, sdk.ConfigException, keystone.AuthPluginException)
    if isinstance(error, no_endpoint):
        return Broken(
            "the private cloud's catalogue has no compute API for us",
            where=where,
            next_step="check region and project of the OpenStack credential block",
            code=MissingCode.PROBE_FAILED,
        )
    odd = (keystone.InvalidResponse, keystone.DiscoveryFailure, sdk.InvalidResponse, sdk.ServiceDiscoveryException)
    if isinstance(error, (*odd, RequestException, LookupError, TypeError, ValueError, AttributeError)):
        return _odd(error, where)
    return Broken(
        f"the check could not be made ({type(error).__name__})",
        where=where,
        next_step="check the OpenStack credential block's settings",
        code=MissingCode.PROBE_FAILED,
    )


def status_of(error: Exception) -> int:
    """The HTTP status that an SDK's exception carries; 0 when there was no answer."""
    for name in ("status_code", "http_status"):
        value = getattr(error, name, None)
        if isinstance(value, int):
            return value
    return 0


def _answered(error: Exception, status: int, where: str) -> VigieError:
    wait = _retry_after(error)
    if status == 429 or (status in {413, 503} and wait is not None):  # noqa: PLR2004
        return Retryable(
            f"the private cloud throttles us ({status})",
            where=where,
            next_step="wait; if it lasts, ask this cloud less often or raise the rate limit",
            code=MissingCode.THROTTLED,
            retry_after=wait,
        )
    if status == 401:  # noqa: PLR2004
        return Refused(
            "Keystone does not accept the credentials",
            where=where,
            next_step="see whether the password or application credential in its block expired or was revoked",
            code=MissingCode.CREDENTIALS,
        )
    if status == 403:  # noqa: PLR2004
        return _forbidden(error, where)
    if status == 409 or (status == 400 and _IN_USE in _words(error)):  # noqa: PLR2004
        return Refused(
            f"the private cloud does not do this now: {_words(error)}",
            where=where,
            next_step="wait until what is going on is over, or look at the server in the private cloud",
            code="precondition",
        )
    if status >= 500 and status != 501:  # noqa: PLR2004
        return _unreachable(f"the API answered {status}", where)
    return Broken(
        f"the API refused the request as wrong ({status})",
        where=where,
        next_step="see whether this cloud's Nova is older than Train, or the catalogue's settings are wrong",
        code=MissingCode.PROBE_FAILED,
    )


def _forbidden(error: Exception, where: str) -> Refused:
    if _OVER_QUOTA.search(_words(error)):
        return Refused(
            f"the project's quota does not allow it: {_words(error)}",
            where=where,
            next_step="free something in the project, or have the quota raised (openstack quota set)",
            code="quota",
        )
    return Refused(
        f"the credentials may not do this: {_words(error)}",
        where=where,
        next_step="give the user the roles and policies listed in docs/permissions-openstack.md",
        code=MissingCode.CREDENTIALS,
    )


def _unreachable(what: str, where: str) -> Retryable:
    return Retryable(
        what,
        where=where,
        next_step="see whether the private cloud's control plane is up; the servers themselves may be well",
        code=MissingCode.API_UNREACHABLE,
    )


def _odd(error: Exception, where: str) -> Broken:
    return Broken(
        f"the answer was not what OpenStack's API promises ({type(error).__name__})",
        where=where,
        next_step="see whether a proxy answers in the API's place",
        code=MissingCode.UNEXPECTED_ANSWER,
    )


def _words(error: Any) -> str:
    return str(getattr(error, "details", None) or getattr(error, "message", ""))[:_LONGEST]


def _retry_after(error: Any) -> timedelta | None:
    response = getattr(error, "response", None)
    value = response.headers.get("Retry-After", "") if response is not None else ""
    return timedelta(seconds=int(value)) if value.isdigit() else None
