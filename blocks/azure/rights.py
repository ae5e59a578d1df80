"""Does somebody hold a right in Azure, and was it taken away, or given back, exactly as it was?

A role assignment: a principal, a role and a scope, under a name of its own. Nothing of it can be suspended, so it is
deleted, and made anew under the same name with what it had. As Azure documents it, api-version 2022-04-01:
https://learn.microsoft.com/rest/api/authorization/role-assignments

    baseline   what of it somebody decided, word for word; empty where it is not there
    evidence   taken: it was there and is not; given back: it was not there and is; else our request in the activity log
    goal       it is not there; or it is there with the principal and role of the plan

The rules: an assignment of another principal or role than the plan names is left alone; one that changed since the
baseline too; only Azure's own word for an assignment that does not exist counts as gone.

What remains: Azure's services keep what they decided for some minutes (https://learn.microsoft.com/azure/role-based-
access-control/troubleshooting), so that a right that is gone is still used so long, and one that is back is not yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from blocks.azure.access import Access
from blocks.azure.actions import CREDENTIAL_ACTIONS
from blocks.azure.activity import find_request
from blocks.azure.failures import error_code
from blocks.azure.resource import AzureResource
from blocks.errors import Broken, Refused
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.credentials import TAKEN, Credential, CredentialLook
from blocks.ports.health import MissingCode

if TYPE_CHECKING:
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.azure.connection import Connection
    from blocks.catalogue.recovery import RoleAssignment
    from blocks.clock import Clock
    from blocks.ports.network import Routes

RIGHTS_VERSION = "2022-04-01"
_TYPE = "Microsoft.Authorization/roleAssignments"
_ADDRESS = re.compile(
    rf"(?P<scope>/subscriptions/(?P<subscription>[^/]+).*)/providers/{_TYPE}/(?P<name>[^/]+)", re.IGNORECASE
)
_GROUP = re.compile(r"/resourceGroups/([^/]+)", re.IGNORECASE)
_DECIDED = (
    "roleDefinitionId",
    "principalId",
    "principalType",
    "description",
    "condition",
    "conditionVersion",
    "delegatedManagedIdentityResourceId",
)
"""What somebody decided of it; all else Azure writes there itself."""
_PATIENCE = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=2), shows_within=timedelta(seconds=5))
Right = Mapping[str, Any]
"""What was decided of an assignment; empty where it is not there."""


def open_credential(
    declared: RoleAssignment,
    reader: AzureReader,
    operator: Callable[[], AzureOperator],
    *,
    routes: Routes,
    clock: Clock,
) -> Credential:
    """One assignment: `reader` looks, `operator` is called only when it is changed, or asked what it may do."""
    return AzureRight(declared, Access(reader, operator, routes.ca_file, clock))


@dataclass(frozen=True, slots=True)
class AzureRight:
    """One role assignment of the plan."""

    declared: RoleAssignment
    access: Access
    resource: AzureResource = field(init=False)
    scope: str = field(init=False)

    def __post_init__(self) -> None:
        """Raises `Broken` for what is no assignment."""
        found = _ADDRESS.fullmatch(self.declared.resource)
        if found is None:
            raise Broken(
                f"{self.declared.resource!r} is not the address of a role assignment",
                where=f"credential {self.declared.name}",
                next_step=f"write the id that Azure gives it, …/providers/{_TYPE}/<guid>, into the catalogue",
                code=MissingCode.PROBE_FAILED,
            )
        group = _GROUP.search(found["scope"])
        named = (found["subscription"], group[1] if group else "", _TYPE.lower(), found["name"])
        object.__setattr__(self, "resource", AzureResource(self.declared.resource, *named))
        object.__setattr__(self, "scope", found["scope"])

    @property
    def named(self) -> str:
        """'credential archive-writer of azure-west'."""
        return f"credential {self.declared.name} of {self.declared.holder}"

    def look(self) -> CredentialLook:
        """Whether it is there, and what the plan says. Raises the three errors."""
        right = self.read()
        text = self.said(right)
        return CredentialLook(name=self.declared.name, held=bool(right), fits=self.fits(right), text=text)

    def may_take(self) -> str:
        """By what the operator may do at the scope of the assignment. Raises the three errors."""
        from blocks.azure.block import may

        path = f"{self.scope}/providers/Microsoft.Authorization/permissions"
        access = Access(self.access.operator(), self.access.operator, self.access.ca_file, self.access.clock)
        granted = access.look(self.resource, lambda azure: azure.get(path, RIGHTS_VERSION))["value"]
        lacking = [action for action in CREDENTIAL_ACTIONS if not may(granted, action)]
        return f"the operator may not perform {', '.join(lacking)} there" if lacking else ""

    def revoke(self) -> Change:
        """It is not there any more."""
        return Revoke(self)

    def grant(self, taken: str) -> Change:
        """It is there as it was taken."""
        return Grant(self, taken)

    def read(self) -> Right:
        """The assignment as the reader sees it. Raises the three errors."""
        return self.access.look(self.resource, self.read_right)

    async def read_right(self, azure: Connection) -> Right:
        """The same, where the connection is at hand."""
        from azure.core.exceptions import HttpResponseError

        try:
            properties = (await azure.get(self.resource.id, RIGHTS_VERSION))["properties"]
        except HttpResponseError as error:
            if error.status_code == HTTPStatus.NOT_FOUND and error_code(error) == "RoleAssignmentNotFound":
                return {}
            raise
        return {name: properties[name] for name in _DECIDED if properties.get(name) is not None}

    def fits(self, right: Right) -> bool:
        """Nothing, or what the plan names."""
        wanted = (self.declared.principal, self.declared.role)
        return not right or (str(right["principalId"]).lower(), _role(right)) == wanted

    def said(self, right: Right) -> str:
        """For people: 'credential archive-writer of azure-west is there'."""
        if right and not self.fits(right):
            return f"{self.named} is of principal {right['principalId']} and role {_role(right)}"
        return f"{self.named} is {'there' if right else 'not there'}"

    def require_fit(self, right: Right) -> None:
        """Raises `Refused` for an assignment of somebody else, or of another role."""
        if not self.fits(right):
            raise Refused(
                f"{self.said(right)}, and not of {self.declared.principal} and {self.declared.role}: it is left alone",
                where=str(self.resource),
                next_step="correct the plan in the catalogue, or the assignment in Azure",
                code="changed",
            )


@dataclass(frozen=True, slots=True)
class Revoke:
    """It is taken away; what it was stays in the baseline."""

    by: AzureRight

    @property
    def text(self) -> str:
        """'take credential archive-writer of azure-west away'."""
        return f"take {self.by.named} away"

    @property
    def repeatable(self) -> bool:
        """Azure answers a second time that it is gone already."""
        return True

    @property
    def patience(self) -> Patience:
        """It is gone when Azure answers; readers may see it a little longer."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` for an assignment that the plan does not name."""
        self.by.require_fit(self.by.read())

    def read_baseline(self) -> Mapping[str, str]:
        """`{"right": "<what was decided of it>"}`, empty where it is not there."""
        return {TAKEN: _kept(self.by.read())}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It was there and is not, or the log has our request."""
        before = _before(self.by, mark)

        async def look(azure: Connection) -> Evidence | None:
            if before and not await self.by.read_right(azure):
                text = f"{self.by.named} was there before and is not any more"
                return Evidence(kind=EvidenceKind.GONE, reference=self.by.resource.id, text=text)
            return await _in_the_log(self.by, azure, mark, "delete", self.text)

        return self.by.access.look(self.by.resource, look)

    def act(self, mark: Mark) -> Evidence | None:
        """Delete it; None where it is not there. Raises `Refused` over what somebody made of it meanwhile."""
        before, right = _before(self.by, mark), self.by.read()
        if not right:
            return None
        if _kept(right) != before:
            raise _changed(self.by, right)
        return _send(self.by, mark, self.text, "DELETE", None)

    def read_effect(self, mark: Mark) -> Seen:
        """Is it gone?"""
        _before(self.by, mark)
        right = self.by.read()
        return Seen(reached=not right, text=self.by.said(right))


@dataclass(frozen=True, slots=True)
class Grant:
    """It is given back as it was taken. `taken` is what the journal keeps of it; empty where nothing was taken."""

    by: AzureRight
    taken: str

    @property
    def text(self) -> str:
        """'give credential archive-writer of azure-west back'."""
        return f"give {self.by.named} back"

    @property
    def repeatable(self) -> bool:
        """What is there already is not given again."""
        return True

    @property
    def patience(self) -> Patience:
        """It is there when Azure answers; readers may not see it for a little longer."""
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` where somebody else's assignment stands there, or what was taken is not of this plan."""
        self.by.require_fit(self.by.read())
        self.by.require_fit(_right(self.taken))

    def read_baseline(self) -> Mapping[str, str]:
        """`{"right": "<what is given>", "before": "<what is there>"}`."""
        return {TAKEN: self.taken, "before": _kept(self.by.read())}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """It was not there and is, or the log has our request; none where nothing was to be given."""
        if not (kept := _before(self.by, mark)):
            return None

        async def look(azure: Connection) -> Evidence | None:
            if not mark.baseline["before"] and _same(await self.by.read_right(azure), _right(kept)):
                text = f"{self.by.named} was not there before and is again"
                return Evidence(kind=EvidenceKind.GENERATION, reference=self.by.resource.id, text=text)
            return await _in_the_log(self.by, azure, mark, "write", self.text)

        return self.by.access.look(self.by.resource, look)

    def act(self, mark: Mark) -> Evidence | None:
        """Make it anew; None where it is there, or where nothing was taken."""
        kept, right = _before(self.by, mark), self.by.read()
        if not kept or _same(right, _right(kept)):
            return None
        if right:
            raise _changed(self.by, right)
        return _send(self.by, mark, self.text, "PUT", {"properties": dict(_right(kept))})

    def read_effect(self, mark: Mark) -> Seen:
        """Is it there again, or was there nothing to give?"""
        if not (kept := _before(self.by, mark)):
            return Seen(reached=True, text=f"nothing was taken of {self.by.named}, so nothing is given back")
        right = self.by.read()
        return Seen(reached=_same(right, _right(kept)), text=self.by.said(right))


# -- pieces ------------------------------------------------------------------------------------


def _kept(right: Right) -> str:
    return json.dumps(right, sort_keys=True) if right else ""


def _right(kept: str) -> Right:
    return json.loads(kept) if kept else {}


def _role(right: Right) -> str:
    """The GUID of its definition: Azure writes the path before it in more than one way."""
    return str(right["roleDefinitionId"]).rpartition("/")[2].lower()


def _same(right: Right, other: Right) -> bool:
    """The same role for the same principal; the scope is that of the address."""
    if not right or not other:
        return False
    return (_role(right), str(right["principalId"]).lower()) == (_role(other), str(other["principalId"]).lower())


def _before(by: AzureRight, mark: Mark) -> str:
    if TAKEN not in mark.baseline:
        raise Broken("the intent has no baseline: whether it took effect cannot be told", where=str(by.resource))
    return mark.baseline[TAKEN]


def _changed(by: AzureRight, right: Right) -> Refused:
    return Refused(
        f"somebody changed {by.named} meanwhile ({by.said(right)}), so nothing was done",
        where=str(by.resource),
        next_step="find out who and why, then start anew",
        code="changed",
    )


async def _in_the_log(by: AzureRight, azure: Connection, mark: Mark, operation: str, deed: str) -> Evidence | None:
    return await find_request(azure, by.resource, mark, by.access.clock.now(), operation=operation, deed=deed)


def _send(by: AzureRight, mark: Mark, text: str, method: str, body: Mapping[str, Any] | None) -> Evidence:
    path = by.resource.id
    return by.access.act(
        by.resource,
        mark,
        text,
        lambda azure, ours: azure.send(method, path, RIGHTS_VERSION, body, request_id=ours["request_id"]),
    )
