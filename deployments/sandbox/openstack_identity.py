"""Keystone v3 of the simulated private cloud: who are you, and where are the services?

https://docs.openstack.org/api-ref/identity/v3/: tokens by password and by application credential,
with the roles and the catalogue in the answer, as official clients expect them.

The rule: wrong secrets, expired tokens and unknown methods get Keystone's own 401.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from deployments.sandbox.openstack_cloud import Cloud, User
from deployments.sandbox.openstack_names import stable_id

VERSION = "v3.14"


def routes(cloud: Cloud) -> list[web.RouteDef]:
    """The paths under /identity."""
    identity = _Identity(cloud)
    return [
        web.get("/identity", identity.versions),
        web.get("/identity/", identity.versions),
        web.get("/identity/v3", identity.version),
        web.get("/identity/v3/", identity.version),
        web.post("/identity/v3/auth/tokens", identity.issue),
    ]


def unauthorized() -> web.Response:
    """Keystone's refusal."""
    message = "The request you have made requires authentication."
    return web.json_response({"error": {"code": 401, "message": message, "title": "Unauthorized"}}, status=401)


class _Identity:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": {"values": [_version(request)]}}, status=300)

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": _version(request)})

    async def issue(self, request: web.Request) -> web.Response:
        asked = (await request.json()).get("auth", {})
        user = _authenticated(self._cloud, asked.get("identity", {}))
        if user is None or "credentials" in self._cloud.faults.values():
            return unauthorized()
        value, token = self._cloud.issue(user)
        body = {"token": self._token(request, user, asked["identity"]["methods"], token.expires_at)}
        return web.json_response(body, status=201, headers={"X-Subject-Token": value, "Vary": "X-Auth-Token"})

    def _token(self, request: web.Request, user: User, methods: list[str], expires_at: datetime) -> dict[str, Any]:
        domain = {"id": "default", "name": "Default"}
        project = stable_id("project", self._cloud.project).replace("-", "")
        return {
            "methods": methods,
            "user": {"id": user.id, "name": user.name, "domain": domain, "password_expires_at": None},
            "audit_ids": [stable_id("audit", user.name)[:22]],
            "issued_at": _stamp(datetime.now(UTC)),
            "expires_at": _stamp(expires_at),
            "project": {"id": project, "name": self._cloud.project, "domain": domain},
            "is_domain": False,
            "roles": [{"id": stable_id("role", role).replace("-", ""), "name": role} for role in user.roles],
            "catalog": [
                self._service(request, "identity", "keystone", "/identity"),
                self._service(request, "compute", "nova", "/compute/v2.1"),
            ],
        }

    def _service(self, request: web.Request, kind: str, name: str, path: str) -> dict[str, Any]:
        endpoints = [
            {
                "interface": "public",
                "region": region,
                "region_id": region,
                "url": f"https://{request.host}{path}",
                "id": stable_id("endpoint", kind, region).replace("-", ""),
            }
            for region in (self._cloud.region, *self._cloud.more_regions)
        ]
        return {"id": stable_id("catalog", kind).replace("-", ""), "type": kind, "name": name, "endpoints": endpoints}


def _authenticated(cloud: Cloud, identity: dict[str, Any]) -> User | None:
    methods = identity.get("methods", [])
    if methods == ["password"]:
        given = identity["password"]["user"]
        by_password = [user for user in cloud.users if not user.application_credential]
        return next((u for u in by_password if given.get("name") == u.name and given.get("password") == u.secret), None)
    if methods == ["application_credential"]:
        given = identity["application_credential"]
        matching = [u for u in cloud.users if u.application_credential and u.application_credential == given.get("id")]
        return next((user for user in matching if user.secret == given.get("secret")), None)
    return None


def _version(request: web.Request) -> dict[str, Any]:
    return {
        "id": VERSION,
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"https://{request.host}/identity/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
