"""Evidence is whole, the same twice, and says where it lies."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, datetime
from uuid import UUID

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from blocks.errors import Broken, Refused, Retryable
from blocks.evidence.pack import pack_evidence, unpack_evidence
from blocks.evidence.store import LocalFolder, evidence_path, keep_evidence, open_evidence_store
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, Reading, State, Unit

AT = datetime(2026, 11, 23, 22, 14, 5, 123456, tzinfo=UTC)
SWEEP = UUID(int=7)
READINGS = [
    Reading(
        service="a",
        check="http",
        started_at=AT,
        elapsed_ms=12.5,
        measurements=(Measurement("latency", 12.5, Unit.MILLISECONDS),),
    ),
    Reading(
        service="a",
        check="tls",
        started_at=AT,
        elapsed_ms=1.0,
        attempt=3,
        finding=Finding(FindingCode.LATE, "é <&>\n", State.WARNING),
    ),
    Reading(service="b", check="x", started_at=AT, elapsed_ms=0.0, missing=Missing(MissingCode.THROTTLED, "429")),
    Reading(
        service="b",
        check="y",
        started_at=AT,
        elapsed_ms=0.0,
        measurements=(Measurement("value", math.inf, Unit.COUNT),),
    ),
]


async def keep(store) -> str:
    return await keep_evidence(store, platform="hearth", sweep=SWEEP, at=AT, catalogue_digest="d", readings=READINGS)


def test_what_went_in_comes_out():
    about, readings = unpack_evidence(pack_evidence(READINGS, {"platform": "hearth"}))
    assert about == {"platform": "hearth"}
    assert readings == READINGS


def test_the_same_readings_give_the_same_bytes():
    packed = pack_evidence(READINGS, {"a": "b"})
    assert packed == pack_evidence(iter(READINGS), {"a": "b"})
    assert packed[4:8] == bytes(4)  # gzip's own timestamp


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        gzip.compress(b"{}", mtime=0),
        gzip.compress(b"not json", mtime=0),
        pack_evidence(READINGS, {})[:-9],
    ],
)
def test_what_is_cut_or_foreign_is_refused(content):
    with pytest.raises(Broken):
        unpack_evidence(content)


async def test_a_folder_keeps_it_whole_private_and_once(tmp_path):
    store = LocalFolder(tmp_path / "evidence")
    address = await keep(store)
    assert address == await keep(store)
    assert address == str(tmp_path / "evidence/hearth/2026/11/23" / f"{SWEEP}.jsonl.gz")
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [str(p) for p in files] == [address]
    assert files[0].stat().st_mode & 0o077 == 0
    about, readings = unpack_evidence(files[0].read_bytes())
    assert about == {"platform": "hearth", "sweep": str(SWEEP), "at": AT.isoformat(), "catalogue_digest": "d"}
    assert readings == READINGS


async def test_a_folder_that_cannot_be_written_says_what_to_look_at(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Broken, match="permissions"):
        await keep(LocalFolder(tmp_path / "file"))


def test_nothing_is_written_outside_the_folder(tmp_path):
    with pytest.raises(Broken, match="leave its folder"):
        LocalFolder(tmp_path / "evidence").write_path("../elsewhere", b"x")


class Bucket:
    """As Prefect's S3Bucket: an awaitable answer that is the key."""

    bucket_name = "vigie-evidence"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.kept: dict[str, bytes] = {}

    async def write_path(self, path: str, content: bytes) -> str:
        if self.error:
            raise self.error
        self.kept[f"folder/{path}"] = content
        return f"folder/{path}"


async def test_an_object_store_says_where_it_is():
    bucket = Bucket()
    assert await keep(bucket) == f"s3://vigie-evidence/folder/{evidence_path('hearth', SWEEP, AT)}"
    assert unpack_evidence(*bucket.kept.values())[1] == READINGS


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url="https://s3.example"), Retryable),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject"), Refused),
        (ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "PutObject"), Retryable),
    ],
)
async def test_an_object_stores_errors_are_ours(error, kind):
    with pytest.raises(kind):
        await keep(Bucket(error))


async def test_the_environment_says_where(tmp_path, monkeypatch):
    monkeypatch.delenv("VIGIE_EVIDENCE", raising=False)
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "home"))
    assert (await keep(await open_evidence_store())).startswith(str(tmp_path / "home/evidence/"))
    monkeypatch.setenv("VIGIE_EVIDENCE", str(tmp_path / "elsewhere"))
    assert (await keep(await open_evidence_store())).startswith(str(tmp_path / "elsewhere/"))


async def test_prefects_own_local_file_system_is_taken(tmp_path):
    from prefect.filesystems import LocalFileSystem

    address = await keep(LocalFileSystem(basepath=str(tmp_path)))
    assert address == str(tmp_path / evidence_path("hearth", SWEEP, AT))
