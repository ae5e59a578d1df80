"""`vigie approver`: who may decide, and with which phone?

The rule: a secret is shown once, on the terminal of who enrols, as a QR code; what is stored is sealed.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from deployments.commands.telling import told

app = typer.Typer(no_args_is_help=True, help="People who may approve: enrol a phone, see who is enrolled.")
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def enrol(name: str, as_json: Json = False) -> None:
    """Show the QR code of a fresh secret; the former phone and Slack account of this name no longer count."""
    import segno

    from blocks.errors import Refused
    from blocks.journal.opening import open_journal
    from tasks.approvals.codes import enrolment_address, new_secret
    from tasks.approvals.keys import load_key
    from tasks.runs.catalogue import load_rules

    with told(), open_journal() as journal:
        if name not in (known := load_rules().everybody()):
            raise Refused(f"approvals.yaml names nobody {name!r}", next_step=f"it names {', '.join(known)}")
        secret = new_secret()
        journal.enrol(name, load_key().seal(secret))
    address = enrolment_address(name, secret)
    if as_json:
        typer.echo(json.dumps({"name": name, "address": address}))
        return
    segno.make(address, error="m").terminal(compact=True)
    typer.echo(f"Scan this with an authenticator app as {name}. It is not shown again; clear this screen afterwards.")
    typer.echo(f"By hand: {secret}")


@app.command("list")
def list_approvers(as_json: Json = False) -> None:
    """Everybody approvals.yaml names: enrolled, and linked to Slack?"""
    from blocks.journal.opening import open_journal
    from tasks.runs.catalogue import load_rules

    with told(), open_journal() as journal:
        people = [(name, journal.approver(name)) for name in load_rules().everybody()]
    if as_json:
        found = [
            {"name": n, "enrolled": bool(a and a.enrolled_at), "slack": a.slack_user if a else ""} for n, a in people
        ]
        typer.echo(json.dumps(found))
        return
    for name, approver in people:
        phone = f"enrolled {approver.enrolled_at:%Y-%m-%d}" if approver and approver.enrolled_at else "NOT enrolled"
        slack = "linked to Slack" if approver and approver.slack_user else "not linked to Slack"
        typer.echo(f"{name:24} {phone:22} {slack}")


@app.command()
def key() -> None:
    """Print a fresh key for the Approver Key block; keep it in your vault."""
    from blocks.approvals.block import new_key

    typer.echo(new_key())
