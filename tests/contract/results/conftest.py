"""Where results of read steps lie in production: the emulators' S3 and blob storage, and a Prefect to ask them."""

from __future__ import annotations

import re
import subprocess
import threading
import uuid

import pytest

from tests.conftest import needs_program
from tests.prefect_fixture import prefect_home  # noqa: F401

# Azurite's published development account; it opens nothing but an emulator.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def prefect_server(prefect_home):  # noqa: F811
    """Flows of this process run against a real server."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    environment = prefect_home.environment()
    with temporary_settings(
        {PREFECT_API_URL: environment["PREFECT_API_URL"], PREFECT_HOME: environment["PREFECT_HOME"]}
    ):
        yield


@pytest.fixture(scope="session")
def s3():
    """(endpoint, client) of moto's own server, on a port of its own."""
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "results", "aws_secret_access_key": "results", "region_name": "eu-west-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **keys)
    yield endpoint, client, keys
    client.close()
    server.stop()


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    """The connection string of Azurite, Microsoft's blob emulator, in memory and on a port of its own."""
    program = needs_program("azurite-blob")
    place = tmp_path_factory.mktemp("azurite")
    command = [program, "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", "0"]
    # The emulator may be older than the SDK's newest dialect; what results use has been the same for years.
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    process = subprocess.Popen(command[:-1], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    reading = threading.Thread(target=process.stdout.read, daemon=True)
    try:
        endpoint = _listening(process)
        reading.start()
        parts = ["DefaultEndpointsProtocol=http", f"AccountName={_ACCOUNT}", f"AccountKey={_KEY}"]
        yield ";".join([*parts, f"BlobEndpoint={endpoint}/{_ACCOUNT}"])
    finally:
        process.terminate()
        process.wait(timeout=20)
        if reading.ident is not None:
            reading.join(20)
        process.stdout.close()


def _listening(process):
    said = []
    for line in process.stdout:
        said.append(line)
        found = re.search(r"successfully listens on (http://\S+)", line)
        if found:
            return found[1]
    pytest.fail(f"Azurite ended with {process.wait()}: {''.join(said)}")


@pytest.fixture
def bucket(s3, prefect_server):
    """A saved S3Bucket block over a new bucket: (slug, keys of what lies in it)."""
    from prefect_aws import AwsCredentials
    from prefect_aws.client_parameters import AwsClientParameters
    from prefect_aws.s3 import S3Bucket

    endpoint, client, keys = s3
    name = f"results-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    credentials = AwsCredentials(**keys, aws_client_parameters=AwsClientParameters(endpoint_url=endpoint))
    credentials.save(name)
    S3Bucket(bucket_name=name, bucket_folder="vigie", credentials=credentials).save(name)
    listed = client.list_objects_v2
    return f"s3-bucket/{name}", lambda: [one["Key"] for one in listed(Bucket=name).get("Contents", [])]


@pytest.fixture
def container(blobs, prefect_server):
    """A saved AzureBlobStorageContainer block over a new container: (slug, names of what lies in it)."""
    from azure.storage.blob import BlobServiceClient
    from prefect_azure import AzureBlobStorageCredentials
    from prefect_azure.blob_storage import AzureBlobStorageContainer

    name = f"results-{uuid.uuid4().hex[:8]}"
    service = BlobServiceClient.from_connection_string(blobs)
    service.create_container(name)
    credentials = AzureBlobStorageCredentials(connection_string=blobs)
    credentials.save(name)
    AzureBlobStorageContainer(container_name=name, base_folder="vigie", credentials=credentials).save(name)
    yield (
        f"azure-blob-storage-container/{name}",
        lambda: list(service.get_container_client(name).list_blob_names()),
    )
    service.close()


@pytest.fixture(params=["bucket", "container"])
def storage(request):
    """Each of the two places that production keeps results in."""
    return request.getfixturevalue(request.param)
