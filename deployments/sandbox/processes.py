"""Which port of loopback is free at this moment?"""

from __future__ import annotations

import socket


def is_free(port: int) -> bool:
    """Could a server listen on that port of 127.0.0.1 at this moment?"""
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment (somebody may take it: retry)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
