"""What Nova finds around itself: a service with one image, and a network without any port.

Nova asks both even for servers that have no network. They stand for nothing that is tested, so they are a few lines
instead of two more services.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

IMAGE = "6f0c1f0e-50f3-4b0a-8a64-2f0a6dbd5a11"
_IMAGE: dict[str, Any] = {
    "id": IMAGE,
    "name": "nothing",
    "status": "active",
    "visibility": "public",
    "container_format": "bare",
    "disk_format": "raw",
    "checksum": "0" * 32,
    "size": 1024,
    "min_ram": 0,
    "min_disk": 0,
    "tags": [],
    "protected": False,
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}
_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array"}
_SCHEMA = {
    "name": "image",
    "properties": {name: {"type": _TYPES[type(value)]} for name, value in _IMAGE.items()},
    "additionalProperties": {"type": "string"},
}


class _Around(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].rstrip("/").removesuffix(".json")
        what = path.rpartition("/")[2]
        if path.endswith(f"/images/{IMAGE}"):
            self._say(_IMAGE)
        elif path.endswith("/schemas/image"):
            self._say(_SCHEMA)
        elif path.startswith("/v2.0/"):
            self._say({what.replace("-", "_"): []})
        else:
            self._say({"error": f"nothing is known of {self.path}"}, 404)

    def _say(self, body: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silence."""


@contextmanager
def around() -> Iterator[str]:
    """Served on a free port of loopback; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Around)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
