"""`vigie runs`: what is being changed, by whom, how far is it, and how do I stop or answer it from here?

The terminal's door: every answer carries a name and a one-time code, and goes through the same functions as those
of Slack and the Prefect UI.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from blocks.errors import Refused
from blocks.ports.approvals import Approval, Choice, Door, Standing
from blocks.ports.runs import Run, RunState, Step
from deployments.commands.telling import told

if TYPE_CHECKING:
    from blocks.journal.adapter import PostgresJournal

app = typer.Typer(no_args_is_help=True, help="Runbooks: list, show, answer, stop safely, go on.")
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
As = Annotated[str, typer.Option("--as", help="Your name in approvals.yaml.")]
Code = Annotated[str, typer.Option("--code", help="Your one-time code.", prompt="One-time code")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for everybody who reads it later.")]
Typed = Annotated[str, typer.Option("--confirm", help="The word that a dangerous action asks for.")]
WhichRun = Annotated[str, typer.Argument(help="The first characters of the run's id.")]
_OPEN = (RunState.RUNNING, RunState.WAITING, RunState.FAILED, RunState.PARKED)


@app.command("list")
def list_runs(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False, as_json: Json = False
) -> None:
    """Runbooks that are not over; of those that failed before they changed anything only how many."""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        found = journal.runs(states=() if everything else _OPEN)
        if as_json:
            typer.echo(json.dumps([asdict(run) for run in found], default=str))
            return
        idle = [] if everything else [r for r in found if r.state is RunState.FAILED and not journal.steps(r.id)]
    shown = [run for run in found if run not in idle]
    for run in shown:
        typer.echo(_line(run))
    if not shown:
        typer.echo("No runbook is open.")
    if idle:
        typer.echo(f"Besides, {len(idle)} failed before anything was changed: vigie runs list --all")


@app.command()
def show(run: WhichRun, as_json: Json = False) -> None:
    """One run: its approval, its steps, its history."""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        found = _find(journal, run)
        steps, approvals, actions = journal.steps(found.id), journal.approvals(found.id), journal.actions(found.id)
    if as_json:
        parts = {"run": found, "steps": steps, "approvals": approvals, "actions": actions}
        typer.echo(
            json.dumps(
                {k: [asdict(e) for e in v] if isinstance(v, Sequence) else asdict(v) for k, v in parts.items()},
                default=str,
            )
        )
        return
    typer.echo(_line(found))
    for approval in approvals:
        why = f", {approval.reason}" if approval.reason else ""
        typer.echo(f"  approval {approval.number}: {approval.standing.value}{why}")
        if approval.standing is Standing.WAITING:
            _print_card(approval)
    for step in steps:
        typer.echo(f"  {_step_line(step)}")
    for action in actions:
        typer.echo(f"  {action.at.astimezone():%H:%M:%S %Z} {action.kind.value:20} {action.who:18} {action.text}")


@app.command()
def approve(run: WhichRun, who: As, code: Code, reason: Reason = "", typed: Typed = "") -> None:
    """Say yes to what the run waits for."""
    _answer(run, Choice.APPROVE, who, code, reason=reason, typed=typed)


@app.command()
def reject(run: WhichRun, who: As, code: Code, reason: Reason = "") -> None:
    """Say no."""
    _answer(run, Choice.REJECT, who, code, reason=reason)


@app.command("break-glass")
def break_glass(run: WhichRun, who: As, code: Code, reason: Reason, typed: Typed = "") -> None:
    """Go on although the approvers sleep: with a reason; everybody is told, and it is reviewed next day."""
    _answer(run, Choice.BREAK_GLASS, who, code, reason=reason, typed=typed)


@app.command()
def review(run: WhichRun, who: As, code: Code) -> None:
    """Say that a broken glass was looked at."""
    from blocks.journal.opening import open_journal

    with told(), open_journal() as journal:
        found = _find(journal, run)
        waiting = [each for each in journal.unreviewed() if each.run == found.id]
        if not waiting:
            raise Refused(f"no broken glass of run {found.id} waits for a review")
        if who in {each.approver for each in waiting[0].decisions}:
            raise Refused(f"{who} broke it and cannot review it himself")
        verify_in_terminal(journal, who, code)
        journal.review(waiting[0].id, who=who)
    typer.echo(f"Reviewed by {who}.")


@app.command()
def stop(run: WhichRun, who: As, code: Code, reason: Reason = "") -> None:
    """Finish the step it is in, then park it."""
    _steer("stop", run, who, code, reason)


@app.command("continue")
def go_on(run: WhichRun, who: As, code: Code, reason: Reason = "") -> None:
    """Go on with a parked, failed or cancelled run; what is done stays done."""
    _steer("continue", run, who, code, reason)


@app.command("by-hand")
def by_hand(
    run: WhichRun,
    step: Annotated[str, typer.Argument(help="Its item, or the beginning of its key.")],
    who: As,
    code: Code,
) -> None:
    """Say that a step was done by a person; it counts once it is read back."""
    _steer("by-hand", run, who, code, step)


def _answer(run: str, choice: Choice, who: str, code: str, *, reason: str, typed: str = "") -> None:
    from blocks.journal.opening import open_journal
    from blocks.orchestrator.client import PrefectOrchestrator
    from tasks.approvals.answer import Answer, record_answer
    from tasks.approvals.keys import load_unseal

    with told(), open_journal() as journal:
        found = _find(journal, run)
        question = _waiting(journal, found)
        _require_word(question, choice, typed)
        answer = Answer(approver=who, choice=choice, door=Door.TERMINAL, reason=reason, typed=typed, code=code)
        with PrefectOrchestrator() as orchestrator:
            done = record_answer(journal, load_unseal(), question.id, answer)
            typer.echo(done.sentence)
            if done.is_settled:
                orchestrator.resume(found.id)


def _require_word(question: Approval, choice: Choice, typed: str) -> None:
    """Before the code is used up: a forgotten word would cost the half minute until the next one."""
    from tasks.approvals.decide import lacks_word

    if lacks_word(question.policy, choice, typed):
        raise Refused(
            f"this asks for the word {question.policy.typed!r}, typed",
            next_step=f"the same with {_confirm(question)}; the one-time code was not used",
        )


def _confirm(question: Approval) -> str:
    return f"--confirm {shlex.quote(question.policy.typed)}"


def _steer(what: str, run: str, who: str, code: str, detail: str) -> None:
    from blocks.journal.opening import open_journal
    from blocks.orchestrator.client import PrefectOrchestrator
    from tasks.runs.catalogue import load_policy
    from tasks.runs.steering import Steer, steer

    with told(), open_journal() as journal, PrefectOrchestrator() as orchestrator:
        found = _find(journal, run)
        policy = load_policy(found.customer, found.platform, found.action)
        verify_in_terminal(journal, who, code)
        typer.echo(steer(journal, orchestrator, policy, Steer(what), found.id, who=who, detail=detail))


def verify_in_terminal(journal: PostgresJournal, who: str, code: str) -> None:
    """Who it is, by the one-time code, which is used up. Raises `Refused`."""
    from tasks.approvals.codes import verify_code
    from tasks.approvals.keys import load_unseal

    journal.spend_code(who, verify_code(journal, load_unseal(), who, code, journal.now()))


def _waiting(journal: PostgresJournal, run: Run) -> Approval:
    asked = [each for each in journal.approvals(run.id) if each.standing is Standing.WAITING]
    if not asked:
        raise Refused(f"run {run.id} waits for no answer: it is {run.state.value}", next_step="vigie runs show")
    return asked[-1]


def _find(journal: PostgresJournal, start: str) -> Run:
    try:
        whole = journal.find_run(UUID(start))
    except ValueError:
        whole = None
    found = [whole] if whole else [run for run in journal.runs() if str(run.id).startswith(start.lower())]
    if len(found) != 1:
        many = f"{len(found)} runs begin" if found else "no run begins"
        raise Refused(f"{many} with {start!r}", next_step="vigie runs list --all shows their ids")
    return found[0]


def _print_card(question: Approval) -> None:
    """The same card as on the form of the run's page, and how to answer it from here."""
    from rich.console import Console
    from rich.markdown import Markdown

    from blocks.slack.voice import Voice
    from tasks.approvals.card import card_markdown

    Console().print(Markdown(card_markdown(question, Voice("en", "UTC"))))
    word = f" {_confirm(question)}" if question.policy.typed else ""
    typer.echo(f"\nHours are UTC; it is {datetime.now(UTC):%H:%M}.")
    typer.echo(f"Next: vigie runs approve {str(question.run)[:8]} --as NAME{word}, or reject\n")


def _line(run: Run) -> str:
    when = f"{run.state_at.astimezone():%d %b %H:%M %Z}"
    why = f": {run.reason}" if run.reason else ""
    return f"{str(run.id)[:8]}  {run.title}, {run.state.value} since {when}{why}"


def _step_line(step: Step) -> str:
    if step.is_done:
        return f"done  {step.text}: {step.outcome}{f' (by hand, {step.by_hand})' if step.by_hand else ''}"
    return f"open  {step.text} ({step.key[:8]}, entered {step.entered_count} times)"
