"""Which Azure subscription do we look at and change, as whom, and what may that identity do?

Reader and operator are blocks of their own that a person fills in once. The rule: one that may more than its
duty is said so loudly, and what could not be found out is said to be unknown, never allowed.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.azure.actions import (
    CHECK_ACTIONS,
    MOVE_ACTIONS,
    MOVE_LOOKS,
    RESTART_ACTIONS,
    RESTART_LOOKS,
    WRITES_THAT_A_READER_MUST_NOT_HAVE,
    WRITES_THAT_AN_OPERATOR_MUST_NOT_HAVE,
)
from blocks.errors import Refused, Retryable
from blocks.ports.capabilities import Capability
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PERMISSIONS = "2022-04-01"
_GROUPS = "2023-07-01"


@dataclass(frozen=True, slots=True)
class Duty:
    """What a credential is for: the actions it needs, those it had better not have, and the word for having none."""

    word: str
    needed: tuple[str, ...]
    too_much: tuple[str, ...]
    nothing_more: str


READER = Duty(
    "a reader",
    tuple(
        sorted(
            {action for actions in (*CHECK_ACTIONS.values(), *RESTART_LOOKS.values(), MOVE_LOOKS) for action in actions}
        )
    ),
    WRITES_THAT_A_READER_MUST_NOT_HAVE,
    "may not write, as it should be",
)
OPERATOR = Duty(
    "an operator",
    tuple(sorted({*RESTART_ACTIONS.values(), *MOVE_ACTIONS})),
    WRITES_THAT_AN_OPERATOR_MUST_NOT_HAVE,
    "may write nothing beyond restarts and moves, as it should be",
)


class AzureReader(Block):
    """Lets vigie look at one Azure subscription, and change nothing.

    Filled in by the platform engineer of the customer: create an application in Microsoft Entra ID, give
    it the role that docs/permissions-azure.md describes on the platform's resource groups, and enter its
    ids here. In production leave the secret empty and use workload identity.
    """

    _block_type_name: ClassVar[str | None] = "Vigie Azure reader"
    _block_type_slug: ClassVar[str | None] = "vigie-azure-reader"
    _description: ClassVar[str | None] = "Reads the state of resources in one Azure subscription; changes nothing."
    _documentation_url: ClassVar[Any] = "https://learn.microsoft.com/azure/role-based-access-control/custom-roles"

    tenant_id: str = Field(description="Directory (tenant) id of Microsoft Entra ID")
    client_id: str = Field(description="Application (client) id of this identity")
    client_secret: SecretStr | None = Field(
        default=None, description="Client secret; leave empty to use workload identity (the worker's token file)"
    )
    subscription_id: str = Field(description="Subscription that the platform's resources live in")
    resource_groups: list[str] = Field(
        default_factory=list[str], description="Resource groups to examine; empty: all that it can see"
    )
    arm_endpoint: str = Field(
        default="https://management.azure.com",
        pattern=r"^https://[^/]+/?$",
        description="Address of Azure Resource Manager, without a path",
    )
    audience: str = Field(
        default="https://management.azure.com",
        description="Whom tokens are for; other clouds than the public have their own",
    )
    authority_host: str = Field(
        default="https://login.microsoftonline.com", description="Address of Microsoft Entra ID's login"
    )
    ca_file: str | None = Field(
        default=None, description="PEM file of authorities to trust instead of the system's (sandbox, private cloud)"
    )

    @property
    def scope(self) -> str:
        """What a token is asked for."""
        return f"{self.audience.rstrip('/')}/.default"

    def open_credential(self, transport: Any) -> Any:
        """An azure-identity credential over the given transport; asks nobody anything yet."""
        from azure.identity.aio import ClientSecretCredential, WorkloadIdentityCredential

        options: dict[str, Any] = {
            "authority": self.authority_host,
            "disable_instance_discovery": True,
            "transport": transport,
            "retry_total": 0,
        }
        try:
            if self.client_secret is None:
                return WorkloadIdentityCredential(tenant_id=self.tenant_id, client_id=self.client_id, **options)
            return ClientSecretCredential(
                self.tenant_id, self.client_id, self.client_secret.get_secret_value(), **options
            )
        except ValueError as error:
            raise self._unusable() from error

    def _unusable(self) -> Refused:
        if self.client_secret is None:
            what = "workload identity is not set up on this machine"
            next_step = "give the worker AZURE_FEDERATED_TOKEN_FILE, or enter a client secret in the block"
        else:
            what, next_step = "the credential block is not complete or not well-formed", "check its ids and addresses"
        return Refused(what, where=self.authority_host, next_step=next_step, code=MissingCode.CREDENTIALS)

    async def examine(self) -> tuple[Capability, ...]:
        """What the reader may do, per resource group and action. Raises Retryable, Refused or Broken."""
        import asyncio

        from blocks.azure.connection import Connection
        from blocks.azure.failures import explained
        from blocks.clock import SystemClock

        where = f"{self.arm_endpoint}, subscription {self.subscription_id}"
        try:
            with explained(where):
                async with asyncio.timeout(30), Connection(self, None, SystemClock()) as azure:
                    groups = self.resource_groups or await self._visible_groups(azure)
                    found = [await self._examine_group(azure, group) for group in groups]
        except TimeoutError as error:
            raise Retryable("Azure did not answer in 30 s", where=where, code=MissingCode.API_UNREACHABLE) from error
        if not found:
            return (Capability("*/read", allowed=False, detail="it sees no resource group: give it a role"),)
        return tuple(capability for group in found for capability in group)

    async def _visible_groups(self, azure: Any) -> list[str]:
        path, names = f"/subscriptions/{self.subscription_id}/resourcegroups", list[str]()
        while path:
            page = await azure.get(path, _GROUPS)
            names += [group["name"] for group in page["value"]]
            path = page.get("nextLink")
        return names

    async def _examine_group(self, azure: Any, group: str) -> list[Capability]:
        scope = f"/subscriptions/{self.subscription_id}/resourcegroups/{group}"
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        permissions = list[Any]()
        while path:
            page = await azure.get(path, _PERMISSIONS)
            permissions += page["value"]
            path = page.get("nextLink")
        return judge_permissions(permissions, group, self._duty())

    def _duty(self) -> Duty:
        return READER


class AzureOperator(AzureReader):
    """Lets vigie restart, start, stop and resize apps and machines and shift traffic in one Azure subscription.

    Filled in by the platform engineer of the customer: another application in Microsoft Entra ID than the
    reader's, with the operator's role that docs/permissions-azure.md describes. Only steps that change the
    world open it; looking is done with the reader's block.
    """

    _block_type_name: ClassVar[str | None] = "Vigie Azure operator"
    _block_type_slug: ClassVar[str | None] = "vigie-azure-operator"
    _description: ClassVar[str | None] = (
        "Restarts, starts, stops and resizes apps and machines and shifts traffic in one Azure subscription. "
        "Opened only to change."
    )

    def _duty(self) -> Duty:
        return OPERATOR


def judge_permissions(permissions: Sequence[Mapping[str, Any]], group: str, duty: Duty = READER) -> list[Capability]:
    """Each action that the duty needs, and each it had better not have, against granted permissions."""
    needed = [
        Capability(action, allowed := may(permissions, action), f"{group}: {'may' if allowed else 'may NOT, needed'}")
        for action in duty.needed
    ]
    warning = f"{group}: WARNING, {duty.word} should not have this; use a narrower role"
    writes = [Capability(action, allowed=True, detail=warning) for action in duty.too_much if may(permissions, action)]
    return needed + (writes or [Capability("*/write", allowed=False, detail=f"{group}: {duty.nothing_more}")])


def may(permissions: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Azure's rule: some role grants the action and that same role does not take it away; case does not matter."""
    return any(
        _matches(role.get("actions"), action) and not _matches(role.get("notActions"), action) for role in permissions
    )


def _matches(patterns: Sequence[str] | None, action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns or ())
