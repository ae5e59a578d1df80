"""Who holds which right on what in the sandbox's Azure?

Role assignments as Microsoft.Authorization has them (api-version 2022-04-01): an extension of any scope, made and
removed one by one under a GUID. The rules: a right counts for whatever lies at its scope and below; one principal holds
one role once at a scope, under whatever name; who holds what never changes under one name; a right that was removed is
not there again because the sandbox starts anew.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.azure_lives import TAKES_S
from deployments.sandbox.azure_resources import ArmError
from deployments.sandbox.kept import digest_of

TYPE = "Microsoft.Authorization/roleAssignments"
ROLES = {
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": ("*/read",),  # Reader
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": (  # Storage Blob Data Contributor, as far as Resource Manager checks it
        "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        "Microsoft.Storage/storageAccounts/blobServices/containers/write",
        "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
    ),
    "5a5a5a5a-0000-4000-8000-000000000001": (  # the sandbox's own: docs/permissions-azure.md, "vigie keeper of rights"
        "Microsoft.Authorization/roleAssignments/delete",
        "Microsoft.Authorization/roleAssignments/write",
    ),
}
"""Role definition -> what it allows. Others can be assigned, and allow nothing here."""
KEEPER = "5a5a5a5a-0000-4000-8000-000000000001"
_PATH = re.compile(rf"(?P<scope>/subscriptions/[^/]+.*)/providers/{TYPE}/(?P<name>[^/]+)/?", re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WRITABLE = {
    "condition",
    "conditionVersion",
    "delegatedManagedIdentityResourceId",
    "description",
    "principalId",
    "principalType",
    "roleDefinitionId",
}
_READ_ONLY = {"scope", "createdOn", "updatedOn", "createdBy", "updatedBy"}
_PRINCIPALS = {"User", "Group", "ServicePrincipal", "ForeignGroup"}
_FIXED = ("principalId", "roleDefinitionId")
Body = dict[str, Any]


@dataclass
class Right:
    """One name at one scope: what is there (None: nothing any more), and what it becomes at a moment."""

    body: Body | None
    seed: str = ""  # the digest of what it began as; empty where somebody made it
    due: float = 0.0
    becomes: Body | None = None

    def now(self) -> Body | None:
        """After what was due has happened."""
        if self.due and time.monotonic() >= self.due:
            self.body, self.becomes, self.due = self.becomes, None, 0.0
        return self.body

    def set(self, body: Body | None, fault: str) -> None:
        """Now; later where it is slow, and never where it has no effect."""
        if fault == "no-effect":
            return
        self.becomes, self.due = body, time.monotonic() + (TAKES_S[fault] if fault == "slow-effect" else 0.0)
        self.now()


@dataclass
class Rights:
    """Every right there is, by its id in lower case; `locked` are scopes at which nothing may be deleted."""

    held: dict[str, Right] = field(default_factory=dict[str, Right])
    locked: set[str] = field(default_factory=set[str])

    def seed(self, address: str, principal: str, role: str) -> None:
        """One that was always there."""
        match = _PATH.fullmatch(address)
        assert match is not None, address
        definition = f"{'/'.join(address.split('/')[:3])}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
        body = _body(match, properties, None, "")
        self.held[address.lower()] = Right(body, seed=digest_of(properties))

    def answer(self, method: str, path: str, body: Any, *, caller: str, fault: str = "") -> tuple[int, Body | None]:
        """Status and body; ArmError as Azure says it."""
        match = _PATH.fullmatch(path)
        assert match is not None, path
        right = self.held.get(path.lower())
        there = right.now() if right else None
        if method == "GET":
            if there is None:
                words = f"The role assignment '{match['name']}' is not found."
                raise ArmError(404, "RoleAssignmentNotFound", words)
            return 200, there
        if method == "DELETE":
            if right is None or there is None:
                return 204, None
            if any(path.lower().startswith(f"{scope.lower()}/") for scope in self.locked):
                words = "The scope cannot perform delete operation because following scope(s) are locked."
                raise ArmError(409, "ScopeLocked", words)
            right.set(None, fault)
            return 200, there
        if method != "PUT":
            raise ArmError(501, "NotImplemented", f"The sandbox does not know {method} of {TYPE}")
        made = _body(match, _checked(match, body), there, caller)
        self._must_be_new(path, made, there)
        self.held.setdefault(path.lower(), Right(None)).set(made, fault)
        return 201, made

    def allowed(self, caller: str, path: str) -> list[str]:
        """What this principal may do with what lies at that path, by the rights that it holds now."""
        found: list[str] = []
        for right in self.held.values():
            properties = (right.now() or {}).get("properties", {})
            below = f"{path.lower()}/".startswith(f"{str(properties.get('scope', '-')).lower()}/")
            if properties.get("principalId") == caller and below:
                found += ROLES.get(_role(properties), ())
        return found

    def hasten(self) -> None:
        """What takes long is over."""
        for right in self.held.values():
            right.due = min(right.due, time.monotonic())

    def described(self) -> Body:
        """Everything that is to be known again; what was still going on is over by then."""
        return {
            key: {"seed": right.seed, "body": right.becomes if right.due else right.body}
            for key, right in self.held.items()
        }

    def restore(self, content: Body) -> None:
        """As it was left, but for what the catalogue declares otherwise by now."""
        for key, kept in content.items():
            today = self.held.get(key)
            if kept["seed"] == (today.seed if today else ""):
                self.held[key] = Right(kept["body"], seed=kept["seed"])

    def _must_be_new(self, path: str, made: Body, there: Body | None) -> None:
        """Azure has each right once at a scope, and lets nobody put another one under the same name."""
        if there is not None:
            if any(_of(there, name) != _of(made, name) for name in _FIXED):
                words = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
                raise ArmError(400, "RoleAssignmentUpdateNotPermitted", words)
            raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
        for key, other in self.held.items():
            same = other.now()
            if key != path.lower() and same and all(_of(same, n) == _of(made, n) for n in ("scope", *_FIXED)):
                raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")


def is_right(path: str) -> bool:
    """One assignment; lists of them are not known here."""
    return _PATH.fullmatch(path) is not None


def owner_of(path: str) -> str:
    """The scope that an assignment lies at."""
    match = _PATH.fullmatch(path)
    return match["scope"] if match else path


def action_of(method: str) -> str:
    """What Resource Manager checks and logs."""
    return f"{TYPE}/{ {'GET': 'read', 'PUT': 'write', 'DELETE': 'delete'}.get(method, 'action') }"


def _checked(match: re.Match[str], body: Any) -> Body:
    """The properties of a request, or Azure's refusal."""
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or set(body) - {"properties", "id", "name", "type"}:
        raise ArmError(400, "InvalidRequestContent", "The request content is not a role assignment.")
    unknown = set(properties) - _WRITABLE - _READ_ONLY
    if unknown or not all(isinstance(properties.get(name), str) for name in _FIXED):
        raise ArmError(400, "InvalidRequestContent", f"Wrong or missing properties: {', '.join(sorted(unknown))}.")
    if not _GUID.fullmatch(match["name"]):
        raise ArmError(400, "InvalidRoleAssignmentId", "The role assignment ID is not valid. It must be a GUID.")
    if not _GUID.fullmatch(properties["principalId"]) or properties.get("principalType", "User") not in _PRINCIPALS:
        raise ArmError(400, "InvalidPrincipalId", "A valid principal ID and type must be provided.")
    if not _GUID.fullmatch(_role(properties)):
        raise ArmError(400, "InvalidRoleDefinitionId", "The role definition ID is not valid.")
    return {name: value for name, value in properties.items() if name in _WRITABLE}


def _body(match: re.Match[str], properties: Body, there: Body | None, caller: str) -> Body:
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    began = there["properties"] if there else {"createdOn": moment, "createdBy": caller}
    stamps = {
        "createdOn": began["createdOn"],
        "createdBy": began["createdBy"],
        "updatedOn": moment,
        "updatedBy": caller,
    }
    known = {"principalType": "ServicePrincipal", **properties}
    return {
        "properties": {**known, "scope": match["scope"], **stamps},
        "id": match.string.rstrip("/"),
        "type": TYPE,
        "name": match["name"],
    }


def _of(body: Body, name: str) -> str:
    properties = body["properties"]
    return _role(properties) if name == "roleDefinitionId" else str(properties[name]).lower()


def _role(properties: Body) -> str:
    return str(properties["roleDefinitionId"]).rpartition("/")[2].lower()
