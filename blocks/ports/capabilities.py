"""What may a credential do, and what may it not?

`vigie blocks check` opens every credential block and prints these: least privilege that can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """One action in the provider's own words. `allowed` is None where it could not be found out; `detail` says why."""

    action: str
    allowed: bool | None
    detail: str = ""


def opens(capabilities: Iterable[Capability]) -> bool | None:
    """Anything allowed is proof; a refusal and nothing allowed is proof of the contrary; else nobody could try."""
    answers = {capability.allowed for capability in capabilities}
    return True if True in answers else False if False in answers else None
