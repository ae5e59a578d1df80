"""Where does storefront run in the sandbox? On moto's server, seeded from the catalogue.

`python -m deployments.sandbox.aws --state DIR` serves the AWS APIs over TLS on loopback and says so
in DIR/ready/aws.json, with the reader's access key. moto itself is not modified; in front of it
stands a layer for keys, policies, faults and traffic (aws_front.py).

The rule: ready is written after the seed, so that whoever waits for it finds everything there.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from blocks.aws.block import OPERATOR_ACTIONS
from blocks.catalogue.model import Catalogue
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.aws_faults import Cloud
from deployments.sandbox.aws_front import Front
from deployments.sandbox.restarting import restarting_behind
from deployments.sandbox.state import State, read_json, write_json

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

ACCOUNT = "123456789012"
_NAMES = ("127.0.0.1", "localhost", "*.amazonaws.com", "*.eu-west-1.amazonaws.com")
_BEAT_S = 60.0


@dataclass(frozen=True)
class Key:
    """An access key of the sandbox and what it may do."""

    key_id: str
    secret: str
    actions: tuple[str, ...]
    arn: str


class AwsEmulator:
    """moto's server behind TLS, seeded; use as a context, or `start` and `stop`."""

    def __init__(
        self,
        state: State,
        catalogue: Catalogue,
        *,
        actions: tuple[str, ...],
        port: int = 0,
        terminated: Callable[[str], object] = lambda _service: None,
    ) -> None:
        self._state = state
        self._terminated = terminated
        self._catalogue = catalogue
        self._port = port
        keys = _keys(state.home / "aws")
        self.reader = Key(*keys["reader"], actions, f"arn:aws:iam::{ACCOUNT}:user/vigie-reader")
        self.operator = Key(*keys["operator"], OPERATOR_ACTIONS, f"arn:aws:iam::{ACCOUNT}:user/vigie-operator")
        self.admin = Key(*keys["admin"], ("*",), f"arn:aws:iam::{ACCOUNT}:user/sandbox")
        self._clients: dict[tuple[str, str], Any] = {}
        self._stopped = threading.Event()
        self._server: BaseWSGIServer | None = None
        self._threads: list[threading.Thread] = []
        self.address = ""
        self.ca_file = ensure_authority(state.home).ca_file

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serve, seed, and keep metrics alive; `address` is set when all is there."""
        cloud = Cloud(self._catalogue, self._client, self._terminated)
        self._server = self._listen(cloud)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._run(self._server.serve_forever)
        cloud.seed()
        self._run(lambda: self._beat(cloud))

    def stop(self) -> None:
        """End all threads and close the port."""
        self._stopped.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=10)
        for client in self._clients.values():
            client.close()

    def _listen(self, cloud: Cloud) -> BaseWSGIServer:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Traffic is asked for at /_sandbox/traffic."""

        principals = {
            key.key_id: (key.secret, key.actions, key.arn) for key in (self.reader, self.operator, self.admin)
        }
        inner: Any = DomainDispatcherApplication(create_backend_app)
        cloud.front = Front(inner, principals, cloud.control, cloud.replacing)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ensure_authority(self._state.home).issue(*_NAMES))
        server = make_server(
            "127.0.0.1", self._port, cloud.front, threaded=True, ssl_context=context, request_handler=Quiet
        )
        server.daemon_threads = True  # pyright: ignore[reportAttributeAccessIssue]
        return server

    def _beat(self, cloud: Cloud) -> None:
        while not self._stopped.wait(_BEAT_S):
            cloud.keep_alive()

    def _run(self, work: Any) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _client(self, service: str, region: str) -> Any:
        import boto3

        open_client: Any = boto3.client  # its stubs know a few services only
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = open_client(
                service,
                region_name=region,
                endpoint_url=f"https://{self.address}",
                verify=str(ensure_authority(self._state.home).ca_file),
                aws_access_key_id=self.admin.key_id,
                aws_secret_access_key=self.admin.secret,
            )
        return self._clients[key]


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    from blocks.aws.block import READER_ACTIONS
    from blocks.catalogue.loader import load_catalogue

    parser = argparse.ArgumentParser(description="AWS of the sandbox")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--catalogue", type=Path, default=Path("deployments/catalogue"))
    asked = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    state = State.at(asked.state)
    catalogue, behind = load_catalogue(asked.catalogue), restarting_behind(state)
    with AwsEmulator(state, catalogue, actions=READER_ACTIONS, port=asked.port, terminated=behind) as aws:
        extras = {"access_key_id": aws.reader.key_id, "secret_access_key": aws.reader.secret}
        extras |= {"operator_key_id": aws.operator.key_id, "operator_secret_key": aws.operator.secret}
        state.write_ready("aws", aws.address, endpoint_url=f"https://{aws.address}", **extras)
        ended.wait()


def _keys(folder: Path) -> dict[str, tuple[str, str]]:
    """The sandbox's access keys, the same at every start, so that saved blocks stay right."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = read_json(folder / "keys.json")
    if missing := [who for who in ("reader", "operator", "admin") if who not in kept]:
        kept |= {who: [f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20)] for who in missing}
        write_json(folder / "keys.json", kept)
    return {who: (pair[0], pair[1]) for who, pair in kept.items()}


if __name__ == "__main__":
    main()
