"""The name server answers as an authoritative one does, over UDP and TCP, and lies only when told."""

from __future__ import annotations

import asyncio

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.update
import pytest

from deployments.sandbox.nameserver import NameServer
from deployments.sandbox.nameserver_zone import ADDRESSES, Records


def _ask(server: NameServer, name: str, kind: str = "A") -> dns.message.Message:
    wire = server.answer(dns.message.make_query(name, kind).to_wire())
    assert wire is not None
    return dns.message.from_wire(wire)


def _addresses(reply: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in reply.answer for item in rrset]


def test_it_knows_its_names_whatever_their_case():
    reply = _ask(NameServer(), "API.hearth.example")
    assert _addresses(reply) == [ADDRESSES["api.hearth.example."]]
    assert reply.flags & dns.flags.AA


def test_an_unknown_name_of_its_zone_does_not_exist():
    assert _ask(NameServer(), "nobody.hearth.example").rcode() == dns.rcode.NXDOMAIN


def test_other_zones_are_refused():
    assert _ask(NameServer(), "www.python.org").rcode() == dns.rcode.REFUSED


def test_another_type_of_a_known_name_is_empty_and_no_error():
    reply = _ask(NameServer(), "api.hearth.example", "AAAA")
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


def test_garbage_is_not_answered():
    assert NameServer().answer(b"garbage") is None


async def test_wrong_body_is_a_wrong_address_until_mended():
    server = NameServer()
    await server.apply_break("name-service", "wrong-body", {})
    assert _addresses(_ask(server, "api.hearth.example")) != [ADDRESSES["api.hearth.example."]]
    await server.apply_mend("name-service")
    assert _addresses(_ask(server, "api.hearth.example")) == [ADDRESSES["api.hearth.example."]]


async def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="slow"):
        await NameServer().apply_break("name-service", "expired-cert", {})


async def test_it_answers_over_udp_and_over_tcp():
    server = NameServer()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    tcp = await asyncio.start_server(server.carry, "127.0.0.1", 0)
    query = dns.message.make_query("shop.storefront.example", "A")
    over_udp = await dns.asyncquery.udp(query, "127.0.0.1", 2, transport.get_extra_info("sockname")[1])
    over_tcp = await dns.asyncquery.tcp(query, "127.0.0.1", 2, tcp.sockets[0].getsockname()[1])
    assert _addresses(over_udp) == _addresses(over_tcp) == [ADDRESSES["shop.storefront.example."]]
    transport.close()
    tcp.close()


def _change(records: Records, **what) -> dns.rcode.Rcode:
    """A change signed by the operator, as the server gets it."""
    (key,) = records.keys.values()
    message = dns.update.UpdateMessage("hearth.example.", keyring=key)
    for method, arguments in what.items():
        getattr(message, method)(*arguments)
    return dns.message.from_wire(
        NameServer(records).answer(message.to_wire()), keyring=key, request_mac=message.mac
    ).rcode()


def test_what_was_changed_is_still_changed_after_a_start_and_the_serial_has_moved(tmp_path):
    records = Records(tmp_path)
    before = records.serial
    assert _change(records, replace=("db", 30, "A", "198.51.100.20")) == dns.rcode.NOERROR
    again = Records(tmp_path)
    assert _addresses(_ask(NameServer(again), "db.hearth.example")) == ["198.51.100.20"]
    assert (again.serial, again.keys) == (before + 1, records.keys)
    assert _change(again, replace=("db", 30, "A", "198.51.100.20")) == dns.rcode.NOERROR
    assert again.serial == before + 1, "nothing changed"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"present": ("db",)}, dns.rcode.NOERROR),
        ({"present": ("nobody",)}, dns.rcode.NXDOMAIN),
        ({"absent": ("db",)}, dns.rcode.YXDOMAIN),
        ({"present": ("db", "A")}, dns.rcode.NOERROR),
        ({"present": ("db", "AAAA")}, dns.rcode.NXRRSET),
        ({"absent": ("db", "A")}, dns.rcode.YXRRSET),
        ({"present": ("db", "A", "192.0.2.20")}, dns.rcode.NOERROR),
        ({"present": ("db", "A", "192.0.2.20", "192.0.2.21")}, dns.rcode.NXRRSET),
        ({"add": ("api", 30, "A", "192.0.2.99")}, dns.rcode.REFUSED),
        ({"delete": ("db",)}, dns.rcode.REFUSED),
    ],
)
def test_prerequisites_and_rights_are_those_of_rfc_2136(tmp_path, what, said):
    records = Records(tmp_path)
    assert _change(records, **what) == said
    assert records.values("db.hearth.example.", "A") == ["192.0.2.20"]


def test_a_change_of_another_zone_is_not_ours(tmp_path):
    records = Records(tmp_path)
    (key,) = records.keys.values()
    message = dns.update.UpdateMessage("example.net.", keyring=key)
    message.replace("db", 30, "A", "192.0.2.1")
    reply = dns.message.from_wire(NameServer(records).answer(message.to_wire()), keyring=key, request_mac=message.mac)
    assert reply.rcode() == dns.rcode.NOTAUTH
