"""Somebody asks for something in Slack: how does it begin, and who is remembered to have asked?

The rules: who asked is in the journal before the run may begin, so that nobody can approve what he asked for
himself; what a runbook needs an approval for it asks for itself, whoever started it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from blocks.errors import VigieError
from blocks.ports.orchestration import Orchestrator, Startable
from blocks.ports.runs import RunJournal

RUNBOOK = "runbook"
_SUBJECT = "subject:"


def start_run(
    journal: RunJournal,
    orchestrator: Orchestrator,
    startable: Startable,
    parameters: Mapping[str, Any],
    *,
    who: str,
    customer: str,
) -> UUID:
    """Start it; a runbook is noted with who asked before it is released. Raises `VigieError` with nothing begun."""
    run = orchestrator.start(startable.id, parameters)
    if RUNBOOK in startable.tags:
        try:
            journal.open_run(
                run,
                platform=str(parameters["platform"]),
                action=startable.flow,
                subject=str(parameters[subject_of(startable)]),
                parameters=dict(parameters),
                requested_by=who,
                customer=customer,
            )
            journal.want_message(run, "progress")
        except VigieError as error:
            orchestrator.declare_crashed(run, f"it was not begun: {error}")
            raise
    orchestrator.release(run)
    return run


def subject_of(startable: Startable) -> str:
    """Which parameter says what it is about: the tag `subject:<parameter>`, else `service`, else `platform`."""
    named = next((tag.removeprefix(_SUBJECT) for tag in startable.tags if tag.startswith(_SUBJECT)), "")
    known: Mapping[str, Any] = startable.schema.get("properties") or {}
    return next((name for name in (named, "service") if name in known), "platform")
