"""Who signs the sandbox's certificates?

One authority per sandbox, made on first use: production trusts the public authorities, the sandbox
trusts `tls/ca.pem`, and nothing else differs. Certificates can be issued already expired, because
an expired certificate is one of the faults that the sweep must see.

The rule: private keys are readable by their owner only, and the same authority is found again by
every process of the sandbox, also when many start at the same moment.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

_LIFETIME = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Authority:
    """The sandbox's certificate authority, kept in `tls_dir`."""

    tls_dir: Path

    @property
    def ca_file(self) -> Path:
        """What clients trust: the authority's own certificate."""
        return self.tls_dir / "ca.pem"

    @property
    def key_file(self) -> Path:
        """The authority's private key; only this module reads it."""
        return self.tls_dir / "ca.key.pem"

    def issue(self, *names: str, expires_in: timedelta | None = None) -> Path:
        """A PEM file with key and chain for `names` (host names or addresses).

        Without `expires_in` it lasts a year and the same file is handed out again until a month is
        left; with it a new one is made each time, and a negative one has already expired.
        """
        if not names:
            raise ValueError("a certificate needs at least one name")
        with _locked(self.tls_dir):
            if expires_in is not None:
                return self._write(names, expires_in, f"{_label(names)}-{int(expires_in.total_seconds())}s")
            path = self._path(_label(names))
            return path if self._usable(path) else self._write(names, _LIFETIME, _label(names))

    def _path(self, label: str) -> Path:
        return self.tls_dir / "issued" / f"{label}.pem"

    def _write(self, names: tuple[str, ...], expires_in: timedelta, label: str) -> Path:
        now = datetime.now(UTC)
        leaf = self._load().issue_cert(
            *names, not_before=now + min(expires_in, timedelta()) - timedelta(days=1), not_after=now + expires_in
        )
        return _write_private(self._path(label), leaf.private_key_and_cert_chain_pem.bytes())

    def _usable(self, path: Path) -> bool:
        from cryptography import x509

        if not path.exists():
            return False
        leaf = x509.load_pem_x509_certificate(_first_certificate(path.read_bytes()))
        ours = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        return leaf.issuer == ours.subject and leaf.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE

    def _load(self) -> trustme.CA:
        import trustme

        return trustme.CA.from_pem(self.ca_file.read_bytes(), self.key_file.read_bytes())


def ensure_authority(state_dir: Path) -> Authority:
    """The authority of the sandbox in `state_dir` (kept in `state_dir/tls`), made if there is none yet."""
    authority = Authority(state_dir / "tls")
    authority.tls_dir.mkdir(parents=True, exist_ok=True)
    with _locked(authority.tls_dir):
        if not (authority.ca_file.exists() and authority.key_file.exists()):
            _make(authority)
    return authority


def _make(authority: Authority) -> None:
    import trustme

    made = trustme.CA(organization_name="vigie sandbox")
    _write_private(authority.key_file, made.private_key_pem.bytes())
    _write_private(authority.ca_file, made.cert_pem.bytes(), mode=0o644)


def _label(names: tuple[str, ...]) -> str:
    readable = "".join(letter if letter.isalnum() else "-" for letter in names[0])[:60]
    return f"{readable}-{hashlib.sha256('|'.join(names).encode()).hexdigest()[:12]}"


def _first_certificate(pem: bytes) -> bytes:
    return pem[pem.index(b"-----BEGIN CERTIFICATE-----") :]


def _write_private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """Whole or not at all: readers never see half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.chmod(mode)
    draft.replace(path)
    return path


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
