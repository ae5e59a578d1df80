"""What has a run imported before it starts?

Packages of others only, and the heavy ones: each costs every run nothing and the fork server its memory
once. Project code is never here, because a run must see it as it is now. One that is not installed is
left out; one that starts a thread makes the fork server refuse to fork. `VIGIE_PRELOADS` names others instead, where
a worker's runs need few of them: to import all takes ten seconds of processor time at the worker's start.
"""

from __future__ import annotations

import os

PREFECT = (  # as a run needs it
    "prefect",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.blocks.notifications",
    "prefect.deployments.steps.core",
    "prefect.deployments.steps.pull",
    "prefect.events",
    "prefect.runner._workspace_runtime_bootstrap",
    "prefect.runner._workspace_supervisor",
    "prefect.task_runners",
    "prefect.utilities.visualization",
    "anyio._backends._asyncio",
    "rich._emoji_codes",
)
PRELOADS = (
    *PREFECT,
    # the journal, the network, people
    "aiohttp",
    "alembic.config",
    "dns.asyncresolver",
    "psycopg",
    "ruamel.yaml",
    "slack_sdk.web.async_client",
    "sqlalchemy",
    # judging and drawing
    "great_expectations",
    "pandas",
    "matplotlib.backends.backend_agg",
    "matplotlib.dates",
    "matplotlib.figure",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    # the clouds
    "azure.identity.aio",
    "azure.mgmt.compute.aio",
    "azure.mgmt.iothub.aio",
    "azure.mgmt.iothub.v2023_06_30.aio",  # the newest, which its client would load when it is made
    "azure.mgmt.monitor.aio",
    "azure.mgmt.resourcehealth.aio",
    "azure.mgmt.storage.aio",
    "azure.mgmt.trafficmanager.aio",
    "azure.mgmt.web.aio",
    "boto3",
    "botocore.session",
    "openstack.connection",
    "prefect_aws",
)

# Libraries that would start threads when they are imported are told not to.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def preloads() -> tuple[str, ...]:
    """What this worker's runs find imported."""
    named = os.environ.get("VIGIE_PRELOADS", "").split(",")
    return tuple(filter(None, named)) or PRELOADS
