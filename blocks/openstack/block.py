"""With what do we read the private cloud, with what do we change it, and what may each do?

One block type holds a project's reader, another its operator: a password or, better, an application
credential, which can be revoked alone and carries no more roles than it was made with.

The rule: Keystone cannot be asked what a role may do. Reads are tried; changes are never tried, and
are said to be unknown with the roles that decide.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, model_validator

from blocks.openstack.failures import explained
from blocks.ports.capabilities import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openstack.connection import Connection

CONNECT_SECONDS = 5
_STRONG = {"admin", "member", "manager", "_member_"}
AUTHENTICATE = "identity:authenticate"
NOT_FOR_READERS = ("os_compute_api:servers:start", "os_compute_api:servers:delete", "os_compute_api:os-services:update")


RESTART_CHANGES = ("os_compute_api:servers:reboot",)
RECOVERY_CHANGES = (
    "os_compute_api:servers:start",
    "os_compute_api:servers:stop",
    "os_compute_api:servers:resize",
    "os_compute_api:servers:confirm_resize",
    "os_compute_api:os-evacuate",
)
CHANGES = (*RESTART_CHANGES, *RECOVERY_CHANGES)
"""What an operator is for, in Nova's policy names."""
NOT_FOR_OPERATORS = (
    "os_compute_api:servers:delete",
    "os_compute_api:servers:create",
    "os_compute_api:os-services:update",
)


class OpenStackReader(Block):
    """A reader's way into one project of a private cloud.

    Fill in either the application credential or user name and password. Least permissions:
    docs/permissions-openstack.md.
    """

    _block_type_name: ClassVar[str | None] = "OpenStack reader (vigie)"
    _block_type_slug: ClassVar[str | None] = "vigie-openstack-reader"
    _description: ClassVar[str | None] = "Reads servers, compute services and quotas of one OpenStack project."

    auth_url: str = Field(description="Keystone's address with its version: https://identity.example:5000/v3")
    region: str = Field(default="", description="Region in the service catalogue; empty means the site's region")
    project_name: str = Field(default="", description="Project to open; not needed with an application credential")
    project_domain_name: str = Field(default="Default", description="Domain of the project")
    username: str = Field(default="", description="User, when there is no application credential")
    user_domain_name: str = Field(default="Default", description="Domain of the user")
    password: SecretStr | None = Field(default=None, description="The user's password")
    application_credential_id: str = Field(default="", description="Id of an application credential (preferred)")
    application_credential_secret: SecretStr | None = Field(default=None, description="Its secret")
    ca_file: str | None = Field(default=None, description="PEM file with the authorities to trust, if not the system's")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        application = bool(self.application_credential_id and self.application_credential_secret)
        user = bool(self.username and self.password and self.project_name)
        if not application and not user:
            raise ValueError(
                "fill in application_credential_id and application_credential_secret, "
                "or username, password and project_name"
            )
        return self

    def connect(self, region: str = "", *, ca_file: str | None = None) -> Connection:
        """An SDK connection; nothing is sent yet. Each request waits at most five seconds."""
        from keystoneauth1.session import Session
        from openstack.connection import Connection

        verify = self.ca_file or ca_file or True
        session = Session(auth=self._plugin(), verify=verify, timeout=CONNECT_SECONDS)
        return Connection(session=session, region_name=self.region or region or None)

    async def examine(self) -> tuple[Capability, ...]:
        """Who this is and what it may do, in OpenStack's policy names. Never raises for what the cloud answers."""
        return await asyncio.to_thread(self._examine)

    def _plugin(self) -> Any:
        from keystoneauth1.identity import v3

        if self.application_credential_secret is not None and self.application_credential_id:
            return v3.ApplicationCredential(
                self.auth_url,
                application_credential_id=self.application_credential_id,
                application_credential_secret=self.application_credential_secret.get_secret_value(),
            )
        return v3.Password(
            self.auth_url,
            username=self.username,
            password=self.password.get_secret_value() if self.password else "",
            user_domain_name=self.user_domain_name,
            project_name=self.project_name,
            project_domain_name=self.project_domain_name,
        )

    def _examine(self) -> tuple[Capability, ...]:
        connection: Any = self.connect()
        try:
            access = connection.session.auth.get_access(connection.session)
            roles = sorted(access.role_names)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is said in the answer)
            return (_verdict(AUTHENTICATE, error, self.auth_url),)
        else:
            who = f"is {access.username} in project {access.project_name} with roles {', '.join(roles)}"
            reads = (_tried(action, read, self.auth_url) for action, read in self._reads(connection))
            return (Capability(AUTHENTICATE, allowed=True, detail=who), *reads, *self._changes(roles))
        finally:
            close(connection)

    def _reads(self, connection: Any) -> Iterator[tuple[str, Any]]:
        return _reads(connection)

    def _changes(self, roles: list[str]) -> Iterator[Capability]:
        return (Capability(action, allowed=None, detail=_guess(roles)) for action in NOT_FOR_READERS)


class OpenStackOperator(OpenStackReader):
    """An operator's way into one project of a private cloud: it acts on servers and on nothing else.

    Fill in either the application credential or user name and password. Least permissions:
    docs/permissions-openstack.md. Looking is done with the reader's block.
    """

    _block_type_name: ClassVar[str | None] = "OpenStack operator (vigie)"
    _block_type_slug: ClassVar[str | None] = "vigie-openstack-operator"
    _description: ClassVar[str | None] = (
        "Restarts, starts, stops, resizes and evacuates servers of one OpenStack project. "
        "Opened only by steps that change."
    )

    def _reads(self, connection: Any) -> Iterator[tuple[str, Any]]:
        del connection
        return iter(())  # it looks at nothing, and needs no right to

    def _changes(self, roles: list[str]) -> Iterator[Capability]:
        unknown = "not tried; the role that docs/permissions-openstack.md describes has it"
        yield from (Capability(action, allowed=None, detail=unknown) for action in CHANGES)
        strong = [role for role in roles if role in _STRONG]
        if strong:
            why = f"WARNING: Nova's default policies allow it to role {', '.join(strong)}; a narrower role is enough"
            yield from (Capability(action, allowed=None, detail=f"not tried; {why}") for action in NOT_FOR_OPERATORS)


def close(connection: Any) -> None:
    """Close an SDK connection and the HTTP connections it keeps."""
    connection.close()
    connection.session.session.close()


def _reads(connection: Any) -> Iterator[tuple[str, Any]]:
    """The policies the prober needs, each with the smallest call that it governs."""
    compute = connection.compute
    yield "os_compute_api:servers:detail", lambda: next(iter(compute.servers(limit=1, paginated=False)), None)
    yield "os_compute_api:os-services:list", lambda: list(compute.services(binary="nova-conductor"))
    yield "os_compute_api:limits", compute.get_limits


def _tried(action: str, read: Any, where: str) -> Capability:
    try:
        read()
    except Exception as error:  # noqa: BLE001 (the verdict is the answer)
        return _verdict(action, error, where)
    return Capability(action, allowed=True, detail="a harmless call was answered")


def _verdict(action: str, error: Exception, where: str) -> Capability:
    from blocks.errors import Refused

    ours = explained(error, where)
    return Capability(action, allowed=False if isinstance(ours, Refused) else None, detail=str(ours))


def _guess(roles: list[str]) -> str:
    strong = [role for role in roles if role in _STRONG]
    if strong:
        return f"not tried; Nova's default policies allow it to role {', '.join(strong)}: a reader should not have it"
    return "not tried; Nova's default policies do not allow it to these roles"
