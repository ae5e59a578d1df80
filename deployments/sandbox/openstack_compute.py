"""Nova of the simulated private cloud: servers, its own services, limits.

https://docs.openstack.org/api-ref/compute/: lists with markers and next links, microversions,
policies by role as in Nova's policy reference, conflicts for impossible actions.

The rule: what the caller's roles do not allow is a 403 that names the policy, as Nova says it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, MutableSequence
from typing import Any

from aiohttp import web

from deployments.sandbox.openstack_cloud import PAUSES, Cloud, Host
from deployments.sandbox.openstack_identity import unauthorized
from deployments.sandbox.openstack_lives import COURSES, FLAVORS, Action, Server
from deployments.sandbox.openstack_names import stable_id

_VM_STATES = {"SHUTOFF": "stopped", "REBOOT": "active", "HARD_REBOOT": "active", "VERIFY_RESIZE": "resized"}
_POWER_STATES = {"ACTIVE": 1, "REBOOT": 1, "HARD_REBOOT": 1, "PAUSED": 3, "SHUTOFF": 4}
_HELD = {"RESIZE", "VERIFY_RESIZE", "REBUILD"}  # on the way, with the power that it had before
MINIMUM, MAXIMUM = (2, 1), (2, 96)
_ANYBODY = {"reader", "member", "admin"}
_RECOVERING = {"member", "admin", "vigie-recovery"}
POLICIES = {  # Nova's defaults; roles that begin with vigie- are custom rules of docs/permissions-openstack.md
    "os_compute_api:servers:index": _ANYBODY,
    "os_compute_api:servers:detail": _ANYBODY,
    "os_compute_api:servers:show": _ANYBODY,
    "os_compute_api:servers:show:host_status": {"admin", "vigie-observer"},
    "os_compute_api:limits": _ANYBODY,
    "os_compute_api:os-services:list": {"admin", "vigie-observer"},
    "os_compute_api:os-instance-actions:list": _ANYBODY,
    "os_compute_api:servers:reboot": {"member", "admin", "vigie-restarter"},
    "os_compute_api:servers:start": _RECOVERING,
    "os_compute_api:servers:stop": _RECOVERING,
    "os_compute_api:servers:resize": _RECOVERING,
    "os_compute_api:servers:confirm_resize": _RECOVERING,
    "os_compute_api:os-evacuate": {"admin", "vigie-recovery"},
    "os_compute_api:os-pause-server:pause": {"member", "admin"},
    "os_compute_api:os-pause-server:unpause": {"member", "admin"},
}
FLAVORS_READ = "flavors"  # Nova has no policy for reading sizes: everybody with a token may
_ACTION_POLICIES = {  # what a body at /action asks for -> the policy that governs it
    "reboot": "os_compute_api:servers:reboot",
    "os-start": "os_compute_api:servers:start",
    "os-stop": "os_compute_api:servers:stop",
    "resize": "os_compute_api:servers:resize",
    "confirmResize": "os_compute_api:servers:confirm_resize",
    "evacuate": "os_compute_api:os-evacuate",
    "pause": "os_compute_api:os-pause-server:pause",
    "unpause": "os_compute_api:os-pause-server:unpause",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(cloud: Cloud, record: MutableSequence[dict[str, str]], *, page_size: int = 1000) -> list[web.RouteDef]:
    """The paths under /compute; each call's policy is appended to `record`."""
    nova = _Nova(cloud, page_size)

    def guarded(policy: str, handler: Handler) -> Handler:
        async def guard(request: web.Request) -> web.StreamResponse:
            cloud.settle()
            governing = policy or await _action_policy(request)
            refusal = _refusal(cloud, request, governing)
            who = cloud.holder(request.headers.get("X-Auth-Token", ""))
            refused = str(refusal.status) if refusal else ""
            record.append({"action": governing, "refused": refused, "who": who.name if who else ""})
            return refusal if refusal is not None else await handler(request)

        return guard

    base = "/compute/v2.1"
    return [
        web.get("/compute", nova.versions),
        web.get("/compute/", nova.versions),
        web.get(base, nova.version),
        web.get(f"{base}/", nova.version),
        web.get(f"{base}/servers", guarded("os_compute_api:servers:index", nova.index)),
        web.get(f"{base}/servers/detail", guarded("os_compute_api:servers:detail", nova.detail)),
        web.get(f"{base}/servers/{{id}}", guarded("os_compute_api:servers:show", nova.show)),
        web.post(f"{base}/servers/{{id}}/action", guarded("", nova.action)),
        web.get(
            f"{base}/servers/{{id}}/os-instance-actions",
            guarded("os_compute_api:os-instance-actions:list", nova.instance_actions),
        ),
        web.get(f"{base}/os-services", guarded("os_compute_api:os-services:list", nova.services)),
        web.get(f"{base}/limits", guarded("os_compute_api:limits", nova.limits)),
        web.get(f"{base}/flavors/detail", guarded(FLAVORS_READ, nova.flavors)),
    ]


def fault(status: int, name: str, message: str) -> web.Response:
    """An error as Nova writes it."""
    return web.json_response({name: {"code": status, "message": message}}, status=status)


class _Nova:
    def __init__(self, cloud: Cloud, page_size: int) -> None:
        self._cloud = cloud
        self._page_size = page_size

    async def versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": [_version(request)]})

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": _version(request)})

    async def index(self, request: web.Request) -> web.Response:
        return self._page(request, "servers", lambda server: {"id": server.id, "name": server.name, "links": []})

    async def detail(self, request: web.Request) -> web.Response:
        return self._page(request, "servers/detail", lambda server: self._shown(request, server))

    async def show(self, request: web.Request) -> web.Response:
        server = self._find(request)
        if server is None:
            return fault(404, "itemNotFound", f"Instance {request.match_info['id']} could not be found.")
        return _answer(request, {"server": self._shown(request, server)})

    async def action(self, request: web.Request) -> web.Response:
        body = await request.json()
        server, asked = self._find(request), next(iter(body), "")
        if server is None:
            return fault(404, "itemNotFound", f"Instance {request.match_info['id']} could not be found.")
        if asked in PAUSES:
            return web.Response(status=202) if self._cloud.pause(server, asked) else _conflict(server, asked)
        course = str(body["reboot"].get("type", "")).upper() if asked == "reboot" else asked
        if course not in COURSES:
            return fault(501, "notImplemented", f"the simulator has no action {asked} {course}")
        return self._refusal(request, server, asked, body) or self._begin(request, server, course, body)

    async def instance_actions(self, request: web.Request) -> web.Response:
        server = self._find(request)
        if server is None:
            return fault(404, "itemNotFound", f"Instance {request.match_info['id']} could not be found.")
        newest_first = [_instance_action(server, action) for action in reversed(server.actions)]
        return _answer(request, {"instanceActions": newest_first})

    def _refusal(self, request: web.Request, server: Server, asked: str, body: dict[str, Any]) -> web.Response | None:
        """What the API refuses at once: a wrong size, too little quota, a host that is well."""
        if asked == "resize":
            flavor = _flavor_name(body["resize"].get("flavorRef"))
            if not flavor or flavor == server.flavor:
                return fault(400, "badRequest", "When resizing, instances must change flavor!")
            if lacking := self._cloud.lacking(server, flavor):
                return fault(403, "forbidden", _over_quota(lacking))
        if asked == "evacuate" and _microversion(request) < (2, 14) and "onSharedStorage" not in body["evacuate"]:
            return fault(400, "badRequest", "Invalid input for field/attribute evacuate.")
        if asked == "evacuate" and self._cloud.host_is_up(server):
            return fault(400, "badRequest", f"Compute service of {server.host} is still in use.")
        return None

    def _begin(self, request: web.Request, server: Server, course: str, body: dict[str, Any]) -> web.Response:
        user, number = self._cloud.holder(request.headers["X-Auth-Token"]), f"req-{uuid.uuid4()}"
        assert user is not None
        flavor = _flavor_name(body.get("resize", {}).get("flavorRef")) if course == "resize" else ""
        if not self._cloud.begin(server, course, user, number, flavor=flavor):
            return _conflict(server, COURSES[course].action)
        if self._cloud.change_faults.get(server.service) == "drop-after" and request.transport is not None:
            request.transport.abort()
        status = 204 if course == "confirmResize" else 202
        return web.Response(status=status, headers={"x-openstack-request-id": number, "x-compute-request-id": number})

    def _shown(self, request: web.Request, server: Server) -> dict[str, Any]:
        """With what its host is, from 2.16 on and for whoever may see that."""
        version, user = _microversion(request), self._cloud.holder(request.headers["X-Auth-Token"])
        shown = _server(server, version)
        if version >= (2, 16) and user and POLICIES["os_compute_api:servers:show:host_status"] & set(user.roles):
            shown["host_status"] = "UP" if self._cloud.host_is_up(server) else "UNKNOWN"
        return shown

    async def flavors(self, request: web.Request) -> web.Response:
        return _answer(request, {"flavors": [_flavor(name) for name in FLAVORS]})

    async def services(self, request: web.Request) -> web.Response:
        microversion = _microversion(request)
        wanted = [each for each in self._cloud.hosts if request.query.get("binary", each.binary) == each.binary]
        return _answer(
            request, {"services": [_service(number, each, microversion) for number, each in enumerate(wanted, 1)]}
        )

    async def limits(self, request: web.Request) -> web.Response:
        used, limits = self._cloud.usage(), self._cloud.limits
        absolute = {
            "maxTotalCores": limits["cores"],
            "totalCoresUsed": used["cores"],
            "maxTotalRAMSize": limits["ram"],
            "totalRAMUsed": used["ram"],
            "maxTotalInstances": limits["instances"],
            "totalInstancesUsed": used["instances"],
            "maxTotalKeypairs": 100,
            "maxServerMeta": 128,
            "maxServerGroups": 10,
            "maxServerGroupMembers": 10,
            "totalServerGroupsUsed": 0,
        }
        return _answer(request, {"limits": {"rate": [], "absolute": absolute}})

    def _page(self, request: web.Request, path: str, shown: Callable[[Server], dict[str, Any]]) -> web.Response:
        try:
            name = re.compile(request.query.get("name", ""))
            wanted = [server for server in self._cloud.servers if name.search(server.name)]
            start = _after(wanted, request.query.get("marker"))
        except (re.error, LookupError) as error:
            return fault(400, "badRequest", str(error))
        size = min(int(request.query.get("limit", self._page_size)), self._page_size)
        page = wanted[start : start + size]
        body: dict[str, Any] = {"servers": [shown(server) for server in page]}
        if start + size < len(wanted):
            query = request.url.update_query(marker=page[-1].id).query_string
            href = f"https://{request.host}/compute/v2.1/{path}?{query}"
            body["servers_links"] = [{"rel": "next", "href": href}]
        return _answer(request, body)

    def _find(self, request: web.Request) -> Server | None:
        return next((server for server in self._cloud.servers if server.id == request.match_info["id"]), None)


async def _action_policy(request: web.Request) -> str:
    try:
        asked = next(iter(await request.json()), "")
    except (ValueError, TypeError):
        asked = ""
    return _ACTION_POLICIES.get(asked, "os_compute_api:servers:reboot")  # what is unknown is refused by whoever may not


def _instance_action(server: Server, action: Action) -> dict[str, Any]:
    return {
        "action": action.action,
        "instance_uuid": server.id,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": stable_id("project", "hearth").replace("-", ""),
        "start_time": f"{action.started_at:%Y-%m-%dT%H:%M:%S.%f}",
        "message": action.message,
    }


def _after(servers: list[Server], marker: str | None) -> int:
    if marker is None:
        return 0
    ids = [server.id for server in servers]
    if marker not in ids:
        raise LookupError(f"marker [{marker}] not found")
    return ids.index(marker) + 1


def _refusal(cloud: Cloud, request: web.Request, policy: str) -> web.Response | None:
    user = cloud.holder(request.headers.get("X-Auth-Token", ""))
    if user is None or "credentials" in cloud.faults.values():
        return unauthorized()
    version = _microversion(request)
    if not MINIMUM <= version <= MAXIMUM:
        return fault(406, "computeFault", f"Version {version[0]}.{version[1]} is not supported by the API.")
    if policy != FLAVORS_READ and not POLICIES[policy] & set(user.roles):
        return fault(403, "forbidden", f"Policy doesn't allow {policy} to be performed.")
    return None


def _microversion(request: web.Request) -> tuple[int, int]:
    service, _, asked = request.headers.get("OpenStack-API-Version", "").partition(" ")
    asked = asked if service == "compute" else request.headers.get("X-OpenStack-Nova-API-Version", "")
    if asked == "latest":
        return MAXIMUM
    major, _, minor = asked.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else MINIMUM


def _answer(request: web.Request, body: dict[str, Any]) -> web.Response:
    version = "{}.{}".format(*_microversion(request))
    headers = {"OpenStack-API-Version": f"compute {version}", "X-OpenStack-Nova-API-Version": version}
    return web.json_response(body, headers={**headers, "Vary": "OpenStack-API-Version"})


def _version(request: web.Request) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": "{}.{}".format(*MAXIMUM),
        "min_version": "{}.{}".format(*MINIMUM),
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"https://{request.host}/compute/v2.1/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}],
    }


def _server(server: Server, microversion: tuple[int, int]) -> dict[str, Any]:
    flavor: dict[str, Any] = {"id": stable_id("flavor", server.flavor), "links": []}
    if microversion >= (2, 47):
        flavor = {"vcpus": server.vcpus, "ram": server.ram_mb, "disk": 40, "ephemeral": 0, "swap": 0}
        flavor |= {"original_name": server.flavor, "extra_specs": {}}
    state = server.held if server.status in _HELD else server.status
    shown: dict[str, Any] = {
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "OS-EXT-STS:vm_state": _VM_STATES.get(server.status, server.status.lower()),
        "OS-EXT-STS:power_state": _POWER_STATES.get(state, 0),
        "OS-EXT-STS:task_state": server.task,
        "flavor": flavor,
        "addresses": {},
        "metadata": {},
        "created": "2026-01-15T09:00:00Z",
        "updated": "2026-01-15T09:02:00Z",
        "links": [],
    }
    if server.status == "ERROR" and server.fault:
        shown["fault"] = {"code": 500, "created": "2026-01-15T09:02:00Z", "message": server.fault}
    return shown


def _flavor(name: str) -> dict[str, Any]:
    vcpus, ram = FLAVORS[name]
    more = {"swap": "", "OS-FLV-EXT-DATA:ephemeral": 0, "os-flavor-access:is_public": True, "rxtx_factor": 1.0}
    return {"id": stable_id("flavor", name), "name": name, "vcpus": vcpus, "ram": ram, "disk": 40, "links": [], **more}


def _flavor_name(asked: object) -> str:
    return next((name for name in FLAVORS if stable_id("flavor", name) == asked), "")


def _over_quota(lacking: dict[str, tuple[int, int, int]]) -> str:
    """As Nova says it."""
    asked, used, limits = (", ".join(str(numbers[at]) for numbers in lacking.values()) for at in (0, 1, 2))
    names = ", ".join(lacking)
    return f"Quota exceeded for {names}: Requested {asked}, but already used {used} of {limits} {names}"


def _conflict(server: Server, action: str) -> web.Response:
    going_on = f"task_state {server.task}" if server.task else f"vm_state {server.status.lower()}"
    return fault(409, "conflictingRequest", f"Cannot '{action}' instance {server.id} while it is in {going_on}")


def _service(number: int, host: Host, microversion: tuple[int, int]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": host.id if microversion >= (2, 53) else number,
        "binary": host.binary,
        "host": host.host,
        "zone": host.zone,
        "status": host.status,
        "state": host.state,
        "updated_at": "2026-01-15T09:00:00.000000",
        "disabled_reason": None,
    }
    return body | ({"forced_down": False} if microversion >= (2, 11) else {})
