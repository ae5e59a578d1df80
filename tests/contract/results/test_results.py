"""A read step's result lies where production puts it, and a retry of the run takes it from there.

The blocks are prefect-aws's and prefect-azure's own, named by the same setting as in worker.env.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import prefect_azure.blob_storage  # noqa: F401  so that its block is known by its slug
import pytest
from prefect import flow
from prefect.blocks.core import Block
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, temporary_settings
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from prefect_aws.s3 import S3Bucket

from blocks.ports.capabilities import Capability
from tasks.core.retries import NEVER
from tasks.core.step import read_step

pytestmark = pytest.mark.filterwarnings("ignore")  # what Prefect and the SDKs say about themselves


class Sweep:
    """A run whose steps read and whose flow breaks once: what was read from the world, and what the flow saw."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.seen: list[list[Capability]] = []
        self.before_retry: Callable[[], object] = lambda: None

    def run(self, storage: str) -> None:
        with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: storage}):
            self._flow()()

    def _flow(self) -> Any:
        @read_step(retry=NEVER, run_name="read {service}", item=lambda given: given["service"])
        def read(service: str) -> Capability:
            self.reads.append(service)
            return Capability(service, allowed=True, detail=f"read number {len(self.reads)}")

        @flow(retries=1, retry_delay_seconds=0, name="reads-and-breaks-once")
        def reads_and_breaks_once() -> None:
            self.seen.append([read("device-api"), read("household-data"), read("device-api")])
            if len(self.seen) == 1:
                self.before_retry()
                raise RuntimeError("broken once")

        return reads_and_breaks_once


def test_a_retry_takes_what_was_read_from_the_storage(storage):
    slug, stored = storage
    sweep = Sweep()
    sweep.run(slug)
    assert sweep.reads == ["device-api", "household-data"]  # neither twice in a run, nor again in its retry
    assert len(sweep.seen) == 2
    assert sweep.seen[0] == sweep.seen[1]
    kept = [key for key in stored() if "-read-" in key]  # beside what Prefect keeps of the flow itself
    assert [key.rpartition("-read-")[2].partition("-")[2] for key in kept] == ["device-api", "household-data"]
    assert all(key.startswith("vigie/") for key in stored())


def test_a_result_that_was_lost_is_read_again_and_not_guessed(bucket, s3):
    slug, stored = bucket
    _, client, _ = s3
    sweep = Sweep()
    sweep.before_retry = lambda: [client.delete_object(Bucket=slug.partition("/")[2], Key=key) for key in stored()]
    sweep.run(slug)
    assert sweep.reads == ["device-api", "household-data"] * 2


def test_a_storage_that_refuses_is_said_and_a_retry_reads_again(s3, prefect_server, caplog):
    """Prefect goes on without the result: right for a step that only reads, and why no other step relies on it."""
    endpoint, _, keys = s3
    credentials = AwsCredentials(**keys, aws_client_parameters=AwsClientParameters(endpoint_url=endpoint))
    S3Bucket(bucket_name="nobody-made-this-one", credentials=credentials).save("absent", overwrite=True)
    sweep = Sweep()
    sweep.run("s3-bucket/absent")
    assert sweep.reads.count("household-data") == 2
    assert "NoSuchBucket" in caplog.text


def test_a_storage_nobody_made_a_block_for_starts_no_step(prefect_server):
    sweep = Sweep()
    with pytest.raises(ValueError, match="nobody-saved-this"):
        sweep.run("s3-bucket/nobody-saved-this")
    assert sweep.reads == []


def test_a_result_of_many_parts_comes_back_whole_and_may_be_written_again(storage):
    """Larger than one part of either service's upload."""
    slug, _ = storage
    block: Any = Block.load(slug, _sync=True)
    content = bytes(range(256)) * 4 * 40_000
    block.write_path("large", content)
    block.write_path("large", content[::-1])
    assert block.read_path("large") == content[::-1]
