"""AWS did not answer as it should: may it be tried again, does somebody have to act, or were we refused?

    throttled, timeout, connection lost, 5xx      Retryable   throttled / api_unreachable
    another change of the same thing goes on      Retryable   busy
    credentials wrong or expired, action denied   Refused     credentials
    no credentials, wrong settings, odd answer    Broken      credentials / probe_failed / unexpected_answer

The rule: the provider's own words are repeated only where they cannot hold a secret; a signature
error's text holds what was signed, so it never is.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode

_THROTTLED = {
    "BandwidthLimitExceeded", "EC2ThrottledException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
    "RequestThrottledException", "SlowDown", "Throttling", "ThrottlingException", "ThrottledException",
    "TooManyRequests", "TooManyRequestsException",
}  # fmt: skip
_BUSY = {"ResourceContention", "ScalingActivityInProgress"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_WRONG_KEY = {
    "AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
    "InvalidToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotSignedUp",
    "OptInRequired", "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
_LONGEST = 240


@contextmanager
def explaining(where: str) -> Generator[None]:
    """Turn whatever boto3 raises inside into one of the three errors; ours pass unchanged."""
    try:
        yield
    except VigieError:
        raise
    except Exception as error:  # everything an SDK can raise ends here, with a name
        raise explained(error, where) from error


def explained(error: Exception, where: str) -> VigieError:
    """The error of ours that says what happened at `where` ("AWS eu-west-1, autoscaling")."""
    from botocore import exceptions as aws

    if isinstance(error, aws.ClientError):
        return _answered(error, where)
    if isinstance(error, aws.SSLError):
        return Broken(
            "the API's certificate could not be verified",
            where=where,
            next_step="check verify_cert_path of the AWS credential block and the endpoint's address",
            code=MissingCode.API_UNREACHABLE,
        )
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError, OSError)):
        return Retryable(
            f"the API could not be reached ({type(error).__name__})",
            where=where,
            next_step="see the AWS health dashboard for this region; the service itself may be well",
            code=MissingCode.API_UNREACHABLE,
        )
    return _ours(error, where)


def error_code(error: Exception) -> str:
    """The code of a ClientError ("DBInstanceNotFound"), else ''."""
    answer = cast("Mapping[str, Any]", getattr(error, "response", None) or {})
    return str(answer.get("Error", {}).get("Code", ""))


def _answered(error: Any, where: str) -> VigieError:
    code, meta = error_code(error), error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    if code in _THROTTLED or status == 429:  # noqa: PLR2004
        return Retryable(
            f"AWS throttles us ({code}) on {error.operation_name}",
            where=where,
            next_step="wait; if it lasts, ask this account less often or raise its API rate",
            code=MissingCode.THROTTLED,
            retry_after=_retry_after(meta.get("HTTPHeaders", {})),
        )
    if code in _BUSY:
        return Retryable(
            f"AWS is still busy with another change ({code}) and did not do {error.operation_name}",
            where=where,
            next_step="wait until the group's scaling activity is over",
            code="busy",
        )
    if code in _EXPIRED | _WRONG_KEY | _DENIED or status in {401, 403}:
        return _refused(error, code, where)
    if status >= 500:  # noqa: PLR2004
        return Retryable(
            f"AWS answered {status} ({code}) to {error.operation_name}",
            where=where,
            next_step="see the AWS health dashboard for this region",
            code=MissingCode.API_UNREACHABLE,
        )
    return Broken(
        f"AWS refused {error.operation_name} as wrong ({code}): {_words(error)}",
        where=where,
        next_step="compare the service's settings in the catalogue with the resource",
        code=MissingCode.PROBE_FAILED,
    )


def _refused(error: Any, code: str, where: str) -> Refused:
    if code in _EXPIRED:
        what, next_step = f"the credentials have expired ({code})", "renew the AWS credential block's session token"
    elif code in _DENIED:
        what = f"the credentials may not do {error.operation_name}: {_words(error)}"
        next_step = "give the role the actions listed in docs/permissions-aws.md"
    else:
        what = f"AWS does not accept the credentials ({code or 'no code'})"
        next_step = "check the access key in the AWS credential block"
    return Refused(what, where=where, next_step=next_step, code=MissingCode.CREDENTIALS)


def _ours(error: Exception, where: str) -> VigieError:
    from botocore import exceptions as aws
    from botocore.parsers import ResponseParserError

    absent = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError, aws.ProfileNotFound)
    if isinstance(error, absent):
        return Broken(
            f"no usable AWS credentials ({type(error).__name__})",
            where=where,
            next_step="fill in the AWS credential block named by the site, or give the worker a role",
            code=MissingCode.CREDENTIALS,
        )
    if isinstance(error, (ResponseParserError, LookupError, TypeError, ValueError, AttributeError)):
        return Broken(
            f"the answer was not what AWS's API promises ({type(error).__name__})",
            where=where,
            next_step="see whether a proxy or a wrong endpoint_url answers in AWS's place",
            code=MissingCode.UNEXPECTED_ANSWER,
        )
    return Broken(
        f"the check could not be made ({type(error).__name__})",
        where=where,
        next_step="check the AWS credential block's settings and the check in the catalogue",
        code=MissingCode.PROBE_FAILED,
    )


def _words(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))[:_LONGEST]


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    value = headers.get("retry-after", "")
    return timedelta(seconds=int(value)) if value.isdigit() else None
