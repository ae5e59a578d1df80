"""A request of a plan's own, against real HTTPS servers: what it sends, what it believes, what it asks again."""

from __future__ import annotations

import asyncio
import gc
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.types import SecretDict
from pydantic import ValidationError

from blocks.catalogue.recovery import AddedStep
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused
from blocks.network.call import AddressCall, no_secret
from blocks.network.credentials import AddressCredentials
from blocks.ports.changes import Mark

MARK = Mark(key="4f" * 32, run=uuid4(), intended_at=datetime(2026, 11, 28, 3, 0, tzinfo=UTC))
TOKEN = "Bearer s3cr3t-of-the-partner"


class Partner:
    """Answers as told, one answer a request and the last for ever, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append((head[0].rpartition(" ")[0], headers, body))
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        await writer.drain()


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def call_of(zoo, url: str, *, within_s: float = 60, secret=no_secret, **step) -> AddressCall:
    declared = AddedStep.model_validate(
        {
            "name": "tell",
            "kind": "call",
            "when": "after",
            "phase": "shift",
            "text": "tell",
            "url": url,
            "timeout": "60s",
        }
        | step
    )
    return AddressCall(
        step=declared,
        text="tell the partner",
        within=timedelta(seconds=within_s),
        secret=secret,
        routes=zoo.routes,
        clock=SystemClock(),
    )


async def made(call: AddressCall):
    """One entry of the step: it is checked, done, and read back once."""

    def whole():
        call.check()
        call.act(MARK)
        return call.read_effect(MARK)

    return await asyncio.to_thread(whole)


async def test_it_is_sent_as_it_is_written_with_its_key_and_what_is_secret(zoo):
    partner = Partner(answer("202 Accepted"))
    url = await zoo.serve("partner", partner)
    keys = AddressCredentials(hosts=["Partner.zoo.example"], headers=SecretDict({"Authorization": TOKEN}))
    call = call_of(
        zoo, f"{url}/told?site=west", method="POST", body='{"to": "dc-west"}', expect_status=[202],
        headers={"Content-Type": "application/json"}, idempotency_header="Idempotency-Key",
        secret=lambda host: keys.for_host(host, "partner"),
    )  # fmt: skip
    seen = await made(call)
    assert seen.reached
    assert "answered as expected" in seen.text
    ((line, headers, body),) = partner.seen
    assert line == "POST /told?site=west"
    assert json.loads(body) == {"to": "dc-west"}
    assert (headers["content-type"], headers["authorization"]) == ("application/json", TOKEN)
    assert headers["idempotency-key"] == MARK.key


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_arrives(zoo, method):
    partner = Partner(answer())
    url = await zoo.serve("partner", partner)
    assert (await made(call_of(zoo, f"{url}/x", method=method))).reached
    assert [line for line, _, _ in partner.seen] == [f"{method} /x"]


EXPECTED = {
    "a status": ({"expect_status": [204, 200]}, answer()),
    "a text": ({"expect_body": "warm"}, answer(body=b"it is warm now")),
    "a value": ({"expect_json": {"$.cache.state": "warm"}}, answer(body=b'{"cache": {"state": "warm"}}')),
}
NOT_EXPECTED = {
    "another status": ({}, answer("500 Oh"), "answered 500"),
    "not found": ({}, answer("404 No"), "answered 404"),
    "no such text": ({"expect_body": "warm"}, answer(body=b"cold"), 'does not contain "warm"'),
    "another value": ({"expect_json": {"$.state": "warm"}}, answer(body=b'{"state": "cold"}'), '$.state is "cold"'),
    "no value": ({"expect_json": {"$.state": "warm"}}, answer(body=b"{}"), "$.state is absent"),
    "no JSON": ({"expect_json": {"$.state": "warm"}}, answer(body=b"<html>"), "not JSON"),
    "no HTTP": ({}, b"SSH-2.0-OpenSSH\r\n\r\n", ""),
    "a conflict without a key": ({}, answer("409 Conflict"), "answered 409"),
    "without end": ({"expect_body": "warm"}, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400_000, "max_body_bytes"),
}


@pytest.mark.parametrize(("step", "said"), EXPECTED.values(), ids=EXPECTED)
async def test_what_is_expected_is_believed(zoo, step, said):
    url = await zoo.serve("partner", Partner(said))
    assert (await made(call_of(zoo, url, **step))).reached


@pytest.mark.parametrize(("step", "said", "text"), NOT_EXPECTED.values(), ids=NOT_EXPECTED)
async def test_what_is_not_expected_is_told_and_not_asked_again(zoo, step, said, text):
    partner = Partner(said)
    url = await zoo.serve("partner", partner)
    with pytest.raises(Broken) as told:
        await made(call_of(zoo, url, **step))
    assert text in str(told.value)
    assert len(partner.seen) == 1


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n\r\n", answer("500 Oh"), NOT_EXPECTED["without end"][1]])
async def test_no_connection_is_left_to_a_partner_who_does_not_end_tls(zoo, said):
    partner = Partner(said)

    async def never_ends(reader, writer):
        await partner(reader, writer)
        writer.transport.pause_reading()
        await asyncio.sleep(60)

    url = await zoo.serve("partner", never_ends)
    with pytest.raises(Broken):
        await made(call_of(zoo, url))
    gc.collect()  # what was left open says so now


PASSING = {
    "unavailable": answer("503 Later"),
    "throttled": answer("429 Slowly"),
    "a bad gateway": answer("502 No"),
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
    "closed": b"",
}


@pytest.mark.parametrize("said", PASSING.values(), ids=PASSING)
async def test_what_may_pass_is_asked_again(zoo, said):
    partner = Partner(said, said, answer())
    url = await zoo.serve("partner", partner)
    call = call_of(zoo, url, method="POST", repeatable=True, expect_body="")  # the client itself repeats no POST
    first = await made(call)
    assert not first.reached
    assert len(partner.seen) == 1, "it is told before it is asked again, so that there is a pause"
    again = [await asyncio.to_thread(call.read_effect, MARK) for _ in range(2)]
    assert [seen.reached for seen in again] == [False, True]
    assert len(partner.seen) == 3


async def test_a_key_that_is_in_work_is_asked_again(zoo):
    partner = Partner(answer("409 In progress"), answer())
    url = await zoo.serve("partner", partner)
    call = call_of(zoo, url, method="POST", idempotency_header="Idempotency-Key")
    assert not (await made(call)).reached
    assert (await asyncio.to_thread(call.read_effect, MARK)).reached
    assert {headers["idempotency-key"] for _, headers, _ in partner.seen} == {MARK.key}


async def test_nobody_there_and_nobody_who_answers_may_pass(zoo, free_port, full_backlog):
    zoo.lead("nobody.zoo.example:443", free_port)
    zoo.lead("silent.zoo.example:443", full_backlog)
    for host, text in (("nobody", "refused"), ("silent", "neither accepted nor refused")):
        seen = await made(call_of(zoo, f"https://{host}.zoo.example/", timeout="2s"))
        assert not seen.reached
        assert text in seen.text


async def test_a_redirect_is_an_answer_and_nobody_follows_it(zoo):
    elsewhere = Partner(answer())
    there = await zoo.serve("elsewhere", elsewhere)
    url = await zoo.serve("partner", Partner(answer("302 Found", b"", f"Location: {there}/")))
    with pytest.raises(Broken, match="answered 302"):
        await made(call_of(zoo, url))
    assert elsewhere.seen == []


# -- what is secret ------------------------------------------------------------------------------


async def test_a_secret_goes_to_its_hosts_only_and_is_refused_before_anything_is_sent(zoo):
    partner = Partner(answer())
    url = await zoo.serve("other", partner)
    keys = AddressCredentials(hosts=["partner.zoo.example"], headers=SecretDict({"Authorization": TOKEN}))
    call = call_of(zoo, url, secret=lambda host: keys.for_host(host, "partner-token"))
    with pytest.raises(
        Refused, match=r"'partner-token' are for partner\.zoo\.example, and other\.zoo\.example is none"
    ):
        await made(call)
    assert partner.seen == []


async def test_what_is_secret_is_in_no_sentence_also_when_it_is_sent_back(zoo):
    echo = answer(f"400 {TOKEN}", TOKEN.encode())
    url = await zoo.serve("partner", Partner(echo))
    call = call_of(zoo, url, secret=lambda _: {"Authorization": TOKEN}, expect_status=[200])
    with pytest.raises(Broken) as told:
        await made(call)
    assert "s3cr3t" not in str(told.value)
    call = call_of(zoo, url, secret=lambda _: {"Authorization": TOKEN}, expect_status=[400], expect_body="warm")
    with pytest.raises(Broken) as told:
        await made(call)
    assert "s3cr3t" not in str(told.value)


@pytest.mark.parametrize(
    "given",
    [
        {"hosts": []},
        {"hosts": ["https://partner.example"]},
        {"hosts": ["*.example"]},
        {"headers": {}},
        {"headers": {"Bad Name": "x"}},
        {"headers": {"Authorization": ""}},
        {"headers": {"Authorization": 5}},
        {"headers": {"Authorization": "a\r\nX-Evil: b"}},
    ],
)
def test_a_block_that_could_be_misused_is_not_saved(given):
    with pytest.raises(ValidationError):
        AddressCredentials.model_validate({"hosts": ["partner.example"], "headers": {"Authorization": "x"}} | given)


async def test_a_block_says_for_whom_it_is_and_that_nobody_tried_it():
    block = AddressCredentials(hosts=["partner.example"], headers=SecretDict({"Authorization": TOKEN}))
    (capability,) = await block.examine()
    assert capability.allowed is None
    assert "partner.example" in capability.detail
    assert "s3cr3t" not in capability.detail
