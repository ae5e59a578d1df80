"""The sandbox's authority: found again by everybody, private, and able to issue what has expired."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployments.sandbox.authority import ensure_authority

ROOT = Path(__file__).resolve().parents[3]


def _certificate(path: Path) -> x509.Certificate:
    pem = path.read_bytes()
    return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE-----") :])


def test_the_same_authority_is_found_again(tmp_path):
    first = ensure_authority(tmp_path)
    pem = first.ca_file.read_bytes()
    assert ensure_authority(tmp_path).ca_file.read_bytes() == pem
    assert first.ca_file == tmp_path / "tls" / "ca.pem"


def test_many_processes_make_one_authority(tmp_path):
    program = (
        "import sys; from pathlib import Path; from deployments.sandbox.authority import ensure_authority;"
        "authority = ensure_authority(Path(sys.argv[1])); authority.issue('localhost'); "
        "print(hash(authority.ca_file.read_bytes()))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(6)]
    answers = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert len(answers) == 1


def test_private_keys_are_private(tmp_path):
    authority = ensure_authority(tmp_path)
    leaf = authority.issue("localhost")
    for path in (authority.key_file, leaf):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.ca_file.stat().st_mode) == 0o644


def test_a_certificate_is_handed_out_again_for_the_same_names_only(tmp_path):
    authority = ensure_authority(tmp_path)
    leaf = authority.issue("api.hearth.example", "127.0.0.1")
    content = leaf.read_bytes()
    assert authority.issue("api.hearth.example", "127.0.0.1") == leaf
    assert leaf.read_bytes() == content
    assert authority.issue("api.hearth.example") != leaf
    left = _certificate(leaf).not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=360) < left < timedelta(days=366)


def test_a_certificate_of_a_former_authority_is_not_handed_out(tmp_path):
    authority = ensure_authority(tmp_path)
    leaf = authority.issue("localhost")
    content = leaf.read_bytes()
    authority.ca_file.unlink()
    assert ensure_authority(tmp_path).issue("localhost").read_bytes() != content


@pytest.mark.parametrize("left", [timedelta(days=-2), timedelta(seconds=-1), timedelta(days=5)])
def test_a_certificate_ends_when_it_was_asked_to(tmp_path, left):
    authority = ensure_authority(tmp_path)
    certificate = _certificate(authority.issue("localhost", expires_in=left))
    assert abs(certificate.not_valid_after_utc - datetime.now(UTC) - left) < timedelta(minutes=2)
    assert certificate.not_valid_before_utc < certificate.not_valid_after_utc
    assert _certificate(authority.issue("localhost")).not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)


def test_a_certificate_has_a_name(tmp_path):
    with pytest.raises(ValueError, match="at least one name"):
        ensure_authority(tmp_path).issue()


async def _shake_hands(authority, leaf: Path, name: str) -> None:
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(leaf)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=ours)
    async with server:
        port = server.sockets[0].getsockname()[1]
        theirs = ssl.create_default_context(cafile=str(authority.ca_file))
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=theirs, server_hostname=name)
        writer.close()


async def test_clients_that_trust_the_authority_shake_hands(tmp_path):
    authority = ensure_authority(tmp_path)
    leaf = authority.issue("api.hearth.example", "127.0.0.1")
    for name in ("api.hearth.example", "127.0.0.1"):
        await _shake_hands(authority, leaf, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await _shake_hands(authority, leaf, "updates.hearth.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        await _shake_hands(authority, authority.issue("localhost", expires_in=timedelta(days=-1)), "localhost")
