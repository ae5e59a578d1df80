"""Which services are in trouble, and which of them explain the others?

Rules: a service is as bad as the worst of its checks. A dependency explains a problem only while
it is measured to be down itself: a hard critical or unknown check (soft states and warnings explain
nothing). A redundancy group is down only when all its members are. A cause is followed to the
deepest failing service; a service measured ok breaks the chain. A service without a single result
is unknown, and so is one that nothing checks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

from blocks.catalogue.model import Platform, Service
from blocks.ports.health import CheckKey, CheckStatus, FindingCode, MissingCode, Mode, ServiceAssessment, State

GROUP: Final = "group:"
_DOWN: Final = frozenset({State.CRITICAL, State.UNKNOWN})
_TOLD: Final = 3  # reasons in a service's sentence
_NAMED: Final = 4  # checks named with a reason
_ADDRESS: Final = re.compile(
    r"https?://([^/:\s]+)(?::\d+)?(?:/[^\s:]*)?|(?<![\w.])([\w-]+(?:\.[\w-]+)+):\d+\b(?:/[^\s:]*)?"
)
_SAME_FOR_ALL: Final = frozenset(
    {
        MissingCode.CREDENTIALS.value,
        MissingCode.THROTTLED.value,
        MissingCode.API_UNREACHABLE.value,
        MissingCode.DEADLINE.value,
    }
)
_NEVER_SEEN: Final = CheckStatus(state=State.UNKNOWN, mode=Mode.SOFT, sentence="not measured yet", fresh=False)
_OF_A_HOST: Final = frozenset(
    {
        FindingCode.CONNECTION_REFUSED.value,
        FindingCode.CONNECTION_LOST.value,
        FindingCode.NO_ANSWER.value,
        FindingCode.CERTIFICATE_EXPIRED.value,
        FindingCode.CERTIFICATE_WRONG_NAME.value,
        FindingCode.CERTIFICATE_UNTRUSTED.value,
        FindingCode.TLS_FAILED.value,
    }
)
"""What is true of a host, not of the one question that a check asked."""


class _View(NamedTuple):
    """A service by itself, before anything explains it."""

    state: State
    mode: Mode
    since: datetime | None
    sentence: str
    flapping: bool
    is_down: bool  # a hard critical or unknown check, whatever else is soft
    numbers: Mapping[str, float | str]


class _Reason(NamedTuple):
    """One reason, and the checks that say it."""

    checks: tuple[str, ...]
    sentence: str
    numbers: Mapping[str, float | str]


def assess_services(
    platform: Platform, statuses: Mapping[CheckKey, CheckStatus], maintenance: Mapping[str, str]
) -> list[ServiceAssessment]:
    """Every service of the platform, in the catalogue's order.

    `maintenance` maps a service to the name of the window it is in, and mutes it; nothing else
    about it changes. Services are hard when a check of their worst state is hard.
    """
    views = {name: _look(service, statuses) for name, service in platform.services.items()}
    down = {name for name, view in views.items() if view.is_down}
    causes = {name: _failed_dependencies(platform, name, down) for name in views}
    roots = find_roots({name: causes[name] for name in down})
    return [_assess(name, view, causes[name], roots, maintenance.get(name, "")) for name, view in views.items()]


def find_roots(causes: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """For each failed service the deepest failed services that explain it, itself when nothing does.

    `causes` maps failed services to failed services. A circle has no beginning; the catalogue
    refuses circles, and should one come here, it counts as one service, its first by name.
    """
    speaker = {name: name for name in causes}  # who answers for a service: itself, or its circle's first
    while True:
        merged: dict[str, set[str]] = {}
        for name, found in causes.items():
            merged.setdefault(speaker[name], set()).update(speaker[cause] for cause in found)
        try:
            roots = _roots_of_acyclic({name: found - {name} for name, found in merged.items()})
        except CycleError as error:
            circle = set[str](error.args[1])
            speaker = {name: min(circle) if other in circle else other for name, other in speaker.items()}
        else:
            return {name: roots[other] for name, other in speaker.items()}


def _roots_of_acyclic(causes: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    roots: dict[str, tuple[str, ...]] = {}
    for name in TopologicalSorter(causes).static_order():
        deeper = causes[name]
        roots[name] = _union(roots[cause] for cause in deeper) if deeper else (name,)
    return roots


def _union(found: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    several = list(found)
    if len(several) == 1:
        return several[0]
    return tuple(sorted({root for roots in several for root in roots}))


def _failed_dependencies(platform: Platform, name: str, down: Collection[str]) -> tuple[str, ...]:
    """Failed services that `name` cannot do without; for a group, all its members or none."""
    found: list[str] = []
    for dependency in platform.services[name].depends_on:
        if not dependency.startswith(GROUP):
            found += [dependency] if dependency in down else []
            continue
        members = platform.redundancy_groups.get(dependency.removeprefix(GROUP), ())
        if all(member in down for member in members):
            found += members
    return tuple(cause for cause in found if cause != name)


def _assess(
    name: str, view: _View, causes: tuple[str, ...], roots: Mapping[str, tuple[str, ...]], muted: str
) -> ServiceAssessment:
    explained = _union(roots[cause] for cause in causes) if causes else (name,)
    return ServiceAssessment(
        service=name,
        state=view.state,
        mode=view.mode,
        since=view.since,
        sentence=view.sentence,
        reachable=not causes,
        root_causes=explained if view.state.is_problem else (),
        muted=muted,
        flapping=view.flapping,
        numbers=view.numbers,
    )


def _look(service: Service, statuses: Mapping[CheckKey, CheckStatus]) -> _View:
    if not service.checks:
        return _View(
            State.UNKNOWN, Mode.SOFT, None, "nothing checks this service", flapping=False, is_down=False, numbers={}
        )
    seen: list[tuple[str, CheckStatus]] = []
    for check in service.checks:
        status = statuses.get(CheckKey(service.name, check))
        seen.append((check, status if status is not None and status.fresh else _NEVER_SEEN))
    state = max((status.state for _, status in seen), key=lambda s: s.rank)
    worst = [status for _, status in seen if status.state is state]
    reasons = _reasons(seen)
    return _View(
        state=state,
        mode=Mode.HARD if any(status.mode is Mode.HARD for status in worst) else Mode.SOFT,
        since=_since(worst, state),
        sentence=_sentence(seen, reasons) if state.is_problem else _all_well(seen),
        flapping=any(status.flapping for _, status in seen),
        is_down=any(status.mode is Mode.HARD and status.state in _DOWN for _, status in seen),
        numbers=_numbers(reasons[:_TOLD]),
    )


def _since(worst: list[CheckStatus], state: State) -> datetime | None:
    """A problem began with its first check; all is well since the last confirmed one ended: a blip is none."""
    moments = (status.since if state.is_problem else status.hard_since for status in worst)
    times = [moment for moment in moments if moment is not None]
    if not times:
        return None
    return min(times) if state.is_problem else max(times)


def _all_well(seen: Sequence[tuple[str, CheckStatus]]) -> str:
    return f"all {len(seen)} checks ok" if len(seen) > 1 else f"{seen[0][0]}: {seen[0][1].sentence or 'ok'}"


def _sentence(seen: Sequence[tuple[str, CheckStatus]], reasons: Sequence[_Reason]) -> str:
    """The worst reasons first, each said once: "health, certificate: api.hearth.example refused the connection"."""
    told = "; ".join(f"{_named(reason.checks)}: {reason.sentence}" for reason in reasons[:_TOLD])
    troubled = sum(1 for _, status in seen if status.state.is_problem)
    more = troubled - sum(len(reason.checks) for reason in reasons[:_TOLD])
    return f"{told}; and {more} more" if more > 0 else told


def _reasons(seen: Sequence[tuple[str, CheckStatus]]) -> list[_Reason]:
    """What the failing checks say, worst first; checks that say the same of the same host say it together."""
    troubled = sorted(((c, s) for c, s in seen if s.state.is_problem), key=lambda pair: -pair[1].state.rank)
    together: dict[tuple[str, str], list[tuple[str, CheckStatus]]] = {}
    for check, status in troubled:
        together.setdefault((status.state.value, _likeness(status)), []).append((check, status))
    return [
        _Reason(
            tuple(check for check, _ in group),
            _shared(_own(group[0][1])) if len(group) > 1 else _own(group[0][1]),
            group[0][1].numbers,
        )
        for group in together.values()
    ]


def _likeness(status: CheckStatus) -> str:
    """Equal for two checks whose reasons are one to a reader."""
    code, where = str(status.numbers.get("code", "")), str(status.numbers.get("where", ""))
    if code in _SAME_FOR_ALL or (where and code in _OF_A_HOST):
        return f"{code} {where}"
    return _shared(_own(status))


def _own(status: CheckStatus) -> str:
    return status.sentence or status.state.value


def _shared(sentence: str) -> str:
    """The sentence about the host, whatever path or port of it each check asked."""
    return _ADDRESS.sub(lambda match: match[1] or match[2], sentence)


def _named(checks: Sequence[str]) -> str:
    more = len(checks) - _NAMED
    return ", ".join(checks[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _numbers(reasons: Sequence[_Reason]) -> dict[str, float | str]:
    """Those of the worst reason under their own keys, of the next ones under keys that end in .2 and .3."""
    numbers: dict[str, float | str] = {}
    for place, reason in enumerate(reasons, start=1):
        ending = "" if place == 1 else f".{place}"
        numbers |= {
            f"{key}{ending}": value for key, value in {"checks": _named(reason.checks), **reason.numbers}.items()
        }
    return numbers
