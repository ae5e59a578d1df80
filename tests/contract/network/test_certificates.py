"""Certificates and TLS: what is wrong is said exactly, and days left come from the connection itself."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from blocks.errors import Broken
from blocks.network.prober import open_prober
from blocks.ports.health import FindingCode
from blocks.ports.network import Routes

BOTH = pytest.mark.parametrize("kind", ["http", "tls"])


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def check(kind: str, name: str) -> dict[str, str]:
    address = f"{name}.zoo.example"
    return (
        {"kind": kind, "url": f"https://{address}/"} if kind == "http" else {"kind": kind, "address": f"{address}:443"}
    )


def days(reading) -> float:
    return next(m.value for m in reading.measurements if m.name == "certificate")


@BOTH
async def test_days_left_are_exact(zoo, see, kind):
    ends = datetime.now(UTC) + timedelta(days=10, hours=12)
    await zoo.serve("ten", answer, zoo.ca.issue_cert("ten.zoo.example", not_after=ends))
    reading = await see(**check(kind, "ten"))
    assert reading.finding is None
    assert days(reading) == pytest.approx(10.5, abs=0.01)


async def test_a_tls_check_puts_the_certificate_first(zoo, see):
    await zoo.serve("order", answer)
    reading = await see(**check("tls", "order"))
    assert [m.name for m in reading.measurements] == ["certificate", "latency"]


@BOTH
async def test_expired_says_since_when(zoo, see, kind):
    now = datetime.now(UTC)
    ended = now - timedelta(days=3, hours=2)
    leaf = zoo.ca.issue_cert("old.zoo.example", not_before=now - timedelta(days=90), not_after=ended)
    await zoo.serve("old", answer, leaf)
    reading = await see(**check(kind, "old"))
    assert reading.finding.code is FindingCode.CERTIFICATE_EXPIRED
    assert reading.finding.text == (
        f"the certificate of old.zoo.example:443 expired 3 days ago, on {ended:%Y-%m-%d %H:%M} UTC"
    )
    assert days(reading) == pytest.approx(-3.083, abs=0.01)


@BOTH
async def test_wrong_name_says_which_names_it_has(zoo, see, kind):
    leaf = zoo.ca.issue_cert("shop.example", "www.shop.example", "a.example", "b.example")
    await zoo.serve("other", answer, leaf)
    reading = await see(**check(kind, "other"))
    assert reading.finding.code is FindingCode.CERTIFICATE_WRONG_NAME
    assert "is not for that name; it is for" in reading.finding.text
    assert "shop.example" in reading.finding.text
    assert "and 1 more" in reading.finding.text


@BOTH
async def test_an_unknown_authority_is_named(zoo, see, kind):
    stranger = trustme.CA(organization_name="Strange and Sons")
    await zoo.serve("stranger", answer, stranger.issue_cert("stranger.zoo.example"))
    reading = await see(**check(kind, "stranger"))
    assert reading.finding.code is FindingCode.CERTIFICATE_UNTRUSTED
    assert "is not trusted" in reading.finding.text
    assert "Strange and Sons" in reading.finding.text or "Testing CA" in reading.finding.text


@BOTH
async def test_not_valid_yet(zoo, see, kind):
    now = datetime.now(UTC)
    leaf = zoo.ca.issue_cert("early.zoo.example", not_before=now + timedelta(days=2), not_after=now + timedelta(days=9))
    await zoo.serve("early", answer, leaf)
    reading = await see(**check(kind, "early"))
    assert reading.finding.code is FindingCode.CERTIFICATE_UNTRUSTED
    assert "is not valid before" in reading.finding.text


@BOTH
async def test_a_refused_certificate_keeps_its_finding_when_no_second_look_is_possible(zoo, see, kind):
    """The server shows an expired certificate once, then nothing more."""
    now = datetime.now(UTC)
    leaf = zoo.ca.issue_cert("once.zoo.example", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    count = 0

    async def once(reader, writer):
        nonlocal count
        count += 1
        if count == 1:
            await writer.start_tls(context)
        else:
            await asyncio.sleep(60)

    await zoo.serve("once", once, tls=False)
    zoo.connect_to["once.zoo.example:443"] = zoo.connect_to["once.zoo.example:80"]
    reading = await see(**check(kind, "once"))
    assert reading.finding.code is FindingCode.CERTIFICATE_EXPIRED
    assert reading.finding.text == "the certificate of once.zoo.example:443 has expired"


@BOTH
@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x03\x00\x05hello", bytes(300), b"\x15\x03\x03\x00\x02\x02\x28"],
)
async def test_garbage_in_the_handshake(zoo, see, kind, garbage):
    async def blurt(reader, writer):
        writer.write(garbage)
        await asyncio.sleep(60)

    await zoo.serve("blurt", blurt, tls=False)
    zoo.connect_to["blurt.zoo.example:443"] = zoo.connect_to["blurt.zoo.example:80"]
    reading = await see(**check(kind, "blurt"))
    assert reading.finding.code is FindingCode.TLS_FAILED
    assert reading.elapsed_ms < 700


@BOTH
async def test_closed_in_the_handshake(zoo, see, kind):
    async def leave(reader, writer):
        await reader.read(10)

    await zoo.serve("leave", leave, tls=False)
    zoo.connect_to["leave.zoo.example:443"] = zoo.connect_to["leave.zoo.example:80"]
    reading = await see(**check(kind, "leave"))
    assert reading.finding.code is FindingCode.CONNECTION_LOST
    assert "during the TLS handshake" in reading.finding.text


@BOTH
async def test_a_handshake_that_never_ends(zoo, see, kind):
    async def mute(reader, writer):
        await asyncio.sleep(60)

    await zoo.serve("mute", mute, tls=False)
    zoo.connect_to["mute.zoo.example:443"] = zoo.connect_to["mute.zoo.example:80"]
    reading = await see(**check(kind, "mute"))
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert "no TLS handshake was done within 1 s" in reading.finding.text


@BOTH
async def test_a_server_that_wants_a_client_certificate(zoo, see, kind):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    zoo.ca.issue_cert("strict.zoo.example").configure_cert(context)
    zoo.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def strict(reader, writer):
        await writer.start_tls(context)
        await asyncio.sleep(60)

    await zoo.serve("strict", strict, tls=False)
    zoo.connect_to["strict.zoo.example:443"] = zoo.connect_to["strict.zoo.example:80"]
    reading = await see(**check(kind, "strict"))
    if kind == "http":  # the refusal comes after the handshake, so a tls check cannot see it
        assert reading.finding.code in {FindingCode.TLS_FAILED, FindingCode.CONNECTION_LOST}
        assert reading.elapsed_ms < 700


async def test_server_name_is_what_is_verified(zoo, see):
    await zoo.serve("inside", answer, zoo.ca.issue_cert("public.example"))
    reading = await see(kind="tls", address="inside.zoo.example:443", server_name="public.example")
    assert reading.finding is None


async def test_authorities_that_cannot_be_read_refuse_to_start(tmp_path):
    from blocks.clock import SystemClock

    for content in (None, "not a certificate"):
        file = tmp_path / "ca.pem"
        if content:
            file.write_text(content)
        with pytest.raises(Broken, match="trusted authorities cannot be read"):
            async with open_prober(None, routes=Routes({}, str(file)), clock=SystemClock()):
                pass
