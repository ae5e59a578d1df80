"""What do hearth's names resolve to?

A small authoritative name server for the example zones, over UDP and TCP on one port:
`python -m deployments.sandbox.nameserver --state DIR`. It answers what production would (addresses
of the documentation ranges), takes signed changes (nameserver_zone.py), and can be killed, slowed,
made to answer a wrong address, to lose the answer to a change, or to forget the change itself.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from dns.rdtypes.ANY.TSIG import TSIG

from deployments.sandbox.control import serve_control
from deployments.sandbox.nameserver_zone import TTL_S, ZONES, Records, operator_key
from deployments.sandbox.state import State

HOWS = ("slow", "wrong-body", "drop-after", "no-effect")
_WRONG_ADDRESS = "203.0.113.66"
_SLOW_S = 1.5


class NameServer(asyncio.DatagramProtocol):
    """Answers questions; `how` is the fault it shows."""

    def __init__(self, records: Records | None = None) -> None:
        self.how: str | None = None
        self.records = records or Records()
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, wire: bytes) -> bytes | None:
        """The reply to one question or change; None for what is neither, and for an answer that gets lost."""
        signers: list[dns.name.Name] = []
        try:
            asked = dns.message.from_wire(wire, keyring=self._keyring(signers))
        except (dns.message.UnknownTSIGKey, dns.tsig.BadKey):
            return _not_authentic(wire, signers, dns.rcode.BADKEY)
        except dns.tsig.BadSignature:
            return _not_authentic(wire, signers, dns.rcode.BADSIG)
        except dns.tsig.BadTime:
            return _not_authentic(wire, signers, dns.rcode.BADTIME)
        except dns.exception.DNSException:
            return None
        reply = dns.message.make_response(asked)
        if isinstance(asked, dns.update.UpdateMessage):
            reply.set_rcode(dns.rcode.NOERROR if self.how == "no-effect" else self.records.change(asked))
            return None if self.how == "drop-after" else reply.to_wire()
        for question in asked.question:
            self._fill(reply, question.name, question.rdtype)
        return reply.to_wire()

    def _keyring(self, signers: list[dns.name.Name]) -> Callable[[dns.message.Message, dns.name.Name], Any]:
        """The key of a name, None when there is none; who signed is remembered in `signers`."""

        def key(_message: dns.message.Message, name: dns.name.Name) -> dns.tsig.Key | None:
            signers.append(name)
            return self.records.keys.get(name)

        return key

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        text, word = name.to_text().lower(), dns.rdatatype.to_text(kind)
        zone = next((zone for zone in ZONES if name.is_subdomain(dns.name.from_text(zone))), "")
        if not zone:
            reply.set_rcode(dns.rcode.REFUSED)
            return
        reply.flags |= dns.flags.AA
        if text == zone:
            if word == "SOA":
                said = f"ns1.hearth.example. hostmaster.{zone} {self.records.serial} 3600 600 86400 {TTL_S}"
                reply.answer.append(dns.rrset.from_text(name, TTL_S, "IN", "SOA", said))
            return
        values = self.records.values(text, word)
        if values is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif values:
            said = [_WRONG_ADDRESS] if self.how == "wrong-body" and word == "A" else values
            reply.answer.append(dns.rrset.from_text_list(name, TTL_S, "IN", word, said))

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


def _not_authentic(wire: bytes, signers: list[dns.name.Name], why: dns.rcode.Rcode) -> bytes | None:
    """NOTAUTH with the reason, which nobody can sign (RFC 8945, 5.2)."""
    if not signers:
        return None
    reply = dns.message.make_response(dns.message.from_wire(wire, question_only=True))
    reply.set_rcode(dns.rcode.NOTAUTH)
    kind, now = dns.rdatatype.TSIG, int(time.time())
    said = TSIG(dns.rdataclass.ANY, kind, dns.tsig.HMAC_SHA256, now, 300, b"", reply.id, why, b"")
    reply.additional.append(dns.rrset.from_rdata(signers[-1], 0, said))
    return reply.to_wire()


async def serve(state: State, port: int) -> None:
    """Serve until told to stop."""
    folder = state.home / "nameserver"
    server = NameServer(Records(folder))
    loop = asyncio.get_running_loop()
    udp, tcp = _same_port(port)
    await loop.create_datagram_endpoint(lambda: server, sock=udp)
    await asyncio.start_server(server.carry, sock=tcp)
    control = await serve_control(server.apply_break, server.apply_mend)
    state.write_ready("nameserver", f"127.0.0.1:{udp.getsockname()[1]}", control=control, tsig=operator_key(folder))
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
