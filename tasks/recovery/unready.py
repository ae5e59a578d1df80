"""Which of readiness' findings become incidents, who is told, and what closes them?

The rules, before any code:

1.  *One incident a finding*: its root is `readiness:` and the finding's stable name, so that sweeps leave it alone
    and it leaves theirs alone.
2.  *Nobody is woken.* Clients are served. A critical finding is a ticket, told at once, as of an important service
    (tasks/incidents/severity.py); a warning is a notice, shown by `vigie now` and in the report and told to nobody.
    What could not be seen begins as a notice, and is a ticket when it still cannot be seen at the next look and
    nothing critical was found beside it: a dead site is told once, and not once for each thing that it hides.
3.  *It only gets louder while it is open*, so that whoever was told is also told that it is over.
4.  *Only a look closes.* What could not be looked at closes nothing, and changes nothing about what was seen before.
5.  *During a night readiness is still*: while a move is under way, or data takes no writes where clients are, nothing
    is opened and nothing changes; that night has incidents of its own.
6.  *Planning again changes nothing*; numbers that move inside a sentence are not news.

Pure: no I/O, no clock, no Prefect.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from blocks.catalogue.model import Criticality, Platform
from blocks.catalogue.quantities import format_duration
from blocks.ports.health import State
from blocks.ports.incidents import READINESS, EventKind, Incident, IncidentChange, Severity
from blocks.ports.recovery import MoveState
from tasks.incidents.severity import severity_of_state
from tasks.recovery.decide import recovery_of
from tasks.recovery.readiness import NOT_SEEN, Finding
from tasks.recovery.values import Facts

_UNSEEN_TOO_LONG: Final = timedelta(minutes=20)
"""Less than the time between two looks, and more than any retry of one."""
_ORDER: Final = (EventKind.OPENED, EventKind.SILENCE_ENDED, EventKind.CHANGED, EventKind.CLOSED)


def plan_unready(
    found: Sequence[Finding],
    open_incidents: Sequence[Incident],
    *,
    recently_closed: Sequence[Incident] = (),
    at: datetime,
    still: str = "",
) -> list[IncidentChange]:
    """The events to record, the loudest opening first. `still` is why this is no moment to judge; empty on most days.

    Incidents of sweeps may be among them. A finding that closed a while ago is reopened by the journal, and one that
    was silenced until later is reopened without a word.
    """
    if still:
        return []
    there = {each.root: each for each in open_incidents if each.is_readiness}
    silent = {each.root for each in recently_closed if _is_silent(each, at)}
    alone = all(finding.severity is not State.CRITICAL for finding in found)
    causes = {READINESS + finding.name: finding for finding in found}
    changes = [
        *(_opened(root, cause, silent) for root, cause in causes.items() if root not in there),
        *(change for root, incident in there.items() for change in _moved(incident, causes.get(root), at, alone=alone)),
    ]
    return sorted(changes, key=lambda change: (_ORDER.index(change.kind), -change.severity.rank, change.root))


def severity_of_finding(state: State) -> Severity:
    """How loud it begins. Nobody gets up for a disaster that has not come."""
    return Severity.NOTICE if state is State.UNKNOWN else severity_of_state(Criticality.IMPORTANT, state)


def why_still(platform: Platform, facts: Facts) -> str:
    """Why this is no moment to judge: a move is under way, or clients are not served where they are."""
    newest = facts.moves[0] if facts.moves else None
    if newest is not None and newest.state is MoveState.UNDER_WAY:
        return f"a {newest.kind.value} to {newest.to_site} is under way"
    for name in recovery_of(platform).data:
        look = facts.look(name, facts.active)
        if look is not None and not look.takes_writes:
            return f"{name} takes no writes in {facts.active}, where clients are"
    return ""


def _opened(root: str, finding: Finding, silent: Container[str]) -> IncidentChange:
    severity = severity_of_finding(finding.severity)
    return IncidentChange(
        kind=EventKind.OPENED,
        root=root,
        severity=severity,
        sentence=finding.sentence,
        tell=_is_told(severity) and root not in silent,
        numbers={"state": finding.severity.value},
    )


def _moved(incident: Incident, finding: Finding | None, at: datetime, *, alone: bool) -> Iterator[IncidentChange]:
    if finding is None:
        yield _change(
            EventKind.CLOSED, incident, f"ready again{_after(incident, at)}", tell=_is_told(incident.severity)
        )
        return
    if incident.silenced_until is not None and incident.silenced_until <= at:
        yield _change(EventKind.SILENCE_ENDED, incident, incident.sentence, tell=_is_told(incident.severity))
    if finding.severity is State.UNKNOWN and not _is_blind(incident):
        return
    severity = max(incident.severity, _severity(incident, finding, at, alone=alone), key=lambda each: each.rank)
    if (severity, _words(finding.sentence)) != (incident.severity, _words(incident.sentence)):
        tell = _is_told(severity) and not _is_silent(incident, at)
        yield _change(EventKind.CHANGED, incident, finding.sentence, severity=severity, tell=tell)


def _severity(incident: Incident, finding: Finding, at: datetime, *, alone: bool) -> Severity:
    lasts = at - incident.opened_at >= _UNSEEN_TOO_LONG
    if finding.severity is State.UNKNOWN and lasts and alone:
        return Severity.TICKET
    return severity_of_finding(finding.severity)


def _change(
    kind: EventKind, incident: Incident, sentence: str, *, tell: bool, severity: Severity | None = None
) -> IncidentChange:
    return IncidentChange(
        kind=kind,
        root=incident.root,
        severity=severity or incident.severity,
        sentence=sentence,
        incident=incident.id,
        tell=tell,
    )


def _is_told(severity: Severity) -> bool:
    return severity is not Severity.NOTICE


def _is_silent(incident: Incident, at: datetime) -> bool:
    return incident.silenced_until is not None and incident.silenced_until > at


def _is_blind(incident: Incident) -> bool:
    """It says only that nobody could look."""
    return incident.sentence.endswith(NOT_SEEN)


def _words(sentence: str) -> str:
    return re.sub(r"-?\d[\d.,]*", "#", sentence)


def _after(incident: Incident, at: datetime) -> str:
    minutes = max(1, round((at - incident.since) / timedelta(minutes=1)))
    return f" after {format_duration(timedelta(minutes=minutes))}"
