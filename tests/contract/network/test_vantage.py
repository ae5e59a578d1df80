"""Gone, there, or blind: told apart with real ports."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager

import pytest

from blocks.network.vantage import WorkerVantage
from blocks.ports.network import Routes


@contextmanager
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def silent():
    """A port whose queue is full: no greeting is answered, as in a network that drops everything."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for each in fillers:
            each.setblocking(False)  # noqa: FBT003
            each.connect_ex(full.getsockname())
        yield f"127.0.0.1:{full.getsockname()[1]}"
        for each in fillers:
            each.close()


def closed() -> str:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{reserved.getsockname()[1]}"


def vantage(routes: dict[str, str], *elsewhere: str) -> WorkerVantage:
    return WorkerVantage(Routes(routes), elsewhere, patience_s=0.5)


def test_a_site_of_which_nothing_answers_while_others_do_is_gone():
    with listening() as other:
        seen = vantage({"a:1": closed(), "b:2": closed(), "c:3": other}, "c:3").sight("west", ["a:1", "b:2"])
    assert (seen.gone, seen.sure) == (True, True)
    assert seen.text == "0 of 2 addresses of west answer the worker, and 1 of 1 elsewhere"


def test_one_answer_is_enough_to_be_there():
    with listening() as one:
        seen = vantage({"a:1": one, "b:2": closed(), "c:3": closed()}, "c:3").sight("west", ["a:1", "b:2"])
    assert (seen.gone, seen.sure) == (False, True)


def test_who_sees_nothing_at_all_is_not_believed():
    seen = vantage({"a:1": closed(), "c:3": closed()}, "c:3").sight("west", ["a:1"])
    assert (seen.gone, seen.sure) == (False, False)
    assert "may be blind" in seen.text


def test_nothing_elsewhere_to_look_at_makes_nobody_sure():
    assert not vantage({"a:1": closed()}).sight("west", ["a:1"]).sure


def test_a_silent_network_costs_seconds_not_minutes():
    with silent() as nothing, listening() as other:
        began = time.monotonic()
        seen = vantage({"a:1": nothing, "b:2": nothing, "c:3": other}, "c:3").sight("west", ["a:1", "b:2"])
    assert seen.gone
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["nowhere.invalid:443"])
def test_a_name_that_leads_nowhere_is_no_answer(name):
    with listening() as other:
        assert vantage({name: closed(), "c:3": other}, "c:3").sight("west", [name]).gone
