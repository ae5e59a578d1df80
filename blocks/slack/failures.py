"""Slack did not do what was asked: wait, stop, or call a person?

The rule: what may succeed later is `Retryable` and keeps Slack's own wish for a pause; a token or a
channel that says no is `Refused` with what to change; anything else is `Broken`, because it is our
message or our contract that is wrong. Neither tokens nor message texts reach these errors.
Error names: the "Errors" tables of Slack's Web API reference.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.health import MissingCode

_TOKEN = {
    *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"),
    *("not_allowed_token_type", "team_access_not_granted", "org_login_required", "ekm_access_denied", "access_denied"),
}
_CHANNEL = {
    *("channel_not_found", "not_in_channel", "is_archived", "restricted_action", "posting_to_general_channel_denied"),
    *("restricted_action_read_only_channel", "restricted_action_thread_locked", "user_not_in_channel"),
}
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
_THROTTLED = {"ratelimited", "rate_limited"}
GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
_LONGEST_WISH_S = 3600.0


class MessageGone(Broken):
    """The message to be changed is no longer there, or can no longer be changed."""


@contextmanager
def slack_call(method: str, about: str) -> Generator[None]:
    """Turn whatever the SDK raises during one call into one of our three errors; `about` is a channel or host."""
    import aiohttp
    from slack_sdk.errors import SlackApiError, SlackClientError

    where = f"Slack {method}" + (f" ({about})" if about else "")
    try:
        yield
    except SlackApiError as error:
        raise _answered(error, where) from None
    except SlackClientError as error:
        raise Broken(f"Slack's client refused the call: {type(error).__name__}", where=where, code=_BAD) from None
    except aiohttp.ClientSSLError:
        step = "check ca_file of the Slack block and the machine's clock"
        raise Broken("Slack's certificate is not trusted", where=where, next_step=step, code=_OURS) from None
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise Retryable(f"Slack does not answer ({type(error).__name__})", where=where, code=_AWAY) from None
    except AttributeError:  # the SDK reads a text answer as if it were JSON
        raise Retryable("Slack answered something that is not JSON", where=where, code=_AWAY) from None


_AWAY = MissingCode.API_UNREACHABLE.value
_BAD = MissingCode.UNEXPECTED_ANSWER.value
_OURS = MissingCode.PROBE_FAILED.value


def _answered(error: object, where: str) -> VigieError:
    response = getattr(error, "response", None)
    status = int(getattr(response, "status_code", getattr(response, "status", 0)) or 0)
    data: object = getattr(response, "data", None)
    said = str(data.get("error", "")) if isinstance(data, dict) else ""
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    if status == 429 or said in _THROTTLED:  # noqa: PLR2004 - HTTP Too Many Requests
        return Retryable(
            "Slack asks us to slow down", where=where, code=MissingCode.THROTTLED.value, retry_after=_wish(headers)
        )
    if status >= 500 or said in _PASSING:  # noqa: PLR2004 - the other side's failures
        return Retryable(
            f"Slack has a failure of its own ({said or status})", where=where, code=_AWAY, retry_after=_wish(headers)
        )
    return _refusal(said, where, str(data.get("needed", "")) if isinstance(data, dict) else "") or _unexpected(
        said, status, where
    )


def _refusal(said: str, where: str, needed: str) -> VigieError | None:
    if said in _TOKEN:
        step = "put a valid bot token into the Slack block, then `vigie blocks check`"
        return Refused(
            f"Slack refuses our token ({said})", where=where, next_step=step, code=MissingCode.CREDENTIALS.value
        )
    if said == "missing_scope":
        step = f"give the Slack app the scope {needed or 'it lacks'} and install it again"
        return Refused("our token may not do this", where=where, next_step=step, code=MissingCode.CREDENTIALS.value)
    if said in _CHANNEL:
        step = "invite the app to the channel, or correct `channel` of the customer in the catalogue"
        return Refused(f"Slack refuses the channel ({said})", where=where, next_step=step, code=_OURS)
    return None


def _unexpected(said: str, status: int, where: str) -> VigieError:
    if said in GONE:
        return MessageGone(f"the message is gone ({said})", where=where, code=_BAD)
    if not said:
        return Retryable(f"Slack's answer cannot be read (HTTP {status})", where=where, code=_AWAY)
    step = "report this with the run's link: it is a defect of vigie"
    return Broken(f"Slack does not accept what we sent ({said})", where=where, next_step=step, code=_BAD)


def _wish(headers: Mapping[str, str]) -> timedelta | None:
    """Retry-After in seconds, rounded up; None when absent or nonsense, an hour at most."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(text)
    except ValueError:
        return None
    return timedelta(seconds=min(math.ceil(seconds), _LONGEST_WISH_S)) if 0 <= seconds < math.inf else None
