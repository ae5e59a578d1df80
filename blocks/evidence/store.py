"""Where is the full evidence of a sweep or a run, and can it still be read after the disaster?

A folder of this machine, or any Prefect storage block (S3Bucket, AzureBlobStorageContainer, a remote
file system): whatever has `write_path`. `VIGIE_EVIDENCE` names it, a folder or `block:<type>/<name>`;
else it lies beside the sandbox. The rule: whole or not at all, readable by its owner only.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from blocks.errors import Broken, Refused, Retryable
from blocks.evidence.pack import pack_evidence
from blocks.ports.health import MissingCode, Reading

_HOME = Path(__file__).resolve().parents[2] / ".vigie"
_REFUSALS = (
    "AccessDenied",
    "Forbidden",
    "InvalidAccessKeyId",
    "NoSuchBucket",
    "ContainerNotFound",
    "AuthenticationFailed",
)


class EvidenceStore(Protocol):
    """What Prefect's writable file systems have; the answer may be awaitable and may be the key."""

    def write_path(self, path: str, content: bytes) -> Any: ...


async def keep_evidence(
    store: EvidenceStore,
    *,
    platform: str,
    sweep: UUID,
    at: datetime,
    catalogue_digest: str,
    readings: Sequence[Reading],
) -> str:
    """Keep all readings of a sweep and return their address; again with the same readings changes nothing."""
    about = {"platform": platform, "sweep": str(sweep), "at": at.isoformat(), "catalogue_digest": catalogue_digest}
    return await _keep(store, evidence_path(platform, sweep, at), pack_evidence(readings, about))


async def keep_page(store: EvidenceStore, *, platform: str, run: UUID, at: datetime, page: bytes) -> str:
    """Keep the report of a run and return its address; a newer one takes its place."""
    return await _keep(store, f"{platform}/{at.astimezone(UTC):%Y/%m/%d}/{run}.html", page)


async def _keep(store: EvidenceStore, path: str, content: bytes) -> str:
    with _storing(path):
        answer = store.write_path(path, content)
        key = await answer if inspect.isawaitable(answer) else answer
    return _address(store, str(key or path))


def evidence_path(platform: str, sweep: UUID, at: datetime) -> str:
    """A day is a folder, so that retention rules of object stores can act on it."""
    return f"{platform}/{at.astimezone(UTC):%Y/%m/%d}/{sweep}.jsonl.gz"


async def open_evidence_store() -> EvidenceStore:
    """The store that `VIGIE_EVIDENCE` names. Raises `Broken` when the block cannot be loaded."""
    wanted = os.environ.get("VIGIE_EVIDENCE", "")
    if wanted.startswith("block:"):
        return await _load(wanted.removeprefix("block:"))
    return LocalFolder(Path(wanted) if wanted else Path(os.environ.get("VIGIE_HOME") or _HOME) / "evidence")


class LocalFolder:
    """Evidence in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().resolve()

    def write_path(self, path: str, content: bytes) -> str:
        """Write whole or not at all; returns the absolute path."""
        target = (self._root / path).resolve()
        if not target.is_relative_to(self._root):
            raise Broken("evidence would leave its folder", where=path, code=MissingCode.PROBE_FAILED.value)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(draft).replace(target)
        finally:
            Path(draft).unlink(missing_ok=True)
        return str(target)


async def _load(slug: str) -> EvidenceStore:
    from prefect.blocks.core import Block

    step = "save the block in the Prefect UI, or correct VIGIE_EVIDENCE"
    try:
        block: Any = await Block.aload(slug)
    except ValueError:
        raise Broken(
            "the evidence block does not exist", where=slug, next_step=step, code=MissingCode.CREDENTIALS.value
        ) from None
    if not hasattr(block, "write_path"):
        raise Broken("this block stores no files", where=slug, next_step=step, code=MissingCode.PROBE_FAILED.value)
    return block


def _address(store: EvidenceStore, key: str) -> str:
    """Where a person finds it: s3://bucket/key, container/key, or the path as it is."""
    if bucket := getattr(store, "bucket_name", ""):
        return f"s3://{bucket}/{key}"
    if container := getattr(store, "container_name", ""):
        return f"{container}/{key}"
    return key


@contextmanager
def _storing(path: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        step = "look at the free space and the permissions of the evidence folder"
        raise Broken(f"evidence cannot be written ({error.strerror})", where=path, next_step=step, code=_OURS) from None
    except _cloud_errors() as error:
        words = f"{error.__class__.__name__} {getattr(error, 'error_code', '')} {error}"
        if any(refusal in words for refusal in _REFUSALS):
            step = "give the evidence block's credentials write permission"
            raise Refused(
                "the evidence store refuses us", where=path, next_step=step, code=MissingCode.CREDENTIALS.value
            ) from None
        raise Retryable(
            f"the evidence store does not answer ({type(error).__name__})", where=path, code=_AWAY
        ) from None


_OURS = MissingCode.PROBE_FAILED.value
_AWAY = MissingCode.API_UNREACHABLE.value


def _cloud_errors() -> tuple[type[Exception], ...]:
    """The errors of whichever cloud SDK is loaded: one that is not loaded raised nothing."""
    bases = (
        ("botocore.exceptions", "BotoCoreError"),
        ("botocore.exceptions", "ClientError"),
        ("azure.core.exceptions", "AzureError"),
    )
    return tuple(getattr(sys.modules[module], name) for module, name in bases if module in sys.modules)
