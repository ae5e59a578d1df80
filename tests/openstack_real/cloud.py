"""A real control plane for tests: Keystone, Placement and Nova on loopback, with two compute hosts that can die.

`with real_cloud(folder, environment) as cloud:` takes a minute or two. Nothing is installed or changed outside of
`folder`; every process is a child that ends with us, and is ended by its id.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.sandbox.lifetimes import start_child
from deployments.sandbox.postgres import PostgresServer
from tests.openstack_real.around import IMAGE, around
from tests.openstack_real.settings import HOSTS, REGION, Places, write_settings

_SERVING = Path(__file__).with_name("serving.py")
_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's; the one on the path changes users and stays behind
_PATIENCE_S = 400.0  # other tests run beside it
_QUICK = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB"}
FLAVORS = {"m1.small": (1, 512), "m1.large": (2, 2048), "m1.huge": (2, 16_384)}  # the last one fits on no host


@dataclass
class RealCloud:
    """What a test needs of it: the way in for each of our users, and hosts to kill."""

    places: Places
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)  # user -> an application credential

    def admin(self) -> Any:
        """A connection that may do everything."""
        return self._connect("admin", "admin")

    def create_server(self, name: str) -> None:
        """An ACTIVE server without network, in the smallest size."""
        with self.as_(self._connect("hearth-member", "hearth")) as cloud:
            size = next(flavor.id for flavor in cloud.compute.flavors() if flavor.name == "m1.small")
            server = cloud.compute.create_server(name=name, image_id=IMAGE, flavor_id=size, networks="none")
            until = time.monotonic() + _PATIENCE_S
            while (found := cloud.compute.get_server(server.id)).status != "ACTIVE":
                if found.status == "ERROR" or time.monotonic() > until:
                    raise RuntimeError(f"server {name} is {found.status}: {found.fault}")
                time.sleep(1)

    def host_of(self, name: str) -> str:
        with self.as_(self.admin()) as cloud:
            return next(server.compute_host for server in cloud.compute.servers(all_projects=True, name=name))

    def kill_host(self, host: str) -> None:
        """It says nothing any more; Nova notices after `service_down_time`."""
        self.processes[host].kill()
        self.processes[host].wait()

    @contextmanager
    def as_(self, connection: Any) -> Iterator[Any]:
        from blocks.openstack.block import close

        try:
            yield connection
        finally:
            close(connection)

    def _connect(self, user: str, project: str) -> Any:
        import openstack

        return openstack.connect(
            auth_url=self.places.auth_url,
            username=user,
            password=self.places.password,
            project_name=project,
            user_domain_id="default",
            project_domain_id="default",
            region_name=REGION,
        )


@contextmanager
def real_cloud(folder: Path, environment: Path) -> Iterator[RealCloud]:
    """Set up and started, with users, sizes and hosts; ended afterwards."""
    with ExitStack() as after:
        address, databases = after.enter_context(around()), after.enter_context(_databases(folder))
        ports, password = free_ports(4), secrets.token_hex(12)
        places = Places(folder, environment.absolute(), *ports, address, password, databases)
        write_settings(places)
        cloud = RealCloud(places)
        after.callback(_end, cloud.processes)
        _start_messages(cloud)
        with ThreadPoolExecutor(3) as beside:
            for work in [
                beside.submit(step, places) for step in (_prepare_keystone, _prepare_placement, _prepare_nova)
            ]:
                work.result()
        _start(cloud, "keystone", _wsgi(cloud, "keystone.wsgi.api", places.keystone))
        _await_http(cloud, "keystone", places.auth_url)
        _introduce(cloud)
        _start(cloud, "placement", _wsgi(cloud, "placement.wsgi.api", places.placement))
        _start(cloud, "nova-api", _wsgi(cloud, "nova.wsgi.osapi_compute", places.nova))
        for name in ("nova-conductor", "nova-scheduler"):
            _start(cloud, name, [_program(places, name), "--config-file", places.etc("nova.conf")])
        for host in HOSTS:
            _start(cloud, host, [_program(places, "nova-compute"), "--config-file", places.etc(f"{host}.conf")])
        _await_http(cloud, "placement", f"http://127.0.0.1:{places.placement}/")
        _await_http(cloud, "nova-api", f"http://127.0.0.1:{places.nova}/")
        _furnish(cloud)
        yield cloud


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _databases(folder: Path) -> Iterator[dict[str, str]]:
    """One PostgreSQL for all: Nova's services write at once, which files do not bear."""
    server = PostgresServer.create(folder / "postgres", name="openstack", settings=_QUICK).start()
    try:
        names = ("keystone", "placement", "nova_api", "nova_cell0", "nova")
        yield {name: server.ensure_database(name).replace("postgresql:", "postgresql+psycopg2:", 1) for name in names}
    finally:
        server.remove()


# -- preparing ------------------------------------------------------------------------------------


def _prepare_keystone(places: Places) -> None:
    manage = [_program(places, "keystone-manage"), "--config-file", places.etc("keystone.conf")]
    _run(places, [*manage, "db_sync"])
    urls = [part for kind in ("admin", "internal", "public") for part in (f"--bootstrap-{kind}-url", places.auth_url)]
    _run(
        places, [*manage, "bootstrap", "--bootstrap-password", places.password, "--bootstrap-region-id", REGION, *urls]
    )


def _prepare_placement(places: Places) -> None:
    _run(places, [_program(places, "placement-manage"), "--config-file", places.etc("placement.conf"), "db", "sync"])


def _prepare_nova(places: Places) -> None:
    manage = [_program(places, "nova-manage"), "--config-file", places.etc("nova.conf")]
    _run(places, [*manage, "api_db", "sync"])
    _run(places, [*manage, "cell_v2", "map_cell0", "--database_connection", places.databases["nova_cell0"]])
    _run(places, [*manage, "cell_v2", "create_cell", "--name=cell1"])
    _run(places, [*manage, "db", "sync"])


def _run(places: Places, command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        env=_environment(places),
        cwd=places.folder,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def _introduce(cloud: RealCloud) -> None:
    """Nova's own user, the endpoints, and the users that docs/permissions-openstack.md describes."""
    places = cloud.places
    with cloud.as_(cloud.admin()) as admin:
        identity = admin.identity
        service = identity.create_project(name="service", domain_id="default")
        hearth = identity.create_project(name="hearth", domain_id="default")
        roles = {role.name: role for role in identity.roles()}
        for name in {"vigie-observer", "vigie-restarter", "vigie-recovery", "service"} - set(roles):
            roles[name] = identity.create_role(name=name)
        people = {
            "nova": (service, ("admin", "service")),
            "hearth-member": (hearth, ("member",)),
            "vigie-reader": (hearth, ("reader", "vigie-observer")),
            "vigie-operator": (hearth, ("vigie-restarter", "vigie-recovery")),
        }
        for name, (project, held) in people.items():
            user = identity.create_user(name=name, password=places.password, domain_id="default")
            for role in held:
                identity.assign_project_role_to_user(project, user, roles[role])
        for kind, name, port, path in (
            ("compute", "nova", places.nova, "/v2.1"),
            ("placement", "placement", places.placement, ""),
        ):
            found = identity.create_service(name=name, type=kind)
            url = f"http://127.0.0.1:{port}{path}"
            for interface in ("public", "internal", "admin"):
                identity.create_endpoint(service_id=found.id, interface=interface, url=url, region_id=REGION)
    for name in ("vigie-reader", "vigie-operator"):
        with cloud.as_(cloud._connect(name, "hearth")) as own:
            made = own.identity.create_application_credential(own.current_user_id, name=name)
            cloud.credentials[name] = {
                "application_credential_id": made.id,
                "application_credential_secret": made.secret,
            }


def _furnish(cloud: RealCloud) -> None:
    """Sizes, and both hosts known to the scheduler."""
    with cloud.as_(cloud.admin()) as admin:
        for name, (vcpus, ram) in FLAVORS.items():
            admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=1)
        until = time.monotonic() + _PATIENCE_S
        while [host.state for host in admin.compute.hypervisors()].count("up") < len(HOSTS):
            _raise_if_ended(cloud)
            if time.monotonic() > until:
                raise RuntimeError(f"not every compute host came up:\n{_tail(cloud, HOSTS[0])}")
            time.sleep(0.5)


# -- starting and ending --------------------------------------------------------------------------


def _start_messages(cloud: RealCloud) -> None:
    """RabbitMQ, and the port mapper that it would otherwise leave behind as a daemon."""
    home = cloud.places.folder / "rabbitmq"
    home.mkdir()
    mapper, distribution = free_ports(2)
    settings = {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "vigie@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(cloud.places.messages),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    (home / "rabbitmq.conf").touch()
    _start(cloud, "mapper", ["epmd"], settings)
    _start(cloud, "rabbitmq", [_RABBITMQ], settings)
    _await_port(cloud, cloud.places.messages)


def _start(
    cloud: RealCloud, name: str, command: Sequence[str | Path], settings: Mapping[str, str] | None = None
) -> None:
    environment = _environment(cloud.places) | dict(settings or {})
    with (cloud.places.folder / f"{name}.log").open("wb") as log:
        cloud.processes[name] = start_child(
            [str(part) for part in command], environment=environment, log=log, folder=cloud.places.folder
        )


def _wsgi(cloud: RealCloud, module: str, port: int) -> list[str | Path]:
    return [_program(cloud.places, "python"), _SERVING, module, str(port)]


def _program(places: Places, name: str) -> Path:
    return places.environment / "bin" / name


def _environment(places: Places) -> dict[str, str]:
    """Where each service looks for its settings, and nothing of ours."""
    etc = places.folder / "etc"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(places.folder),
        "LANG": "C.UTF-8",
        "OS_KEYSTONE_CONFIG_FILES": str(etc / "keystone.conf"),
        "OS_PLACEMENT_CONFIG_DIR": str(etc),
        "OS_NOVA_CONFIG_DIR": str(etc),
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true",
    }


def _await_http(cloud: RealCloud, name: str, url: str) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status < 500
        except urllib.error.HTTPError as error:
            with error:
                return error.code < 500
        except OSError:
            return False

    _await(cloud, name, answers)


def _await_port(cloud: RealCloud, port: int) -> None:
    def open_() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _await(cloud, "rabbitmq", open_)


def _await(cloud: RealCloud, name: str, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not ready():
        _raise_if_ended(cloud)
        if time.monotonic() > until:
            raise RuntimeError(f"{name} did not answer within {_PATIENCE_S:.0f} s:\n{_tail(cloud, name)}")
        time.sleep(0.2)


def _raise_if_ended(cloud: RealCloud) -> None:
    for name, process in cloud.processes.items():
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}:\n{_tail(cloud, name)}")


def _tail(cloud: RealCloud, name: str) -> str:
    return (cloud.places.folder / f"{name}.log").read_text(errors="replace")[-3000:]


def _end(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """The last one first; what does not end within ten seconds is killed, with its group."""
    running = [process for process in reversed(processes.values()) if process.poll() is None]
    for process in running:
        process.terminate()
    until = time.monotonic() + 10
    for process in running:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
