"""What do hearth's names resolve to?

A small authoritative name server for the example zones, over UDP and TCP on one port:
`python -m deployments.sandbox.nameserver --state DIR`. It answers what production would (addresses
of the documentation ranges), and can be killed, slowed or made to answer a wrong address.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from deployments.sandbox.control import serve_control
from deployments.sandbox.state import State

HOWS = ("slow", "wrong-body")
ZONES = ("hearth.example.", "storefront.example.")
ADDRESSES = {
    "api.hearth.example.": "192.0.2.10",
    "updates.hearth.example.": "192.0.2.11",
    "db1.hearth.example.": "192.0.2.20",
    "ns1.hearth.example.": "192.0.2.53",
    "api.dc-west.hearth.example.": "198.51.100.10",
    "db2.dc-west.hearth.example.": "198.51.100.20",
    "shop.storefront.example.": "203.0.113.10",
}
_WRONG_ADDRESS = "203.0.113.66"
_TTL_S = 30
_SLOW_S = 1.5


class NameServer(asyncio.DatagramProtocol):
    """Answers questions; `how` is the fault it shows."""

    def __init__(self) -> None:
        self.how: str | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, wire: bytes) -> bytes | None:
        """The reply to one question; None for what is not a question."""
        try:
            question = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        reply = dns.message.make_response(question)
        for asked in question.question:
            self._fill(reply, asked.name, asked.rdtype)
        return reply.to_wire()

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        text = name.to_text().lower()
        if not any(name.is_subdomain(dns.name.from_text(zone)) for zone in ZONES):
            reply.set_rcode(dns.rcode.REFUSED)
            return
        reply.flags |= dns.flags.AA
        if text not in ADDRESSES:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif kind == dns.rdatatype.A:
            address = _WRONG_ADDRESS if self.how == "wrong-body" else ADDRESSES[text]
            reply.answer.append(dns.rrset.from_text(name, _TTL_S, "IN", "A", address))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        task = asyncio.ensure_future(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[Any, ...]) -> None:
        await self._wait()
        reply = self.answer(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question over TCP (RFC 1035, 4.2.2: two bytes of length before each message)."""
        try:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply = self.answer(await reader.readexactly(length))
            await self._wait()
            if reply is not None:
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _wait(self) -> None:
        if self.how == "slow":
            await asyncio.sleep(_SLOW_S)

    async def apply_break(self, _target: str, how: str, _request: dict[str, Any]) -> str:
        """Fail as `how` says."""
        if how not in HOWS:
            raise ValueError(f"the name server can fail as {', '.join(HOWS)}, not {how}")
        self.how = how
        return how

    async def apply_mend(self, _target: str) -> str:
        """Answer rightly again."""
        self.how = None
        return "mended"


async def serve(state: State, port: int) -> None:
    """Serve until told to stop."""
    server = NameServer()
    loop = asyncio.get_running_loop()
    udp, tcp = _same_port(port)
    await loop.create_datagram_endpoint(lambda: server, sock=udp)
    await asyncio.start_server(server.carry, sock=tcp)
    control = await serve_control(server.apply_break, server.apply_mend)
    state.write_ready("nameserver", f"127.0.0.1:{udp.getsockname()[1]}", control=control)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def _same_port(port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port: checks may use either."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            port = 0
            continue
        return udp, tcp


def main() -> None:
    """Run the name server of one sandbox in the foreground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(serve(State.at(arguments.state), arguments.port))


if __name__ == "__main__":
    main()
