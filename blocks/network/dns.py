"""Does a name resolve to what it should?

A name server that the check names is part of the service: its silence is a finding. Silence of this
machine's own resolver is no evidence about anybody's zone, and becomes `unknown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Retryable
from blocks.network.course import Course, Outcome, Stage
from blocks.network.faults import from_os_error
from blocks.network.names import Names, host_and_port
from blocks.network.wording import spoken, tidy
from blocks.ports.health import Finding, FindingCode, MissingCode

if TYPE_CHECKING:
    import dns.asyncresolver

    from blocks.catalogue.model import DnsCheck

_MOST_SHOWN = 3


async def measure_dns(check: DnsCheck, names: Names, course: Course) -> Outcome:
    """Latency (ms) of one question, or what is wrong with the answer.

    Raises `Retryable` when this machine's resolver did not answer, `Broken` for an impossible name.
    """
    import dns.exception
    import dns.resolver

    course.stage = Stage.CONNECT if check.resolver else Stage.NAME
    course.finding = _silent(check, course) if check.resolver else None
    try:
        resolver = await _resolver(check, names)
        found = await resolver.resolve(check.record, check.record_type, lifetime=_lifetime(course), search=False)
    except dns.resolver.NXDOMAIN:
        return Outcome((course.latency(),), _finding(check, FindingCode.NAME_NOT_FOUND, "does not exist"))
    except dns.resolver.NoAnswer:
        said = f"exists but has no {check.record_type} record"
        return Outcome((course.latency(),), _finding(check, FindingCode.NAME_NOT_FOUND, said))
    except dns.resolver.NoNameservers as error:
        return Outcome((), _unanswered(check, error, course))
    except dns.exception.Timeout as error:
        return Outcome((), _unanswered(check, error, course))
    except (dns.exception.DNSException, UnicodeError) as error:
        raise _impossible(check, error) from error
    except OSError as error:
        return Outcome((), from_os_error(error, check.resolver or check.record, course))
    return Outcome((course.latency(),), _judge(check, [_written(item) for item in found]))


async def _resolver(check: DnsCheck, names: Names) -> dns.asyncresolver.Resolver:
    import dns.asyncresolver
    import dns.nameserver

    if check.resolver is None:
        return dns.asyncresolver.Resolver()
    host, port = host_and_port(check.resolver, 53)
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [
        dns.nameserver.Do53Nameserver(item["host"], item["port"]) for item in await names.resolve(host, port)
    ]
    return resolver


def _lifetime(course: Course) -> float:
    """A little under what is left, so that the reason for a silence can still be told."""
    return max(0.05, course.timeout.total_seconds() * 0.95 - course.elapsed_ms() / 1000)


def _judge(check: DnsCheck, answers: list[str]) -> Finding | None:
    lacking = [wanted for wanted in check.expect if _plain(wanted) not in answers]
    if not lacking:
        return None
    shown = ", ".join(tidy(answer, 40) for answer in answers[:_MOST_SHOWN])
    more = f" and {len(answers) - _MOST_SHOWN} more" if len(answers) > _MOST_SHOWN else ""
    return _finding(check, FindingCode.WRONG_ADDRESS, f"leads to {shown}{more}, expected {', '.join(lacking)}")


def _written(item: Any) -> str:
    """An answer as people write it: no quotes, no trailing dot, lower case for names."""
    strings = getattr(item, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    return _plain(item.to_text())


def _plain(text: str) -> str:
    return text.removesuffix(".").lower() if not text.isspace() else text


def _finding(check: DnsCheck, code: FindingCode, said: str) -> Finding:
    asked = f" (asked of {check.resolver})" if check.resolver else ""
    return Finding(code, f"{check.record} {said}{asked}")


def _unanswered(check: DnsCheck, error: Any, course: Course) -> Finding:
    """SERVFAIL, refusal or silence, from the errors that the resolver collected."""
    heard = [entry[3] for entry in error.kwargs.get("errors", []) if len(entry) > 3]  # noqa: PLR2004
    if any(isinstance(item, ConnectionRefusedError) for item in heard):
        said = f"nothing listens at the name server {check.resolver or ''}".rstrip()
        return _blame(check, Finding(FindingCode.CONNECTION_REFUSED, f"{check.record} cannot be resolved: {said}"))
    answered = [str(item) for item in heard if isinstance(item, str)]
    if answered:
        said = f"cannot be resolved: the name server answered {tidy(answered[-1], 60)}"
        return _finding(check, FindingCode.NAME_NOT_FOUND, said)
    return _blame(check, _silent(check, course))


def _silent(check: DnsCheck, course: Course) -> Finding:
    server = check.resolver or "the resolver"
    said = f"{check.record} cannot be resolved: {server} gave no answer within {spoken(course.timeout)}"
    return Finding(FindingCode.NO_ANSWER, said)


def _blame(check: DnsCheck, finding: Finding) -> Finding:
    """The finding, where the check names the server; this machine's own resolver proves nothing."""
    if check.resolver is None:
        raise Retryable(
            finding.text,
            where="this machine's own resolver",
            next_step="check name resolution on the worker",
            code=MissingCode.PROBE_FAILED,
        )
    return finding


def _impossible(check: DnsCheck, error: Exception) -> Broken:
    return Broken(
        f"{tidy(check.record)} cannot be asked for ({type(error).__name__})",
        next_step="correct the check's record in the catalogue",
        code=MissingCode.PROBE_FAILED,
    )
