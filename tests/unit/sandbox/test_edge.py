"""New clients go where the traffic service says, after their time to live; and where it is silent nobody moves."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest
from aiohttp import web

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.edge import TTL_S, Answers, Edge, follow_traffic
from deployments.sandbox.names import Entrance
from deployments.sandbox.state import State

ENTRANCE = Entrance("api.example:443", "api", {"here": "api.here:443", "there": "api.there:443"}, first="here")


@dataclass
class Way:
    standing: str
    address: tuple[str, int]


class Place:
    def __init__(self) -> None:
        self.here, self.there = Way("open", ("127.0.0.1", 1)), Way("open", ("127.0.0.1", 2))
        self.answers = Answers([ENTRANCE])
        self.edge = Edge(ENTRANCE, {"api.here:443": self.here, "api.there:443": self.there}, self.answers)

    def hear(self, times: int = 4, **shares: float) -> None:
        for _ in range(times):
            self.answers.hear({"api": shares})

    def clients(self, count: int = 1000) -> Counter[int]:
        return Counter(address[1] for address in (self.edge.choose() for _ in range(count)) if address)


@pytest.fixture
def place():
    return Place()


def test_until_anything_is_heard_clients_go_to_the_first_site(place):
    assert place.clients() == {1: 1000}


def test_clients_are_shared_by_weight(place):
    place.hear(here=95, there=5)
    assert 20 < place.clients()[2] < 90


def test_a_site_without_a_share_gets_nobody(place):
    place.hear(here=0, there=100)
    assert place.clients() == {2: 1000}


def test_after_a_change_those_who_asked_before_go_where_they_went(place):
    place.hear(here=100)
    place.hear(times=1, there=100)
    assert 650 < place.clients()[1] < 850
    place.hear(times=3, there=100)
    assert place.clients() == {2: 1000}


def test_the_last_answer_holds_where_nobody_says_anything(place):
    place.hear(there=100)
    for said in ({}, {"other": {"here": 100}}):
        for _ in range(8):
            place.answers.hear(said)
    assert place.clients() == {2: 1000}


def test_a_closed_profile_sends_nobody_anywhere_until_it_is_open_again(place):
    for _ in range(8):
        place.answers.hear({"api": {"here": 0, "there": 0}})
    assert place.clients() == {}
    assert place.edge.standing() == "closed"
    place.hear(there=100)
    assert place.clients() == {2: 1000}


def test_the_same_clients_are_seen_each_time():
    one, other = Place(), Place()
    for each in (one, other):
        each.hear(here=50, there=50)
    assert [one.edge.choose() for _ in range(50)] == [other.edge.choose() for _ in range(50)]


def test_a_client_that_is_sent_to_an_unknown_site_gets_nowhere(place):
    place.hear(elsewhere=100)
    assert place.edge.choose() is None
    assert place.edge.standing() == "closed"


@pytest.mark.parametrize(
    ("here", "there", "seen"),
    [
        ("open", "closed", "open"),
        ("closed", "open", "open"),
        ("silent", "closed", "silent"),
        ("closed", "closed", "closed"),
    ],
)
def test_the_entrance_stands_as_the_sites_in_use_do(place, here, there, seen):
    place.hear(here=50, there=50)
    place.here.standing, place.there.standing = here, there
    assert place.edge.standing() == seen


def test_a_site_that_is_not_in_use_does_not_hold_the_door_open(place):
    place.hear(here=100)
    place.here.standing = "closed"
    assert place.edge.standing() == "closed"


async def test_it_follows_the_traffic_service_and_stays_where_it_was_without_it(tmp_path):
    state, answers, said = State.at(tmp_path), Answers([ENTRANCE]), {"api": {"there": 100}}
    runner = await _traffic_service(state, said)
    following = asyncio.create_task(follow_traffic(state, answers))
    await asyncio.sleep(TTL_S * 1.5)
    assert answers.lately("api") == ({"there": 100.0},) * 4
    await runner.cleanup()
    await asyncio.sleep(TTL_S * 1.5)
    assert answers.lately("api") == ({"there": 100.0},) * 4
    following.cancel()


async def _traffic_service(state: State, said: dict) -> web.AppRunner:
    import ssl

    async def shares(_request: web.Request) -> web.Response:
        return web.json_response(said)

    app = web.Application()
    app.router.add_get("/_sandbox/traffic-shares", shares)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(ensure_authority(state.home).issue("127.0.0.1"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    state.write_ready("azure", f"127.0.0.1:{runner.addresses[0][1]}")
    return runner
