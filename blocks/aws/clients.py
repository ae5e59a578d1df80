"""Through which doors do we ask AWS?

One boto3 client a service and region for each prober, made when first needed. Retries and timeouts
are bounded here, in one place: two attempts, three seconds to connect, five to answer. A client that
changes something is opened with one attempt: a second could do it twice.

The rule: nothing waits longer than a check may, and the block's own settings win.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials

ATTEMPT_COUNT = 2
CONNECT_SECONDS = 3
READ_SECONDS = 5


class AwsClients:
    """Clients of one credential, by service and region; safe to ask from several threads."""

    def __init__(
        self,
        credentials: AwsCredentials,
        *,
        ca_file: str | None = None,
        connections: int = 8,
        attempt_count: int = ATTEMPT_COUNT,
    ) -> None:
        self._credentials = credentials
        self._ca_file = ca_file
        self._connections = connections
        self._attempt_count = attempt_count
        self._lock = threading.Lock()  # creating clients is not thread-safe in boto3; using them is
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """The client of `service` ("autoscaling", "cloudwatch"...) in `region`."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._open(service, region)
            return self._clients[key]

    def close(self) -> None:
        """Close pooled connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _open(self, service: str, region: str) -> Any:
        from botocore.config import Config

        if self._session is None:
            self._session = self._credentials.get_boto3_session()
            _share_models(self._session)
        parameters = self._credentials.aws_client_parameters.get_params_override()
        ours = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": self._attempt_count},
            max_pool_connections=self._connections,
        )
        parameters["config"] = ours.merge(parameters["config"]) if "config" in parameters else ours
        if self._attempt_count == 1:  # not even the block's own settings send a change twice
            parameters["config"] = parameters["config"].merge(Config(retries={"total_max_attempts": 1}))
        if self._ca_file is not None and not isinstance(parameters.get("verify"), str):
            parameters.setdefault("verify", self._ca_file)
        if "verify" in parameters and not isinstance(parameters["verify"], bool):
            parameters["verify"] = str(parameters["verify"])
        return self._session.client(service, region_name=region, **parameters)


_LOADERS: dict[str | None, Any] = {}


def _share_models(session: Any) -> None:
    """Let all sessions read AWS's own files once a process: each would read megabytes for a client of its own."""
    core = session._session  # noqa: SLF001  boto3 has no other way to the session that a credential made
    loader = _LOADERS.setdefault(core.get_config_variable("data_path"), core.get_component("data_loader"))
    core.register_component("data_loader", loader)
