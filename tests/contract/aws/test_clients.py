"""How AWS's clients are opened: quickly, and each with its own credential."""

from __future__ import annotations

import json

import pytest
from botocore.loaders import JSONFileLoader
from prefect_aws import AwsCredentials

from blocks.aws import clients
from blocks.aws.clients import AwsClients


@pytest.fixture
def read(monkeypatch):
    """Each file of AWS's own that is read, by name."""
    files: list[str] = []
    really = JSONFileLoader._load_file

    def load(self, *parts):
        files.append(str(parts[0]))
        return really(self, *parts)

    monkeypatch.setattr(JSONFileLoader, "_load_file", load)
    monkeypatch.setattr(clients, "_LOADERS", {})
    return files


def opened(key: str, service: str = "sqs"):
    return AwsClients(AwsCredentials(aws_access_key_id=key, aws_secret_access_key="secret")).client(
        service, "eu-west-1"
    )


def test_what_one_session_has_read_no_other_reads_again(read):
    first = opened("one")
    assert [file for file in read if "endpoints" in file]
    assert [file for file in read if "sqs" in file]
    read.clear()
    second = opened("two")
    assert read == []
    assert [each._request_signer._credentials.access_key for each in (first, second)] == ["one", "two"]


def test_a_session_that_reads_elsewhere_reads_its_own(read, monkeypatch, tmp_path):
    opened("one")
    own = tmp_path / "sqs" / "2099-01-01" / "service-2.json"
    own.parent.mkdir(parents=True)
    model = {
        "version": "2.0",
        "metadata": {"endpointPrefix": "sqs", "protocol": "json", "apiVersion": "2099-01-01", "serviceId": "SQS"},
    }
    own.write_text(json.dumps(model | {"operations": {}, "shapes": {}}))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert opened("two").meta.service_model.api_version == "2099-01-01"
    assert [file for file in read if file.startswith(str(tmp_path))]
