"""Did Prefect not answer just now, while something saved in it was loaded? Then the step is tried again.

A Prefect server that starts again, or whose database does, answers with 5xx or not at all for some seconds. The rules:
that is never the end of a run; what Prefect refuses for good (a wrong credential) is; and where no server is known
nothing is asked, because Prefect would start one of its own for the moment, and that one knows nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from blocks.errors import Broken, Refused, Retryable

_LATER = (408, 429)
_SERVER_ERROR = 500


@contextmanager
def prefect_answers(what: str) -> Generator[None]:
    """Raises `Retryable` when Prefect is away, `Broken` when it answers no, `Refused` when it is known nowhere.

    `what` is being loaded.
    """
    import httpx

    where = known_prefect()
    try:
        yield
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        text = f"Prefect answered {code} when {what} was loaded"
        if code >= _SERVER_ERROR or code in _LATER:
            raise Retryable(text, where=where, next_step="see that the Prefect server and its database run") from error
        raise Broken(text, where=where, next_step="401 or 403 is a wrong PREFECT_API_AUTH_STRING") from error
    except httpx.TransportError as error:
        raise Retryable(
            f"Prefect did not answer ({type(error).__name__}) when {what} was loaded",
            where=where,
            next_step="see that the Prefect server runs",
        ) from error


def known_prefect() -> str:
    """The address of the Prefect server. Raises `Refused` where none is known."""
    from prefect.settings import get_current_settings

    address = get_current_settings().api.url
    if not address:
        raise Refused(
            "no Prefect server is known here: PREFECT_API_URL is not set",
            next_step="run `vigie up`, or set the address of your Prefect server",
        )
    return str(address)
