"""A connection that fails: is it the service's fault, or were we unable to look?"""

from __future__ import annotations

import errno
import socket
import ssl
from datetime import timedelta

import aiohttp
import pytest

from blocks.clock import SystemClock
from blocks.errors import Broken, Retryable
from blocks.network.course import Course, Stage
from blocks.network.faults import from_client_error, from_os_error, from_ssl_error, silence
from blocks.ports.health import FindingCode, MissingCode

WHERE = "https://api.hearth.example/health"


def at(stage, received_bytes=0):
    return Course(SystemClock(), 0.0, timedelta(seconds=10), stage=stage, received_bytes=received_bytes)


@pytest.mark.parametrize(
    "number",
    ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL", "EACCES", "EPERM", "ENETUNREACH", "ENETDOWN", "EAFNOSUPPORT"],
)  # fmt: skip
def test_what_fails_on_this_machine_is_no_finding(number):
    with pytest.raises(Retryable) as failed:
        from_os_error(OSError(getattr(errno, number), "said by the kernel"), WHERE, at(Stage.CONNECT))
    assert failed.value.code == MissingCode.PROBE_FAILED
    assert "this machine" in failed.value.what
    own_network = number in {"ENETUNREACH", "ENETDOWN", "EAFNOSUPPORT"}
    assert ("network" in failed.value.what) is own_network
    assert failed.value.next_step == f"check the worker's {'own network' if own_network else 'limits'}"


@pytest.mark.parametrize(
    ("error", "stage", "code", "words"),
    [
        (OSError(errno.ECONNREFUSED, ""), Stage.CONNECT, "connection_refused", "nothing listens there"),
        (OSError(errno.ETIMEDOUT, ""), Stage.CONNECT, "no_answer", "the host is gone"),
        (OSError(errno.EHOSTUNREACH, ""), Stage.CONNECT, "no_answer", "the host is gone"),
        (OSError(errno.EHOSTDOWN, ""), Stage.CONNECT, "no_answer", "the host is gone"),
        (OSError(errno.ECONNRESET, ""), Stage.CONNECT, "connection_lost", "during the TLS handshake"),
        (OSError(errno.ECONNRESET, ""), Stage.TLS, "connection_lost", "during the TLS handshake"),
        (OSError(errno.ECONNRESET, ""), Stage.HEADERS, "connection_lost", "before it answered"),
        (OSError(errno.ECONNRESET, ""), Stage.BODY, "half_body", "after 77 bytes of the body"),
        # several addresses were tried: the most telling answer counts
        (OSError("Multiple exceptions: [Errno 101] no way, [Errno 111] refused"), Stage.CONNECT, "connection_refused", ""),
        (OSError("Multiple exceptions: [Errno 101] no way, [Errno 113] gone"), Stage.CONNECT, "no_answer", ""),
        (OSError("said without a number"), Stage.HEADERS, "connection_lost", "before it answered"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Stage.NAME, "name_not_found", "it has no address"),
    ],
)  # fmt: skip
def test_what_the_other_side_did_is_a_finding(error, stage, code, words):
    finding = from_os_error(error, WHERE, at(stage, received_bytes=77))
    assert finding.code == code
    assert words in finding.text
    assert finding.text.startswith(("https://api.hearth.example/health ", "the name in https://api.hearth.example"))


def test_over_plain_http_nothing_is_lost_in_a_handshake():
    finding = from_os_error(OSError(errno.ECONNRESET, ""), "http://api.hearth.example/", at(Stage.CONNECT))
    assert finding.text == "http://api.hearth.example/ dropped the connection before it answered"


def test_a_resolver_that_cannot_say_is_asked_again():
    with pytest.raises(Retryable, match="try again later") as failed:
        from_os_error(socket.gaierror(socket.EAI_AGAIN, "try again later"), WHERE, at(Stage.NAME))
    assert failed.value.retry_after == timedelta(seconds=5)
    with pytest.raises(Retryable, match="no answer within 10 s"):
        silence(WHERE, at(Stage.NAME))


@pytest.mark.parametrize(
    ("stage", "code", "words"),
    [
        (Stage.CONNECT, FindingCode.NO_ANSWER, "neither accepted nor refused a connection within 10 s"),
        (Stage.TLS, FindingCode.NO_ANSWER, "no TLS handshake was done within 10 s"),
        (Stage.HEADERS, FindingCode.NO_ANSWER, "sent no complete answer within 10 s"),
        (Stage.BODY, FindingCode.HALF_BODY, "77 bytes of the body within 10 s, and no end"),
    ],
)
def test_silence_says_how_far_it_got(stage, code, words):
    finding = silence(WHERE, at(stage, received_bytes=77))
    assert finding.code is code
    assert words in finding.text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("WRONG_VERSION_NUMBER", "does not speak TLS"),
        ("RECORD_LAYER_FAILURE", "does not speak TLS"),
        ("UNEXPECTED_EOF_WHILE_READING", "closed the connection during the TLS handshake"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a client certificate"),
        ("NO_SHARED_CIPHER", "failed the TLS handshake (no shared cipher)"),
        (None, "failed the TLS handshake (no reason given)"),
    ],
)
def test_a_handshake_that_fails_says_why(reason, words):
    error = ssl.SSLError(1, "said by the library")
    error.reason = reason
    assert words in from_ssl_error(error, WHERE).text


def test_an_address_that_is_none_and_an_error_nobody_knows_need_a_person():
    with pytest.raises(Broken, match="not a usable http address") as address:
        from_client_error(aiohttp.InvalidURL("http://["), WHERE, at(Stage.CONNECT))
    assert address.value.next_step == "correct the check's url in the catalogue"
    with pytest.raises(Broken, match="which it does not know"):
        from_client_error(aiohttp.ClientError("odd"), WHERE, at(Stage.CONNECT))
