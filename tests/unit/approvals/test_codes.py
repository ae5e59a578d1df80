"""One-time codes: the RFC's own vectors, the tolerance, and what is no code."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.approvals.block import ApproverKey, new_key
from blocks.errors import Broken, Refused
from tasks.approvals.codes import enrolment_address, matching_step, new_secret

RFC = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [  # RFC 6238 appendix B, SHA-1, the last six of eight digits
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("second", "code"), VECTORS)
def test_the_standards_vectors(second, code):
    assert matching_step(RFC, code, datetime.fromtimestamp(second, UTC)) == second // 30


@pytest.mark.parametrize("shift_s", [-30, 30])
def test_a_clock_half_a_minute_off_still_works(shift_s):
    at = datetime.fromtimestamp(1111111109 + shift_s, UTC)
    assert matching_step(RFC, "081804", at) == 1111111109 // 30


@pytest.mark.parametrize("shift", [timedelta(minutes=-2), timedelta(minutes=2)])
def test_an_old_or_a_future_code_does_not(shift):
    assert matching_step(RFC, "081804", datetime.fromtimestamp(1111111109, UTC) + shift) is None


@given(st.text(max_size=8))
def test_what_is_no_code_is_nobodys(text):
    at = datetime.fromtimestamp(59, UTC)
    found = matching_step(RFC, text, at)
    assert found is None or (text.isascii() and len(text) == 6)


def test_enrolment_is_for_the_app_and_secrets_differ():
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20
    assert enrolment_address("duty-operator", first).startswith("otpauth://totp/vigie:duty-operator?secret=" + first)


def test_a_sealed_secret_opens_with_its_own_key_only():
    key, other = ApproverKey(key=new_key()), ApproverKey(key=new_key())
    sealed = key.seal("JBSWY3DP")
    assert b"JBSWY3DP" not in sealed
    assert key.unseal(sealed) == "JBSWY3DP"
    with pytest.raises(Refused, match="another key"):
        other.unseal(sealed)
    with pytest.raises(Broken, match="not 32 bytes"):
        ApproverKey(key="short").seal("x")
