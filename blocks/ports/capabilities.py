"""What may a credential do, and what may it not?

`vigie blocks check` opens every credential block and prints these: least privilege that can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """One action in the provider's own words. `allowed` is None where it could not be found out; `detail` says why."""

    action: str
    allowed: bool | None
    detail: str = ""
