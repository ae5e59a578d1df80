"""Is this one-time code really that person's, now?

RFC 6238 (six digits, 30 seconds, SHA-1 as every authenticator app does), one step of tolerance on either side.
The rules: secrets are sealed where they are stored; too many wrong codes close the door for a while, also for
the right code; what is wrong with a code is not said in more detail than that it is wrong.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from blocks.errors import Refused
from blocks.ports.approvals import ApprovalJournal

STEP_S = 30
MOST_WRONG = 5
CLOSED_FOR = timedelta(minutes=15)
_SIX_DIGITS = re.compile(r"^[0-9]{6}$")
_TOLERANCE = (0, -1, 1)

Unseal = Callable[[bytes], str]
"""Opens a sealed secret; raises `Refused` when the key is not the one it was sealed with."""


def new_secret() -> str:
    """A fresh secret: 160 bits as base32, as RFC 4226 recommends."""
    import pyotp

    return pyotp.random_base32()


def enrolment_address(name: str, secret: str) -> str:
    """The otpauth:// address that an authenticator app reads from a QR code."""
    from pyotp.totp import TOTP

    return TOTP(secret, interval=STEP_S).provisioning_uri(name=name, issuer_name="vigie")


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, within the tolerance; None when it is none's."""
    from pyotp.totp import TOTP

    if not _SIX_DIGITS.match(code):
        return None
    totp, step = TOTP(secret, interval=STEP_S), int(now.timestamp()) // STEP_S
    for shift in _TOLERANCE:
        if hmac.compare_digest(totp.at((step + shift) * STEP_S), code):
            return step + shift
    return None


def verify_code(journal: ApprovalJournal, unseal: Unseal, name: str, code: str, now: datetime) -> int:
    """The time step of a right code. Raises `Refused` for a wrong one, an unknown name, or a closed door."""
    if journal.wrong_codes(name, CLOSED_FOR) >= MOST_WRONG:
        raise Refused(
            f"{MOST_WRONG} wrong codes were given for {name}",
            next_step=f"wait {CLOSED_FOR.seconds // 60} minutes; if that was not you, tell security",
        )
    sealed = journal.sealed_secret(name)
    step = None if sealed is None else matching_step(unseal(sealed), "".join(code.split()), now)
    if step is None:
        journal.note_wrong_code(name)
        raise Refused(
            "the name or its one-time code is wrong",
            next_step=f"is the phone's clock right? Who never enrolled runs: vigie approver enrol {name}",
        )
    return step
