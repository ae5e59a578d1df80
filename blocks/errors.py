"""What went wrong, and may it be tried again?

Every failure of an outside system becomes one of three errors at the adapter that met it,
so that no step above has to know an SDK's exceptions:

    VigieError
    ├── Retryable   the world may answer differently soon (throttled, timeout, 5xx, connection lost)
    ├── Refused     safety said no, or the other side did (policy, permission): never retried
    └── Broken      a person is needed (bad configuration, unknown answer, contract violated)

The message is read at 3 a.m.: what, where, measured against what, and what to do next.
It never holds a secret, a request body or a token.
"""

from __future__ import annotations

from datetime import timedelta


class VigieError(Exception):
    """Base of the three errors; never raised itself."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "", code: str = "") -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        self.code = code
        super().__init__(what, where, next_step, code)

    def __str__(self) -> str:
        """One sentence: what, where, what next."""
        where = f" ({self.where})" if self.where else ""
        next_step = f". Next: {self.next_step}" if self.next_step else ""
        return f"{self.what}{where}{next_step}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling between a task's process and a result store."""
        return (_rebuild, (type(self), self.__dict__.copy()))


class Retryable(VigieError):
    """The same call may succeed later; `retry_after` is the other side's own wish, if it named one."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        next_step: str = "",
        code: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(what, where=where, next_step=next_step, code=code)
        self.retry_after = retry_after


class Refused(VigieError):
    """Safety or permission said no. Trying again changes nothing."""


class Broken(VigieError):
    """A person is needed: configuration, contract or data is not what it must be."""


def _rebuild(kind: type[VigieError], state: dict[str, object]) -> VigieError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    Exception.__init__(error, *(str(state.get(k, "")) for k in ("what", "where", "next_step", "code")))
    return error
