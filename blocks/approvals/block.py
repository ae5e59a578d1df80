"""Which version of the approval rules do runs work with, and what opens the approvers' secrets?

The rules are what was in git when `vigie apply` ran; a run reads these and never the file, and one edited by
hand is refused, because nobody reviewed it. The key lies here and the sealed secrets lie in the journal: who has
only one of the two has nothing.
"""

from __future__ import annotations

import hashlib
from typing import Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.catalogue.approvals import ApprovalRules
from blocks.errors import Broken, Refused
from blocks.ports.capabilities import Capability

RULES_NAME = "approval-rules"
KEY_NAME = "approver-key"


class ApprovalRulesBlock(Block):
    """The approval rules as deployments/approvals.yaml declared them when `vigie apply` last ran.

    Nobody fills this in by hand: change the file, have it reviewed, and run `vigie apply`.
    """

    _block_type_name = "Approval Rules (vigie)"
    _block_type_slug = "vigie-approval-rules"
    _description = "Who may approve which action, with the digest of that version. Written by vigie apply."

    digest: str = Field(title="Version", description="SHA-256 of the rules below.")
    rules_json: str = Field(title="Rules", description="The rules as JSON.")

    @classmethod
    def of(cls, rules: ApprovalRules) -> Self:
        """The block that holds them."""
        written = rules.model_dump_json()
        return cls(digest=_digest(written), rules_json=written)

    def rules(self) -> ApprovalRules:
        """The rules. Raises `Broken` when the block is not what `vigie apply` wrote."""
        if _digest(self.rules_json) != self.digest:
            raise Broken(
                f"the saved approval rules do not match their version {self.digest[:12]}",
                where=f"block {RULES_NAME}",
                next_step="somebody edited them by hand: change approvals.yaml and run vigie apply",
            )
        return ApprovalRules.model_validate_json(self.rules_json)


class ApproverKey(Block):
    """The key that seals the approvers' one-time-code secrets.

    Filled in once by whoever runs vigie: `vigie approver key` makes one. In production reference a vault. When
    it is lost, everybody enrols again.
    """

    _block_type_name = "Approver Key"
    _block_type_slug = "vigie-approver-key"
    _description = "Seals the secrets of approvers' one-time codes, which lie in the journal."

    key: SecretStr = Field(title="Key", description="32 random bytes as URL-safe base64, as `vigie approver key` makes")

    def seal(self, secret: str) -> bytes:
        """For the journal."""
        return self._fernet().encrypt(secret.encode())

    def unseal(self, sealed: bytes) -> str:
        """The secret again. Raises `Refused` when it was sealed with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(sealed).decode()
        except InvalidToken:
            raise Refused(
                "the approver's secret was sealed with another key",
                where=f"block {KEY_NAME}",
                next_step="put the former key back, or let everybody enrol again: vigie approver enrol",
            ) from None

    async def examine(self) -> tuple[Capability, ...]:
        """Can it seal and open?"""
        try:
            opens = self.unseal(self.seal("examined")) == "examined"
        except Broken as error:
            return (Capability("seal secrets", allowed=False, detail=str(error)),)
        return (Capability("seal secrets", allowed=opens),)

    def _fernet(self):  # noqa: ANN202  a private type of cryptography
        from cryptography.fernet import Fernet

        try:
            return Fernet(self.key.get_secret_value().encode())
        except ValueError:
            raise Broken(
                "the approver key is not 32 bytes as URL-safe base64",
                where=f"block {KEY_NAME}",
                next_step="make one with vigie approver key",
            ) from None


def new_key() -> str:
    """A fresh key."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _digest(rules_json: str) -> str:
    return hashlib.sha256(rules_json.encode()).hexdigest()
