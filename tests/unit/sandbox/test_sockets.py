"""A server that is handed a listening socket does not hold small answers back (40 ms for each Prefect call)."""

from __future__ import annotations

import socket

from deployments.sandbox.relay import _bound
from deployments.sandbox.state import State
from deployments.sandbox.supervisor import _reserved_port


def sends_at_once(listener):
    """What an accepted connection inherits, before any server has touched it."""
    listener.listen(1)
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        return accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_prefects_socket(tmp_path):
    assert sends_at_once(_reserved_port(State.at(tmp_path)))


def test_the_relays_socket():
    assert sends_at_once(_bound(0))
