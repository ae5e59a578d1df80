"""What does the sandbox's Azure answer to a request?

One door for everything: login, control, and Resource Manager with its token check, its buckets of
requests, its errors in its own shape. The rule: every exchange is held against the published
specification before it is forgotten; what does not fit is a violation that tests look for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from deployments.sandbox.azure_buckets import Bucket
from deployments.sandbox.azure_control import control_routes
from deployments.sandbox.azure_faults import Faults, Traffic
from deployments.sandbox.azure_lives import ActivityLog
from deployments.sandbox.azure_login import Login
from deployments.sandbox.azure_resources import Address, ArmError, Operation, Resource
from deployments.sandbox.azure_rights import action_of, is_right, owner_of
from deployments.sandbox.azure_routes import (
    PAGED_CHILDREN,
    about,
    act,
    page,
    permissions,
    read_child,
    shown,
    split_extension,
    usages,
)
from deployments.sandbox.azure_spec import Exchange, Specification
from deployments.sandbox.azure_store import Store
from deployments.sandbox.azure_traffic import PROFILES, must_be_valid, read_endpoint, shares, with_endpoint

Happening = Callable[[str], Callable[[], bool] | None]
_CALLER = web.RequestKey("caller", str)
_SETTLES_EVERY_S = 0.1
_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_PERMISSIONS = "/providers/microsoft.authorization/permissions"
_UNPUBLISHED = re.compile(
    r"/(providers/microsoft\.authorization/(permissions|roleassignments/[^/]+)|operations/[^/]+)$", re.IGNORECASE
)


@dataclass
class AzureSimulator:
    """Resource Manager, its login and its control routes, as one aiohttp application."""

    store: Store
    login: Login
    specification: Specification | None = None
    granted: list[str] = field(default_factory=lambda: ["*/read"])
    granted_to: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # other applications -> actions
    log: ActivityLog = field(default_factory=ActivityLog)
    happened: dict[str, Happening] = field(default_factory=dict[str, Happening])
    """restarted, started, stopped, shifted -> who is told the address of what it happened to."""
    keep: Callable[[Store, ActivityLog], None] = field(default=lambda _store, _log: None)
    """Is given everything whenever something changed, before the change is answered."""
    reads: Bucket = field(default_factory=lambda: Bucket(250, 25))
    writes: Bucket = field(default_factory=lambda: Bucket(200, 10))
    traffic: Traffic = field(default_factory=Traffic)
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.store, self.login)
        self.store.tell = lambda event, address: self.happened.get(event, _nobody)(address)

    def application(self) -> web.Application:
        """Ready to be served over TLS."""
        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self.login.token)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self.login.discovery)
        app.router.add_routes(control_routes(self.faults, self.traffic, self.shares))
        app.cleanup_ctx.append(self._settling)
        app.router.add_route("*", "/{path:.*}", self._resource_manager)
        return app

    async def _resource_manager(self, request: web.Request) -> web.StreamResponse:
        body = await _json(request)
        resource = self._subject(request.path)
        try:
            request[_CALLER] = self.login.verify(request)
            spoiled = await self.faults.spoil(resource)
            if spoiled is not None:
                return spoiled
            self._take(request.method)
            answer = self._answer(request, body)
        except ArmError as error:
            answer = _error(error, request.path)
            if error.status == 501:
                self.traffic.unknown.append(f"{request.method} {request.path}")
        self._record(request, body, answer)
        self.save()
        dropping = request.method in _CHANGES and self.faults.of_changes(resource) == "drop-after"
        if dropping and answer.status < 400 and request.transport:
            request.transport.abort()
        return answer

    def _answer(self, request: web.Request, body: Any) -> web.Response:
        if "api-version" not in request.query:
            raise ArmError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        self._must_be_granted(request)
        if is_right(request.path):
            return self._right(request, body)
        plain = self._plain(request)
        if plain is not None:
            return web.json_response(plain)
        owner, what = split_extension(request.path)
        if what:
            resource = self.store.find(owner)
            answer = about(resource, what, dict(request.query), self.faults.of(resource))
            if answer is not None and request.method == "GET":
                return web.json_response(answer)
        address = Address.parse(request.path)
        if address is None or what:
            raise ArmError(501, "NotImplemented", f"The sandbox does not know {request.path}")
        return getattr(self, f"_{request.method.lower()}", self._unknown)(request, address, body)

    def _plain(self, request: web.Request) -> dict[str, Any] | None:
        path = request.path.lower().rstrip("/")
        parts = path.strip("/").split("/")
        if request.method != "GET" or parts[0] != "subscriptions":
            return None
        listed = self.store.groups(parts[1]) if path.endswith("/resourcegroups") else usages(self.store, path)
        if listed is not None:
            return page(listed, _url(request), dict(request.query))
        if path.endswith(_PERMISSIONS):
            return permissions(self._granted(request))
        if path.endswith("/providers/microsoft.insights/eventtypes/management/values"):
            return self._activities(dict(request.query))
        found = re.search(r"/operations/([^/]+)$", path)
        if found is None:
            return None
        done = self.store.poll(found[1]).done
        return {"id": path, "name": found[1], "status": "Succeeded" if done else "InProgress"}

    def _right(self, request: web.Request, body: Any) -> web.Response:
        """A role assignment at any scope: logged under its own id."""
        method, path, fault = request.method, request.path, self.faults.of_changes(self._subject(request.path))
        caller, subscription = request[_CALLER], path.split("/")[2]
        if not self.store.groups(subscription):
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        status, answer = self.store.rights.answer(method, path, body, caller=caller, fault=fault)
        if method == "GET":
            return web.json_response(answer)
        self.store.changed = True
        number = request.headers.get("x-ms-client-request-id", "")
        noted = self.log.write(path, action_of(method), caller, number, method)
        headers = {"x-ms-correlation-request-id": noted}
        if answer is None:
            return web.Response(status=status, headers=headers)
        return web.json_response(answer, status=status, headers=headers)

    def _get(self, request: web.Request, address: Address, _: Any) -> web.Response:
        query = dict(request.query)
        if not address.name:
            found = [shown(one, self.faults.of(one)) for one in self.store.list(address)]
            return web.json_response(page(found, _url(request), query))
        resource = self.store.find(address)
        faults = self.faults.of(resource)
        if not address.action:
            return web.json_response(shown(resource, faults))
        if address.type.lower() == PROFILES:
            return web.json_response(read_endpoint(resource, address.action))
        answer = read_child(resource, address.action, faults)
        if address.action.lower() in PAGED_CHILDREN:
            answer = page(answer["value"], _url(request), query)
        return web.json_response(answer)

    def _put(self, request: web.Request, address: Address, body: Any) -> web.Response:
        if address.action:
            return self._write_endpoint(request, address, body or {})
        must_be_valid(body or {})
        resource, new, operation = self.store.put(address, body or {}, self._fault(address))
        status = resource.kind.put if operation else 200
        status = status if new or status == 202 else 200
        return self._accepted(request, operation, status, shown(resource, self.faults.of(resource)))

    def _patch(self, request: web.Request, address: Address, body: Any) -> web.Response:
        if address.action:
            return self._write_endpoint(request, address, body or {})
        must_be_valid(body or {})
        self._must_match(request, self.store.find(address))
        resource, operation = self.store.patch(address, body or {}, self._fault(address))
        answer = shown(resource, self.faults.of(resource))
        return self._accepted(request, operation, 200, answer)

    def _write_endpoint(self, request: web.Request, address: Address, body: dict[str, Any]) -> web.Response:
        profile = self.store.find(address)
        if profile.kind.type.lower() != PROFILES:
            raise ArmError(501, "NotImplemented", f"The sandbox does not know {address.type}/{address.action}")
        changed, new = with_endpoint(profile, address.action, body, whole=request.method == "PUT")
        must_be_valid(changed)
        self.store.patch(address, {"properties": changed["properties"]}, self._fault(address))
        return self._accepted(request, None, 201 if new else 200, read_endpoint(profile, address.action))

    def _must_match(self, request: web.Request, resource: Resource) -> None:
        wanted = request.headers.get("If-Match", "*").strip('"')
        if wanted not in ("*", resource.body.get("etag", "*")):
            raise ArmError(412, "PreconditionFailed", "The condition specified by the ETag is not satisfied.")

    def _fault(self, address: Address) -> str:
        return self.faults.of_changes(self._subject(address.id))

    def _delete(self, request: web.Request, address: Address, _: Any) -> web.Response:
        body = shown(self.store.find(address), {})
        operation = self.store.delete(address)
        return self._accepted(request, operation, 202 if operation else 200, body if operation else None)

    def _post(self, request: web.Request, address: Address, _: Any) -> web.Response:
        resource = self.store.find(address)
        fault = self.faults.of_changes(resource)
        operation, status = act(self.store, address, fault)
        if address.action.lower() == "restart" and fault != "no-effect":
            is_over = self.store.tell("restarted", resource.body["id"])
            if is_over is not None:
                resource.life.wait_for(is_over)
        return self._accepted(request, operation, status, None)

    def _activities(self, query: dict[str, str]) -> dict[str, Any]:
        try:
            return self.log.answer(query)
        except ValueError as error:
            raise ArmError(400, "BadRequest", str(error)) from error

    def _granted(self, request: web.Request) -> list[str]:
        caller, path = request[_CALLER], owner_of(request.path).lower()
        scope = path.removesuffix(_PERMISSIONS)
        known = self.granted if caller == self.login.client else self.granted_to.get(caller, [])
        return [*known, *self.store.rights.allowed(caller, scope)]

    def _must_be_granted(self, request: web.Request) -> None:
        """As role assignments do: by the caller's actions. Extensions (metrics, health) are open to all."""
        address, (_, extension) = Address.parse(request.path), split_extension(request.path)
        if address is None or (extension and address.name and "/providers/" in address.action):
            return
        action = _checked_action(request, address)
        if not any(fnmatchcase(action.lower(), pattern.lower()) for pattern in self._granted(request)):
            caller = request[_CALLER]
            words = (
                f"The client '{caller}' with object id '{caller}' does not have authorization to perform action "
                f"'{action}' over scope '{address.id}' or the scope is invalid."
            )
            raise ArmError(403, "AuthorizationFailed", words)

    def _unknown(self, request: web.Request, address: Address, _: Any) -> web.Response:
        raise ArmError(501, "NotImplemented", f"The sandbox does not know {request.method} of {address.type}")

    def _accepted(self, request: web.Request, operation: Operation | None, status: int, body: Any) -> web.Response:
        address = Address.parse(request.path)
        assert address is not None
        number, caller = request.headers.get("x-ms-client-request-id", ""), request[_CALLER]
        noted = self.log.write(address.id, _action(request, address), caller, number, request.method)
        headers = {"x-ms-correlation-request-id": noted}
        self.store.changed = True
        if operation is not None:
            address = Address.parse(operation.resource)
            assert address is not None
            provider = address.type.partition("/")[0]
            scope = f"/subscriptions/{address.subscription}/providers/{provider}/locations/westeurope"
            version = request.query["api-version"]
            url = f"https://{request.host}{scope}/operations/{operation.id}?api-version={version}"
            headers |= {"Azure-AsyncOperation": url, "Retry-After": "1"}
            if status == 202:
                headers["Location"] = url
        return (
            web.json_response(body, status=status, headers=headers)
            if body
            else web.Response(status=status, headers=headers)
        )

    def _subject(self, path: str) -> Resource | None:
        owner, _ = split_extension(owner_of(path))
        address = Address.parse(owner)
        try:
            return self.store.find(address) if address and address.name else None
        except ArmError:
            return None

    def _take(self, method: str) -> None:
        wait = (self.reads if method in ("GET", "HEAD") else self.writes).take()
        if wait:
            words = "Number of requests for the subscription exceeded the limit."
            raise ArmError(429, "SubscriptionRequestsThrottled", words, {"Retry-After": str(wait)})

    def _record(self, request: web.Request, body: Any, answer: web.Response) -> None:
        text = answer.text
        said = json.loads(text) if text else None
        query = dict(request.query)
        exchange = Exchange(request.method, request.path, query, body, answer.status, said)
        operation, violations = "", list[str]()
        if self.specification is not None and not _UNPUBLISHED.search(request.path):
            found = self.specification.operation(request.method, request.path)
            operation = found.name if found else ""
            violations = self.specification.check(exchange)
        self.traffic.record(exchange, operation, violations, str(request.get(_CALLER, "")))

    def save(self) -> None:
        """Keep what has changed."""
        if self.store.changed:
            self.store.changed = False
            self.keep(self.store, self.log)

    def shares(self) -> dict[str, dict[str, float]]:
        """Profile -> endpoint -> per cent of clients, now."""
        self.store.settle()
        return {one.body["name"]: shares(one.body) for one in self.store.all_of(PROFILES)}

    async def _settling(self, _: web.Application) -> AsyncGenerator[None]:
        """What takes its time ends when its time has come, also when nobody asks."""

        async def settle() -> None:
            while True:
                self.store.settle()
                self.save()
                await asyncio.sleep(_SETTLES_EVERY_S)

        task = asyncio.create_task(settle())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _error(error: ArmError, path: str) -> web.Response:
    """Each provider has its own shape of errors; Monitor's and IoT Hub's are flat."""
    flat = error.status in (400, 501) and re.search(r"microsoft\.(insights|devices)/", path, re.IGNORECASE)
    body = {"code": error.code, "message": error.message}
    return web.json_response(body if flat else {"error": body}, status=error.status, headers=error.headers)


def _action(request: web.Request, address: Address) -> str:
    """What Resource Manager checks and logs: 'Microsoft.Web/sites/restart/action'."""
    below = "".join(f"/{part}" for part in address.action.split("/")[::2] if part)
    return f"{address.type}{below}/{_VERBS.get(request.method, 'action')}"


def _checked_action(request: web.Request, address: Address) -> str:
    """The same for extensions of Microsoft.Authorization, at whatever scope."""
    if is_right(request.path):
        return action_of(request.method)
    asks = request.path.lower().endswith(_PERMISSIONS)
    return "Microsoft.Authorization/permissions/read" if asks else _action(request, address)


def _nobody(_address: str) -> None:
    """Is told, and does nothing."""


def _url(request: web.Request) -> str:
    return f"https://{request.host}{request.path}"


async def _json(request: web.Request) -> Any:
    text = await request.text()
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
