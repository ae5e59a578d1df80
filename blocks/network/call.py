"""Did this address take our request, and answer what the plan expects?

The sweep's own way of asking (names, trust, bounded bodies, expectations), for a request that may change something. It
is made again after a crash or a lost answer, so it is one that may be: by its method, by a key that the address knows
it again by, or because the plan says so. The rules: only what may pass by itself is tried again, and not for ever;
an answer that is not the expected one is told, not repeated; redirects are answers, and nothing follows them; what is
secret goes to the hosts that its block names and nowhere else, and into no sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from blocks.catalogue.checks import HttpCheck
from blocks.catalogue.recovery import AddedStep
from blocks.clock import Clock
from blocks.errors import Broken, Refused, Retryable
from blocks.network.certificate import trust
from blocks.network.course import Course, Outcome
from blocks.network.faults import silence
from blocks.network.http import HttpProbe
from blocks.network.names import Names
from blocks.network.wording import plain_url
from blocks.ports.changes import Evidence, Mark, Patience, Seen
from blocks.ports.health import FindingCode
from blocks.ports.network import Routes

Secret = Callable[[str], Mapping[str, str]]
"""Host -> the secret headers for it. Raises `Refused` for a host that the block does not name."""
_AGAIN = timedelta(seconds=2)
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
_IN_PROGRESS = 409  # of a key: the same request is being dealt with
_PASSING_FAULTS = frozenset(
    {
        FindingCode.CONNECTION_REFUSED,
        FindingCode.CONNECTION_LOST,
        FindingCode.NO_ANSWER,
        FindingCode.NAME_NOT_FOUND,
        FindingCode.HALF_BODY,
    }
)
_MOST_BODY_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one request: nothing wrong, or a sentence, and whether that may pass by itself."""

    wrong: str = ""
    passes: bool = False
    took_ms: float = 0.0


@dataclass(slots=True, kw_only=True)
class AddressCall:
    """One request of a plan's own."""

    step: AddedStep
    text: str
    within: timedelta
    secret: Secret
    routes: Routes
    clock: Clock
    repeatable: bool = True
    _answered: list[Answered] = field(default_factory=list[Answered], init=False)

    @property
    def patience(self) -> Patience:
        """As long as the plan gives what is only passing."""
        return Patience(every=_AGAIN, at_most=self.within, soon=_AGAIN)

    @property
    def where(self) -> str:
        """The address as it may be shown."""
        return plain_url(self.step.url or "")

    def check(self) -> None:
        """Raises `Refused` where the block of its secrets is absent, or does not name this host."""
        self.secret(urlsplit(self.step.url or "").hostname or "")

    def read_baseline(self) -> Mapping[str, str]:
        """An address shows nothing of what it was asked."""
        return {}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """None: it is asked once more, which it may be."""
        del mark

    def act(self, mark: Mark) -> Evidence | None:
        """Ask. What is only passing is seen by `read_effect`, which asks on."""
        self._answered.append(self._once(mark))

    def read_effect(self, mark: Mark) -> Seen:
        """The answer that `act` had, else another. Raises `Broken` for one that is not expected."""
        seen = self._answered.pop() if self._answered else self._once(mark)
        if seen.wrong and not seen.passes:
            raise Broken(
                seen.wrong,
                where=self.where,
                next_step="see what is wrong there; a retry of this run asks it once more",
            )
        if seen.wrong:
            return Seen(reached=False, text=seen.wrong)
        return Seen(reached=True, text=f"{self.where} answered as expected in {seen.took_ms:.0f} ms")

    def _once(self, mark: Mark) -> Answered:
        try:
            return asyncio.run(self._ask(self._request(mark)))
        except Retryable as error:
            return Answered(str(error), passes=True)

    def _request(self, mark: Mark) -> HttpCheck:
        """As the sweep takes it. What is secret is put in past the catalogue's rules, which forbid it there."""
        step, url = self.step, self.step.url or ""
        key = {step.idempotency_header: mark.key} if step.idempotency_header else {}
        headers = {**step.headers, **key, **self.secret(urlsplit(url).hostname or "")}
        plain = HttpCheck(
            name="call",
            kind="http",
            url=url,
            body=step.body,
            timeout=step.timeout,
            expect_status=step.expect_status,
            expect_body=step.expect_body,
            expect_json=step.expect_json,
            max_body_bytes=_MOST_BODY_BYTES,
        )
        return plain.model_copy(update={"headers": headers, "method": step.method})

    async def _ask(self, request: HttpCheck) -> Answered:
        names = Names(self.routes)
        probe = HttpProbe(names, trust(self.routes.ca_file))
        course = Course(self.clock, self.clock.monotonic(), request.timeout)
        try:
            outcome = await _measured(probe, request, course)
            return self._judged(outcome, course)
        finally:
            course.let_go()
            await probe.close()
            await names.close()

    def _judged(self, outcome: Outcome, course: Course) -> Answered:
        finding = outcome.finding
        if finding is None:
            return Answered(took_ms=course.elapsed_ms())
        status = course.answer.status if course.answer is not None else 0
        busy = _PASSING | ({_IN_PROGRESS} if self.step.idempotency_header else set[int]())
        passes = finding.code in _PASSING_FAULTS or (finding.code is FindingCode.WRONG_STATUS and status in busy)
        return Answered(finding.text, passes=passes)


async def _measured(probe: HttpProbe, request: HttpCheck, course: Course) -> Outcome:
    """Never longer than the request's timeout; running out of it is an outcome too."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.timeout.total_seconds()
    look = loop.call_at(deadline - 0.002, course.look)
    try:
        async with asyncio.timeout_at(deadline):
            return await probe.measure(request, course)
    except TimeoutError:
        return Outcome(course.measurements, course.finding or silence(plain_url(request.url), course))
    finally:
        look.cancel()


def no_secret(_: str) -> Mapping[str, str]:
    """For a call that sends nothing in confidence."""
    return {}


def refuse_host(host: str, block: str, named: str) -> Refused:
    """A secret that would go where its block does not lead."""
    return Refused(
        f"the credentials {block!r} are for {named}, and {host} is none of them",
        where="the credential blocks",
        next_step="name the host in the block, or another block in the plan's step",
    )
