"""When does a credential open? What was found of it, as the readiness check reads it."""

from __future__ import annotations

import pytest

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.capabilities import Capability
from tasks.recovery.keys import look_of, whole

LOOK, ORDER = "look at db1:8443", "give orders at db1:8443"


def can(action, detail=""):
    return Capability(action, allowed=True, detail=detail)


def cannot(action, detail=""):
    return Capability(action, allowed=False, detail=detail)


def unknown(action, detail=""):
    return Capability(action, allowed=None, detail=detail)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ((can("log in"), cannot("write")), ""),
        ((cannot("log in", "role vigie may not log in"),), "role vigie may not log in"),
        ((cannot("promote"),), "it may not promote"),
        ((unknown("update a zone"),), None),
        ((unknown("a"), cannot("b", "no")), "no"),
        ((), None),
    ],
)
def test_what_it_may_do_says_whether_it_opens(found, wrong):
    assert look_of(lambda: found)() == wrong


@pytest.mark.parametrize("error", [Refused, Broken])
def test_an_error_is_what_is_wrong_with_it(error):
    def trying():
        raise error("no such block")

    assert look_of(trying)() == "no such block"


def test_nobody_there_says_nothing_about_the_key():
    def trying():
        raise Retryable("no answer")

    with pytest.raises(Retryable):
        look_of(trying)()


def test_each_door_must_open_and_an_operators_token_gives_orders():
    reader = (can(LOOK), cannot(ORDER))
    assert whole(("look at",), reader) == reader
    assert whole(("look at", "give orders"), reader) == (cannot(ORDER),)
    half = (can(LOOK), unknown("look at db2:8443", "no answer"))
    assert whole(("look at",), half) == half[1:]
