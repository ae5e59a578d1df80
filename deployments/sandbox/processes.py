"""Which port of loopback is free at this moment, and how is one kept for its owner?"""

from __future__ import annotations

import socket


def is_free(port: int) -> bool:
    """Could a server listen on that port of 127.0.0.1 at this moment?"""
    held = hold(port)
    if held is None:
        return False
    held.close()
    return True


def hold(port: int) -> socket.socket | None:
    """Keep that port of 127.0.0.1 from whoever is given any; None where it is taken.

    Who asks there is refused, as by a dead server; a server that wants just this port may listen there again.
    """
    if port == 0:
        return None
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        return None
    return held


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment (somebody may take it: retry)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
