"""`vigie drills`: when was each platform last drilled and restored, when is it due, and did anything stay behind?

The calendar that a service manager shows a customer, out of the journal alone; nothing is started by it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blocks.catalogue.mistakes import listed, nearest_name
from blocks.errors import Refused
from deployments.commands.telling import told

if TYPE_CHECKING:
    from datetime import datetime

    from blocks.catalogue.model import Customer
    from tasks.reports.moves.calendar import Rehearsed

Of = Annotated[str, typer.Option("--customer", help="Only this customer's platforms.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def drills(customer: Of = "", as_json: Json = False) -> None:
    """The drill calendar, by customer. Exit 1 when a drill or a restore is overdue, or something was left over."""
    from blocks.journal.opening import open_journal
    from tasks.reports.moves.steps import rehearsals

    with told(), open_journal() as journal:
        found, at, leaks = rehearsals(journal), journal.now(), journal.leaked_resources()
        wanted = _of(found, customer)
    if as_json:
        shown = [_as_json(who, each, at) for who, rows in wanted.items() for each in rows]
        typer.echo(json.dumps({"platforms": shown, "leftovers": [each.reference for each in leaks]}, default=str))
    else:
        _print(wanted, at)
        for leak in leaks:
            typer.echo(f"left over from run {leak.run}: {leak.reference}; the leak sweep removes it", err=True)
    if leaks or any(each.is_due(at) for rows in wanted.values() for each in rows):
        raise typer.Exit(1)


def _of(found: dict[Customer, list[Rehearsed]], customer: str) -> dict[Customer, list[Rehearsed]]:
    """Of one customer, or of all. Raises `Refused` when there are others and not this one: that is no good news."""
    wanted = {who: rows for who, rows in found.items() if customer in ("", who.name)}
    if found and not wanted:
        known = [who.name for who in found]
        near = nearest_name(customer, known)
        raise Refused(
            f"no customer {customer!r} has a platform with a recovery plan"
            f"{f'; the nearest is {near!r}' if near else ''}",
            next_step=f"those who have one: {listed(known)}",
        )
    return wanted


def _print(found: dict[Customer, list[Rehearsed]], at: datetime) -> None:
    from tasks.reports.moves.calendar import render_calendar

    if not found:
        typer.echo("no platform with a recovery plan is known to the journal")
    for who, rows in found.items():
        typer.echo(f"{who.name}, hours of {who.time_zone}:")
        due = {each.platform: each for each in rows if each.is_due(at)}
        for row in render_calendar(rows, at=at, language="en", time_zone=who.time_zone):
            (_, platform), *facts = row.items()
            typer.echo(f"  {platform}")
            for name, said in facts:
                if said:
                    typer.echo(f"    {name:20} {said}")
            if platform in due:
                restored = (
                    " -p from_backup=true" if due[platform].restore_is_due(at) else ""
                )  # a tested restore besides
                typer.echo(f"    Next: prefect deployment run recovery-drill/rehearse -p platform={platform}{restored}")


def _as_json(who: Customer, each: Rehearsed, at: datetime) -> dict[str, Any]:
    return {
        "customer": who.name,
        "platform": each.platform,
        "drill_due_at": each.drill_due_at,
        "restore_due_at": each.restore_due_at,
        "last_drill": each.drills[0].text if each.drills else None,
        "last_drill_at": each.drills[0].at if each.drills else None,
        "last_restore_at": each.restores[0].at if each.restores else None,
        "verdict": each.drills[0].verdict.value if each.drills else None,
        "is_due": each.is_due(at),
    }
