"""Two name servers that take signed changes, the sandbox's and bind9, each behind a line that can lose answers."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from blocks.catalogue.recovery import DnsSwitch
from blocks.clock import SystemClock
from blocks.dns.block import TsigKey
from blocks.dns.traffic import open_traffic
from blocks.ports.network import Routes
from tests.conftest import needs_program
from tests.contract.clouds import loop_of_its_own

WEST, DC = "192.0.2.20", "198.51.100.20"
SWITCH = {
    "name": "database-name",
    "kind": "dns",
    "server": "ns1.hearth.example:53",
    "zone": "hearth.example",
    "record": "db.hearth.example",
    "ttl": "30s",
    "values": {"azure-west": WEST, "dc-west": DC},
    "key": "dns-hearth-operator",
}


def new_key(name: str) -> TsigKey:
    return TsigKey(name=name, secret=base64.b64encode(os.urandom(32)).decode())


@dataclass
class Place:
    """One name server as the adapter sees it. `port` is the server itself, `line` what is between."""

    name: str
    port: int
    line: Line
    operator: TsigKey
    opened: list[str] = field(default_factory=list)

    def traffic(self, key: TsigKey | None = None, **changes: object):
        """A fresh one, as after a crash."""

        def operator() -> TsigKey:
            self.opened.append("operator")
            return key or self.operator

        switch = DnsSwitch.model_validate(SWITCH | changes)
        return open_traffic(switch, None, operator, routes=self.routes, clock=SystemClock())

    @property
    def routes(self) -> Routes:
        """By the line."""
        return Routes(connect_to={SWITCH["server"]: f"127.0.0.1:{self.line.port}"})

    def somebody_writes(self, *values: str, key: TsigKey | None = None) -> dns.rcode.Rcode:
        """Past the line, without any prerequisite, as a person with nsupdate would."""
        message = dns.update.UpdateMessage("hearth.example.", keyring=(key or self.operator).key())
        name = dns.name.from_text("db.hearth.example.")
        message.delete(name, "A")
        for value in values:
            message.add(name, 30, "A", value)
        return dns.query.tcp(message, "127.0.0.1", 5, port=self.port).rcode()

    def stands(self) -> list[str]:
        reply = dns.query.tcp(dns.message.make_query("db.hearth.example", "A"), "127.0.0.1", 5, port=self.port)
        return sorted(item.to_text() for rrset in reply.answer for item in rrset)


class Line:
    """TCP to a name server, one connection a message. Remembers messages; `alter` may lose or change what passes."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.asked: list[bytes] = []
        self.alter: Callable[[bytes, Callable[[bytes], bytes]], bytes | None] = lambda wire, ask: ask(wire)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def changes(self) -> int:
        """How many changes were sent."""
        return sum((wire[2] >> 3) & 15 == 5 for wire in self.asked)

    def lose_answers_to_changes(self) -> None:
        self.alter = lambda wire, ask: None if (wire[2] >> 3) & 15 == 5 and ask(wire) else ask(wire)

    def close(self) -> None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join()

    def _serve(self) -> None:
        with self._listening:
            while True:
                connection, _ = self._listening.accept()
                with connection:
                    connection.settimeout(20)
                    if not (wire := _read(connection)):
                        return
                    self.asked.append(wire)
                    if (answer := self.alter(wire, self._ask)) is not None:
                        connection.sendall(len(answer).to_bytes(2, "big") + answer)

    def _ask(self, wire: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.to), 5) as onward:
            onward.sendall(len(wire).to_bytes(2, "big") + wire)
            return _read(onward)


def _read(connection: socket.socket) -> bytes:
    """One message with its two bytes of length; empty when there is none."""
    head = connection.recv(2, socket.MSG_WAITALL)
    return connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL) if len(head) == 2 else b""


@contextmanager
def sandbox(folder: Path) -> Iterator[tuple[int, TsigKey]]:
    """The sandbox's own."""
    from deployments.sandbox.nameserver import NameServer
    from deployments.sandbox.nameserver_zone import Records, operator_key

    key, server = TsigKey(**operator_key(folder)), NameServer(Records(folder))
    with loop_of_its_own() as run:
        serving = run(asyncio.start_server(server.carry, "127.0.0.1", 0))
        try:
            yield serving.sockets[0].getsockname()[1], key
        finally:
            run(_end(serving))


async def _end(serving: asyncio.Server) -> None:
    """In the server's own loop: closed from another thread it may find itself closing already."""
    serving.close()
    await serving.wait_closed()


_NAMED = """
options {{
  directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file none; lock-file none; session-keyfile none; managed-keys-directory "{folder}";
  recursion no; dnssec-validation no; notify no; allow-transfer {{ none; }};
}};
controls {{ }};
key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};
zone "hearth.example" {{
  type primary; file "zone";
  update-policy {{ grant {name} name db.hearth.example. A; }};
}};
"""
_ZONE = f"""$TTL 30
@ IN SOA ns1 hostmaster 1 3600 600 86400 30
@ IN NS ns1
ns1 IN A 127.0.0.1
api IN A 192.0.2.10
db IN A {WEST}
"""


@contextmanager
def bind9(program: str) -> Iterator[tuple[int, TsigKey]]:
    """The real one, in a folder of its own; as root it gives its rights up."""
    folder, key = Path(tempfile.mkdtemp(prefix="vigie-named-")), new_key("vigie-hearth")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"name": key.name, "algorithm": key.algorithm, "secret": key.secret.get_secret_value()}
    (folder / "named.conf").write_text(_NAMED.format(folder=folder, port=port, **settings))
    (folder / "zone").write_text(_ZONE)
    command = [program, "-g", "-n", "1", "-c", str(folder / "named.conf")]
    if os.geteuid() == 0:
        for each in (folder, *folder.iterdir()):
            shutil.chown(each, "nobody")
        command += ["-u", "nobody"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _await(process, port, folder / "log")
        yield port, key
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, EOFError, dns.query.BadResponse):
            dns.query.tcp(dns.message.make_query("hearth.example", "SOA"), "127.0.0.1", 2, port=port)
            return
        time.sleep(0.1)
    pytest.fail(f"named did not answer:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def placed(name: str, port: int, key: TsigKey) -> Iterator[Place]:
    line = Line(port)
    try:
        yield Place(name, port, line, key)
    finally:
        line.close()


@pytest.fixture(scope="session")
def named() -> Iterator[tuple[int, TsigKey]]:
    with bind9(needs_program("named")) as found:
        yield found


@pytest.fixture(params=["sandbox", "bind9"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """One name server, with the value of azure-west in the record."""
    if request.param == "bind9":
        with placed("bind9", *request.getfixturevalue("named")) as found:
            assert found.somebody_writes(WEST) == dns.rcode.NOERROR
            yield found
        return
    with sandbox(tmp_path) as served, placed("sandbox", *served) as found:
        yield found
