"""Which version of a platform and of the approval rules does this run work with?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import httpx

from blocks.approvals.block import RULES_NAME, ApprovalRulesBlock
from blocks.catalogue.approvals import ApprovalRules
from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.mistakes import nearest_name
from blocks.catalogue.model import Customer, Platform
from blocks.errors import Broken
from blocks.orchestrator.loading import prefect_answers
from blocks.ports.approvals import Policy
from tasks.core.remembering import remembered


@dataclass(frozen=True, slots=True)
class Known:
    """A platform and its customer."""

    platform: Platform
    customer: Customer


class PlatformUnknown(Broken):
    """Prefect answered, and holds no platform of that name."""


def load_platform(name: str) -> Known:
    """As `vigie apply` saved it. Raises `PlatformUnknown` when it never did."""
    return remembered("platform", name, lambda: _saved(name))


def _saved(name: str) -> Known:
    try:
        with prefect_answers(f"platform {name}"):
            block = PlatformBlock.load(name, _sync=True)  # pyright: ignore[reportCallIssue]  added by Prefect's dispatch
    except ValueError as error:
        near = nearest_name(name, _names())
        raise PlatformUnknown(
            f"Prefect has no platform {name!r}{f'; the nearest is {near!r}' if near else ''}",
            next_step="is the name right? Then run vigie apply",
            code="probe_failed",
        ) from error
    return Known(block.platform(), block.customer())


def _names() -> list[str]:
    """Of all platforms that were saved; none where Prefect does not say."""
    from prefect.client.orchestration import get_client

    with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
        saved = client.read_block_documents_by_type(PlatformBlock.get_block_type_slug())
        return [document.name for document in saved if document.name]
    return []


def load_policy(customer: str, platform: str, action: str) -> Policy:
    """Who may approve this. Raises `Refused` where no rule fits, `Broken` when no rules were ever saved."""
    return load_rules().policy_for(customer, platform, action)


def load_rules() -> ApprovalRules:
    """As `vigie apply` saved them. Raises `Broken` when it never did."""
    try:
        with prefect_answers("the approval rules"):
            block = ApprovalRulesBlock.load(RULES_NAME, _sync=True)  # pyright: ignore[reportCallIssue]
    except ValueError as error:
        raise Broken(
            "Prefect has no approval rules, so nobody may approve anything",
            next_step="run vigie apply; it saves deployments/approvals.yaml",
        ) from error
    return block.rules()
