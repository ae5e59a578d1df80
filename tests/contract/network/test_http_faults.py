"""Whatever a web server does, one probe gives one clear reading, in its time and in little memory."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import tracemalloc
import zlib

import pytest

from blocks.errors import Broken, Retryable
from blocks.network.course import Course
from blocks.ports.health import FindingCode, State, Unit


def says(*pieces: bytes, hold: bool = False, pause_s: float = 0.0):
    """A server that reads a request, sends these pieces, then closes (or holds on)."""

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if hold:
            await asyncio.sleep(60)

    return behave


def http(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def repeats(head: bytes, piece: bytes):
    """A server that never stops sending; remembers how much it got rid of."""
    sent = {"bytes": 0, "ended": 0}

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        try:
            while True:
                writer.write(piece)
                sent["bytes"] += len(piece)
                await writer.drain()
                await asyncio.sleep(0)
        finally:
            sent["ended"] += 1

    return behave, sent


# -- what is right ------------------------------------------------------------------------------


async def test_a_good_answer_measures_latency_and_days_left(zoo, see):
    url = await zoo.serve("good", says(http(b'{"ok": true, "build": {"number": 7}}')))
    reading = await see(
        kind="http", url=f"{url}/health", expect_body='"ok"', expect_json={"$.ok": True, "$.build.number": 7}
    )
    assert reading.finding is None
    names = {m.name: m for m in reading.measurements}
    assert list(names) == ["latency", "certificate"]
    assert names["latency"].unit is Unit.MILLISECONDS
    assert 0 < names["latency"].value <= reading.elapsed_ms
    assert names["certificate"].unit is Unit.DAYS
    assert names["certificate"].value > 300


async def test_plain_http_has_no_certificate_measurement(zoo, see):
    url = await zoo.serve("plain", says(http(b"x")), tls=False)
    reading = await see(kind="http", url=url)
    assert [m.name for m in reading.measurements] == ["latency"]


async def test_the_request_goes_out_as_declared_and_under_the_real_name(zoo, see):
    heard = []

    async def listen(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head + await reader.readexactly(7))
        writer.write(http(b""))

    url = await zoo.serve("listener", listen)
    reading = await see(kind="http", url=f"{url}/x?a=1", method="POST", headers={"X-Door": "blue"}, body="knock!!")
    assert reading.finding is None
    request = heard[0].decode()
    assert request.startswith("POST /x?a=1 HTTP/1.1\r\n")
    assert "Host: listener.zoo.example\r\n" in request
    assert "X-Door: blue\r\n" in request
    assert request.endswith("knock!!")


async def test_each_probe_makes_its_own_connection(zoo, see):
    url = await zoo.serve("fresh", says(http(b"x"), hold=True))
    await see(kind="http", url=url)
    await see(kind="http", url=url)
    assert zoo.connection_count == 2


async def test_head_has_no_body_to_judge(zoo, see):
    url = await zoo.serve("head", says(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", hold=True))
    reading = await see(kind="http", url=url, method="HEAD")
    assert reading.finding is None


@pytest.mark.parametrize("wbits", [31, 15, -15])
async def test_packed_bodies_are_unpacked(zoo, see, wbits):
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(b"all is well") + packer.flush()
    encoding = "gzip" if wbits == 31 else "deflate"
    url = await zoo.serve("packed", says(http(packed, Content_Encoding=encoding)))
    assert (await see(kind="http", url=url, expect_body="is well")).finding is None


async def test_text_is_found_in_other_charsets_and_among_bytes_that_decode_in_none(zoo, see):
    latin = "état général : bon".encode("latin-1")
    url = await zoo.serve("latin", says(http(latin, Content_Type="text/plain; charset=latin-1")))
    assert (await see(kind="http", url=url, expect_body="général")).finding is None
    url = await zoo.serve(
        "bytes", says(http(b"\xff\xfe\x00\x80 alive \xc3", Content_Type="text/plain; charset=klingon"))
    )
    assert (await see(kind="http", url=url, expect_body="alive")).finding is None


async def test_a_long_body_with_an_announced_end_is_judged_on_its_beginning(zoo, see):
    url = await zoo.serve("long", says(http(b"alive" + b"." * 500_000)))
    assert (await see(kind="http", url=url, expect_body="alive", max_body_bytes=1000)).finding is None
    reading = await see(kind="http", url=url, expect_body="dead", max_body_bytes=1000)
    assert reading.finding.code is FindingCode.WRONG_BODY
    assert "the first 1000 bytes do not contain" in reading.finding.text
    reading = await see(kind="http", url=url, expect_json={"$.a": 1}, max_body_bytes=1000)
    assert reading.finding.code is FindingCode.WRONG_JSON
    assert "more than 1000 bytes" in reading.finding.text


async def test_no_body_is_read_when_none_is_wanted(zoo, see):
    behave, _ = repeats(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)
    url = await zoo.serve("unread", behave)
    assert (await see(kind="http", url=url, max_body_bytes=0)).finding is None


# -- what is wrong with the answer --------------------------------------------------------------


async def test_wrong_status(zoo, see):
    url = await zoo.serve("busy", says(http(b"secret stack trace", "503 Service Unavailable")))
    reading = await see(kind="http", url=f"{url}/health", expect_status=(200, 204))
    assert reading.finding.code is FindingCode.WRONG_STATUS
    assert reading.finding.state is State.CRITICAL
    assert reading.finding.text == (
        "https://busy.zoo.example/health answered 503 (Service Unavailable), expected 200 or 204"
    )
    assert [m.name for m in reading.measurements] == ["latency", "certificate"]


async def test_wrong_body_quotes_little_of_it(zoo, see):
    url = await zoo.serve("liar", says(http(b"\x1b[31mmaintenance\x00 page\r\n" + b"z" * 5000)))
    reading = await see(kind="http", url=url, expect_body="welcome")
    assert reading.finding.code is FindingCode.WRONG_BODY
    assert 'does not contain "welcome"; it begins "[31mmaintenance page zzz' in reading.finding.text
    assert len(reading.finding.text) < 200


async def test_invalid_json(zoo, see):
    url = await zoo.serve("notjson", says(http(b"<html>so sorry</html>")))
    reading = await see(kind="http", url=url, expect_json={"$.ok": True})
    assert reading.finding.code is FindingCode.WRONG_JSON
    assert "not JSON" in reading.finding.text
    assert "<html>so sorry" in reading.finding.text


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xff\xff", b"[" * 100_000, b"1" * 50_000, b'{"a":' * 900 + b"1" + b"}" * 900]
)
async def test_hostile_json_is_wrong_and_nothing_worse(zoo, see, body):
    url = await zoo.serve("hostile", says(http(body)))
    reading = await see(kind="http", url=url, expect_json={"$..ok": True})
    assert reading.finding.code is FindingCode.WRONG_JSON


@pytest.mark.parametrize(
    ("document", "path", "expected", "said"),
    [
        ({"db": "down"}, "$.db", "up", '$.db is "down", expected "up"'),
        ({"db": "down"}, "$.cache", "up", '$.cache is absent, expected "up"'),
        ({"ok": 1}, "$.ok", True, "$.ok is 1, expected true"),
        ({"ok": None}, "$.ok", False, "$.ok is null, expected false"),
        ({"n": [{"up": True}, {"up": False}]}, "$.n[*].up", True, "$.n[*].up is false, expected true"),
        ({"n": [1, True]}, "$.n", [1, 1], "$.n is [1, true], expected [1, 1]"),
    ],
)
async def test_json_values_are_compared_exactly(zoo, see, document, path, expected, said):  # noqa: PLR0917
    url = await zoo.serve("values", says(http(json.dumps(document).encode())))
    reading = await see(kind="http", url=url, expect_json={path: expected})
    assert reading.finding.code is FindingCode.WRONG_JSON
    assert reading.finding.text.endswith(said)


async def test_a_path_that_is_none_is_our_mistake(zoo, see):
    url = await zoo.serve("path", says(http(b"{}")))
    with pytest.raises(Broken, match="is not a JSONPath") as caught:
        await see(kind="http", url=url, expect_json={"$[[": 1})
    assert caught.value.code == "probe_failed"


async def test_what_the_check_sends_in_confidence_is_never_quoted(zoo, see):
    """The server echoes everything; the sentence still holds no header value, no query, no user, no body."""
    token, key, sent = "tok-3141592653", "qk-2718281828", "body-57721566"

    async def echo(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        sent_back = json.dumps({"echo": head.decode() + sent, "token": token}).encode()
        writer.write(http(sent_back, f"500 {token}", Location=f"/{token}"))

    url = await zoo.serve("parrot", echo)
    for expectation in (
        {},
        {"expect_status": (500,), "expect_body": "no such thing"},
        {"expect_status": (500,), "expect_json": {"$.token": "x"}},
        {"expect_status": (500,), "expect_json": {"$.echo": "x"}},
    ):
        reading = await see(
            kind="http",
            url=f"{url}/a?door={key}",
            method="POST",
            headers={"X-Door": f"Blue {token}"},
            body=sent,
            **expectation,
        )
        assert reading.finding is not None
        for secret in (token, key, sent, token[:10], key[:10]):
            assert secret not in repr(reading), reading.finding


# -- what is not an answer ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        bytes(range(256)) * 40,
        b"HTTP/9.9 banana\r\n\r\n",
        b"\r\n" * 5000,
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
    ],
)
async def test_garbage_is_not_http(zoo, see, garbage):
    url = await zoo.serve("garbage", says(garbage, hold=True))
    reading = await see(kind="http", url=url)
    assert reading.finding.code in {FindingCode.NOT_HTTP, FindingCode.NO_ANSWER}
    if garbage.strip():
        assert reading.finding.code is FindingCode.NOT_HTTP
        assert "answered something that is not HTTP" in reading.finding.text
        assert reading.elapsed_ms < 700


async def test_half_a_body(zoo, see):
    url = await zoo.serve("half", says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this much"))
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.HALF_BODY
    assert reading.elapsed_ms < 700


async def test_half_a_chunked_body_and_garbled_chunks(zoo, see):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    url = await zoo.serve("chunk", says(head + b"5\r\nhello\r\n400\r\nnot so many"))
    assert (await see(kind="http", url=url)).finding.code is FindingCode.HALF_BODY
    url = await zoo.serve("garbled", says(head + b"5\r\nhello\r\nZZZ\r\noops", hold=True))
    reading = await see(kind="http", url=url)
    assert reading.finding.code in {FindingCode.HALF_BODY, FindingCode.NOT_HTTP}
    assert reading.elapsed_ms < 700


async def test_a_body_that_stalls_is_half_a_body(zoo, see):
    url = await zoo.serve("stall", says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", hold=True))
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.HALF_BODY
    assert "3 bytes of the body within 1 s" in reading.finding.text


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"y" * 0x4000 + b"\r\n"),
    ],
)
async def test_an_endless_body_is_named_and_reading_stops(zoo, see, head, piece):
    behave, sent = repeats(head, piece)
    url = await zoo.serve("endless", behave)
    await see(kind="http", url=url)  # warm: imports and caches are not the body's
    sent["bytes"] = 0
    tracemalloc.start()
    reading = await see(kind="http", url=url, timeout="20s")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reading.finding.code is FindingCode.ENDLESS_BODY
    assert "more than 262144 bytes without announcing an end" in reading.finding.text
    assert reading.elapsed_ms < 3000
    assert peak_bytes < 3_000_000
    await asyncio.sleep(0.2)
    stopped_at = sent["bytes"]
    await asyncio.sleep(0.2)
    assert sent["bytes"] == stopped_at < 8_000_000
    assert sent["ended"] == 2, "the connection is cut, not left to linger"


async def test_a_gzip_bomb_is_endless(zoo, see):
    bomb = gzip.compress(b"\0" * 100_000_000)
    url = await zoo.serve("bomb", says(http(bomb, Content_Encoding="gzip")))
    tracemalloc.start()
    reading = await see(kind="http", url=url, timeout="20s")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reading.finding.code is FindingCode.ENDLESS_BODY
    assert "when unpacked" in reading.finding.text
    assert peak_bytes < 3_000_000


async def test_gzip_that_never_grows_is_endless_too(zoo, see):
    behave, _ = repeats(b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n", b"\x00\x00\x00\xff\xff" * 10_000)
    url = await zoo.serve("empty-blocks", behave)
    reading = await see(kind="http", url=url, timeout="20s")
    assert reading.finding.code is FindingCode.ENDLESS_BODY


async def test_gzip_that_is_none_and_packings_nobody_asked_for(zoo, see):
    url = await zoo.serve("nogzip", says(http(b"hello there", Content_Encoding="gzip")))
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.WRONG_BODY
    assert "says its body is gzip, and it is not" in reading.finding.text
    url = await zoo.serve("brotli", says(http(b"hello there", Content_Encoding="br")))
    assert (await see(kind="http", url=url)).finding.code is FindingCode.WRONG_BODY
    url = await zoo.serve("cutgzip", says(http(gzip.compress(bytes(range(256)) * 9)[:-20], Content_Encoding="gzip")))
    assert (await see(kind="http", url=url)).finding.code is FindingCode.HALF_BODY


async def test_headers_that_drip_run_into_the_timeout(zoo, see):
    drops = [bytes([letter]) for letter in b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 500]
    url = await zoo.serve("drip", says(*drops, pause_s=0.05))
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert reading.finding.text == "https://drip.zoo.example took the request and sent no complete answer within 1 s"


@pytest.mark.parametrize(
    "piece", [b"a" * 60_000, b"X-More: " + b"b" * 1000 + b"\r\n", b"\r\nHTTP/1.1 100 Continue\r\n"]
)
async def test_headers_without_end_are_bounded(zoo, see, piece):
    head = b"HTTP/1.1 100 Continue\r\n" if b"Continue" in piece else b"HTTP/1.1 200 OK\r\nX-Long: "
    behave, _ = repeats(head, piece)
    url = await zoo.serve("heads", behave)
    tracemalloc.start()
    reading = await see(kind="http", url=url)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reading.finding.code in {FindingCode.NOT_HTTP, FindingCode.NO_ANSWER}
    assert peak_bytes < 20_000_000  # the server of this test is counted too


async def test_silence(zoo, see):
    url = await zoo.serve("silent", says(hold=True))
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert "took the request and sent no complete answer within 1 s" in reading.finding.text
    assert reading.measurements == () or reading.measurements[0].name == "certificate"


async def test_closed_without_a_word(zoo, see):
    url = await zoo.serve("rude", says())
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.CONNECTION_LOST
    assert "closed the connection without an answer" in reading.finding.text


@pytest.mark.parametrize("tls", [True, False])
async def test_reset(zoo, see, tls):
    async def reset(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: close sends RST
        writer.transport.abort()

    url = await zoo.serve("reset", reset, tls=tls)
    reading = await see(kind="http", url=url)
    assert reading.finding.code is FindingCode.CONNECTION_LOST


async def test_refused(zoo, see, free_port):
    zoo.lead("nobody.zoo.example:443", free_port)
    reading = await see(kind="http", url="https://nobody.zoo.example/")
    assert reading.finding.code is FindingCode.CONNECTION_REFUSED
    assert reading.finding.text == "https://nobody.zoo.example/ refused the connection: nothing listens there"


async def test_a_machine_that_accepts_nothing_is_told_from_a_process_that_says_nothing(zoo, see, full_backlog):
    """The one drops the handshake of TCP, the other completes it and stays silent before TLS."""
    zoo.lead("gone.zoo.example:443", full_backlog)
    reading = await see(kind="http", url="https://gone.zoo.example/")
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert "neither accepted nor refused a connection within 1 s" in reading.finding.text

    async def mute(reader, writer):
        await asyncio.sleep(60)

    await zoo.serve("mute", mute, tls=False)
    zoo.connect_to["mute.zoo.example:443"] = zoo.connect_to["mute.zoo.example:80"]
    reading = await see(kind="http", url="https://mute.zoo.example/")
    assert reading.finding.code is FindingCode.NO_ANSWER
    assert "accepted the connection, but no TLS handshake" in reading.finding.text


async def test_a_name_that_leads_nowhere_is_a_finding_and_a_dumb_resolver_is_none(zoo, see):
    """Without a network the machine's resolver cannot say; then nothing was measured."""
    reading, error = None, None
    try:
        reading = await see(kind="http", url="https://no-such-name.zoo.invalid/")
    except Retryable as raised:
        error = raised
    if error is not None:
        assert error.code == "probe_failed"
        assert "resolver" in str(error)
    else:
        assert reading.finding.code is FindingCode.NAME_NOT_FOUND
        assert "has no address" in reading.finding.text


# -- redirects ----------------------------------------------------------------------------------


def redirects(**where: str):
    """A server that answers /path with a redirect to where[path], and everything else with 200."""

    async def behave(reader, writer):
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().strip("/")
        target = where.get(path)
        writer.write(http(b"", "302 Found", Location=target) if target else http(b"arrived"))

    return behave


async def test_redirects_are_followed_as_far_as_allowed(zoo, see):
    url = await zoo.serve("signpost", redirects(a="/b", b="/c", c="/d"))
    assert (await see(kind="http", url=f"{url}/a", max_redirects=3, expect_body="arrived")).finding is None
    reading = await see(kind="http", url=f"{url}/a", max_redirects=2)
    assert reading.finding.code is FindingCode.REDIRECT_LOOP
    assert "redirects more than 2 times, at last to https://signpost.zoo.example/d" in reading.finding.text
    reading = await see(kind="http", url=f"{url}/a")
    assert reading.finding.code is FindingCode.WRONG_STATUS
    assert (await see(kind="http", url=f"{url}/a", expect_status=(302,), max_redirects=3)).finding is None


async def test_a_circle_of_redirects_is_named(zoo, see):
    url = await zoo.serve("circle", redirects(a="/b", b="/a"))
    reading = await see(kind="http", url=f"{url}/a", max_redirects=10)
    assert reading.finding.code is FindingCode.REDIRECT_LOOP
    assert "redirects in a circle, back to https://circle.zoo.example/a" in reading.finding.text
    assert zoo.connection_count == 2


@pytest.mark.parametrize("location", ["ftp://elsewhere/", "http://", "file:///etc/passwd", "https://[::bad/"])
async def test_a_redirect_to_no_place(zoo, see, location):
    url = await zoo.serve("lost", redirects(a=location))
    reading = await see(kind="http", url=f"{url}/a", max_redirects=3)
    assert reading.finding.code is FindingCode.WRONG_STATUS
    assert "without a usable Location" in reading.finding.text


async def test_what_is_sent_in_confidence_stays_with_its_origin(zoo, see):
    heard = []

    async def thief(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(b""))

    other = await zoo.serve("thief", thief)
    url = await zoo.serve("honest", redirects(a="/b", b=f"{other}/x"))
    reading = await see(
        kind="http", url=f"{url}/a", max_redirects=3, method="POST", body="secret-body", headers={"X-Key": "secret-key"}
    )
    assert reading.finding is None
    assert heard[0].startswith(b"GET /x ")
    assert b"secret" not in heard[0]


async def test_a_probe_leaves_no_circle_for_the_collector(zoo, see):
    """A connection that refers to itself stays until the collector walks by: a sweep of thousands is slower for it."""
    url = await zoo.serve("api.example", says(http(b"fine")))
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            assert (await see(kind="http", url=url)).finding is None
        await asyncio.sleep(0.05)
        left = sum(isinstance(thing, Course) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 2
