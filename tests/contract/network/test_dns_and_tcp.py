"""Name servers and ports, well and ill, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from blocks.clock import SystemClock
from blocks.errors import Broken
from blocks.network.block import ProbeNetwork
from blocks.network.prober import open_prober
from blocks.ports.health import FindingCode
from blocks.ports.network import Routes

NS = "ns1.zoo.example:53"


class NameServer(asyncio.DatagramProtocol):
    """Answers each question with what `answer(question, reply)` makes of the reply; None is silence."""

    def __init__(self, answer: Callable) -> None:
        self._answer = answer

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        wire = self._answer(query.question[0], reply)
        if wire is not None:
            self.transport.sendto(wire if isinstance(wire, bytes) else reply.to_wire(), addr)


@pytest.fixture
async def name_server(zoo):
    """`await name_server(answer)`: `ns1.zoo.example:53` answers so."""
    opened = []

    async def start(answer: Callable) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: NameServer(answer), local_addr=("127.0.0.1", 0)
        )
        opened.append(transport)
        zoo.lead(NS, transport.get_extra_info("sockname")[1])

    yield start
    for transport in opened:
        transport.abort()
    await asyncio.sleep(0)


def gives(*records: str, kind: str = "A"):
    def answer(question, reply):
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        return reply

    return answer


def says(code: dns.rcode.Rcode):
    def answer(question, reply):
        reply.set_rcode(code)
        return reply

    return answer


async def test_a_right_answer(see, name_server):
    await name_server(gives("10.0.0.7", "10.0.0.8"))
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS, expect=("10.0.0.8",))
    assert reading.finding is None
    assert [m.name for m in reading.measurements] == ["latency"]


@pytest.mark.parametrize(
    ("kind", "record", "expected"),
    [
        ("CNAME", "Front.Zoo.Example.", "front.zoo.example"),
        ("TXT", '"v=one two"', "v=one two"),
        ("MX", "10 mail.zoo.example.", "10 mail.zoo.example"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("NS", "ns1.zoo.example.", "ns1.zoo.example."),
    ],
)
async def test_every_type_is_written_as_people_write_it(see, name_server, kind, record, expected):
    await name_server(gives(record, kind=kind))
    reading = await see(kind="dns", record="api.zoo.example", record_type=kind, resolver=NS, expect=(expected,))
    assert reading.finding is None, reading.finding


async def test_a_wrong_address(see, name_server):
    await name_server(gives("10.6.6.6", "10.6.6.7", "10.6.6.8", "10.6.6.9"))
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS, expect=("10.0.0.8",))
    assert reading.finding.code is FindingCode.WRONG_ADDRESS
    assert "and 1 more, expected 10.0.0.8 (asked of ns1.zoo.example:53)" in reading.finding.text
    assert reading.measurements


async def test_a_name_that_does_not_exist_and_one_without_such_a_record(see, name_server):
    await name_server(says(dns.rcode.NXDOMAIN))
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS)
    assert reading.finding.code is FindingCode.NAME_NOT_FOUND
    assert reading.finding.text == "api.zoo.example does not exist (asked of ns1.zoo.example:53)"
    await name_server(lambda question, reply: reply)
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS)
    assert reading.finding.code is FindingCode.NAME_NOT_FOUND
    assert "exists but has no A record" in reading.finding.text


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_a_server_that_fails(see, name_server, code):
    await name_server(says(code))
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS, timeout="3s")
    assert reading.finding.code is FindingCode.NAME_NOT_FOUND
    assert dns.rcode.to_text(code) in reading.finding.text


async def test_a_silent_server(see, name_server):
    await name_server(lambda question, reply: None)
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS)
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert reading.finding.text == "api.zoo.example cannot be resolved: ns1.zoo.example:53 gave no answer within 1 s"


@pytest.mark.parametrize("junk", [b"junk", b"\0" * 12, b"\xff" * 500])
async def test_junk_is_no_answer(see, name_server, junk):
    await name_server(lambda question, reply: junk)
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS)
    assert reading.finding.code in {FindingCode.NO_ANSWER, FindingCode.NAME_NOT_FOUND}


async def test_no_server_at_all(zoo, see, free_port):
    zoo.lead(NS, free_port)
    reading = await see(kind="dns", record="api.zoo.example", resolver=NS)
    assert reading.finding.code in {FindingCode.CONNECTION_REFUSED, FindingCode.NO_ANSWER}


async def test_a_record_that_no_name_can_have_is_our_mistake(see, name_server):
    await name_server(gives("10.0.0.7"))
    with pytest.raises(Broken) as caught:
        await see(kind="dns", record="a" * 80 + ".example", resolver=NS)
    assert caught.value.code == "probe_failed"


async def test_a_port_that_accepts(zoo, see):
    async def hold(reader, writer):
        await reader.read(1)

    await zoo.serve("port", hold, tls=False)
    reading = await see(kind="tcp", address="port.zoo.example:80")
    assert reading.finding is None
    assert [m.name for m in reading.measurements] == ["latency"]


async def test_a_port_that_refuses_and_one_that_hangs(zoo, see, free_port, full_backlog):
    zoo.lead("shut.zoo.example:22", free_port)
    assert (await see(kind="tcp", address="shut.zoo.example:22")).finding.code is FindingCode.CONNECTION_REFUSED
    zoo.lead("hang.zoo.example:22", full_backlog)
    reading = await see(kind="tcp", address="hang.zoo.example:22")
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert "neither accepted nor refused" in reading.finding.text


async def test_kinds_that_others_make_are_refused(see):
    with pytest.raises(Broken, match="not made by the network prober"):
        await see(kind="heartbeat", beat="backup", deadline="26h")


async def test_the_blocks_word_goes_before_the_routes(zoo, probe_for):
    async def hold(reader, writer):
        await reader.read(1)

    await zoo.serve("block", hold, tls=False)
    block = ProbeNetwork(connect_to={"block.zoo.example:80": zoo.connect_to["block.zoo.example:80"]})
    wrong = Routes({"block.zoo.example:80": "127.0.0.1:1"})
    async with open_prober(block, routes=wrong, clock=SystemClock()) as prober:
        reading = await prober.probe(probe_for(kind="tcp", address="block.zoo.example:80"))
    assert reading.finding is None


async def test_examine_says_what_can_be_reached(zoo, free_port):
    async def hold(reader, writer):
        await reader.read(1)

    await zoo.serve("reach", hold, tls=False)
    block = ProbeNetwork(
        connect_to={
            "reach.zoo.example:80": zoo.connect_to["reach.zoo.example:80"],
            "shut.zoo.example:80": f"127.0.0.1:{free_port}",
        },
        ca_file=zoo.routes.ca_file,
    )
    found = {capability.action: capability.allowed for capability in await block.examine()}
    assert found == {
        f"trust {zoo.routes.ca_file}": True,
        "connect to reach.zoo.example:80": True,
        "connect to shut.zoo.example:80": False,
    }
    (trusted,) = await ProbeNetwork(ca_file="/no/such/file.pem").examine()
    assert trusted.allowed is False
