"""Carry out a step of the plan's own: call the address, run the deployment, or ask the person.

The rules: what is done is what was approved, and a step that is no longer that refuses; what a person says was done by
hand, and nobody could read back, is taken at their word and kept with their name; deployments are looked for before
anybody is asked, so that a move does not stop at a name that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from blocks.catalogue.recovery import PlanStepKind
from blocks.clock import SystemClock
from blocks.errors import Broken, Retryable, VigieError
from blocks.network.call import AddressCall, no_secret
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.orchestrator.deployed import DeploymentRun
from blocks.ports.approvals import PlanStep
from blocks.ports.changes import Change
from blocks.ports.orchestration import Startable
from tasks.core.change import Order
from tasks.core.opening import load_block
from tasks.core.retries import OUTSIDE
from tasks.core.step import change_step
from tasks.recovery.added import Added, added_of, why_not_run
from tasks.recovery.confirming import Asking, sleep_until_answered
from tasks.recovery.instead import NotApproved, TakenAtTheirWord
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.opening import Parts, parts_of
from tasks.recovery.values import other_site
from tasks.runs.catalogue import load_platform, load_policy, load_rules
from tasks.runs.runbook import Granted, Runbook


def begin_added(book: Runbook, granted: Granted, step: PlanStep) -> Any:
    """The step on its way, for whoever waits for its result."""
    item, order = parse_item(step.item), book.order(granted, step)
    row = book.journal.step(book.run.id, order.key)
    if row is not None and row.is_done:
        return Known(row.outcome)
    if item.verb is Verb.ASK:
        return _asking(book, granted, step)
    submitted: Any = change_added
    return submitted.submit(order, granted, step.text, row.by_hand if row is not None else "")


@dataclass(frozen=True, slots=True)
class Known:
    """A step that was done before, whatever the catalogue says of it by now."""

    outcome: str

    def result(self) -> str:
        """What it found then."""
        return self.outcome


@change_step(retry=OUTSIDE, run_name="{text}")
def change_added(order: Order, granted: Granted, text: str, by_hand: str) -> Change:
    """A call or a deployment. `text` is as it was approved; `by_hand` is who says that it was done by hand."""
    if by_hand:
        return TakenAtTheirWord(text, by_hand)
    parts, item = parts_of(order.platform), parse_item(order.item)
    added = added_of(parts.platform, item, granted.plan.action, other_site(granted.plan, item.site))
    return change_of(parts, added) if added.text == text else NotApproved(text, added.text)


def change_of(parts: Parts, added: Added) -> Change:
    """The change that one is. Raises `Broken` for a question, which changes nothing."""
    if added.step.kind is PlanStepKind.CALL:
        return _call(parts, added)
    if added.step.kind is PlanStepKind.DEPLOYMENT:
        return _deployment(added)
    raise Broken(f"{added.item} asks a person, and changes nothing", where=added.platform)


def look_whether_added(parts: Parts, item: Item, move: str, from_site: str) -> None:
    """Could this step be done tonight, as far as it can be known? Raises what speaks against it; changes nothing."""
    added = added_of(parts.platform, item, move, from_site)
    if added.step.kind is PlanStepKind.ASK:
        customer = load_platform(parts.platform.name).customer.name
        load_policy(customer, parts.platform.name, move)
    else:
        change_of(parts, added).check()


def fault_of(parts: Parts, added: Added) -> str:
    """Why it could not be done, empty where nothing speaks against it. Raises `Retryable` where nobody can say."""
    try:
        look_whether_added(parts, added.item, added.move, added.from_site)
    except Retryable:
        raise
    except VigieError as error:
        return error.what
    return ""


def guarded_flows() -> AbstractSet[str]:
    """The flows that approvals.yaml asks an approval for."""
    return {rule.action for rule in load_rules().rules if rule.action}


def _call(parts: Parts, added: Added) -> AddressCall:
    step = added.step
    return AddressCall(
        step=step,
        text=added.text,
        within=added.within,
        secret=_secret_of(step.credentials) if step.credentials else no_secret,
        routes=parts.routes,
        clock=SystemClock(),
    )


def _secret_of(block: str) -> Any:
    def headers(host: str) -> Mapping[str, str]:
        from blocks.network.credentials import AddressCredentials

        found: AddressCredentials = load_block(AddressCredentials, block)
        return found.for_host(host, block)

    return headers


def _deployment(added: Added) -> DeploymentRun:
    guarded, parameters = guarded_flows(), added.parameters

    def why(found: Startable | None) -> str:
        return why_not_run(added.step.deployment, found, parameters, guarded)

    return DeploymentRun(
        opened=PrefectOrchestrator,
        name=added.step.deployment,
        parameters=parameters,
        text=added.text,
        within=added.within,
        why_not=why,
    )


def _asking(book: Runbook, granted: Granted, step: PlanStep) -> Asking:
    platform, item = load_platform(granted.plan.platform).platform, parse_item(step.item)
    added = added_of(platform, item, granted.plan.action, other_site(granted.plan, item.site))
    if added.text != step.text:
        NotApproved(step.text, added.text).check()
    return Asking(
        book=book,
        granted=granted,
        step=step,
        declared=added.step,
        policy=lambda: load_policy(book.run.customer, book.run.platform, granted.plan.action),
        sleep=sleep_until_answered,
    )
