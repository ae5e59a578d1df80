"""A host tells where its copy is; our password follows that word to the door's own host and no further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.errors import Refused
from blocks.ports.network import Routes
from blocks.postgres.block import DatabaseHost, PostgresReader
from blocks.postgres.copies import PostgresCopy
from blocks.postgres.host import HostDoor
from blocks.postgres.member import PostgresMember

DOOR = "db2.test.example:8443"
NAME = "vigie-drill-0123456789abcdef"


@dataclass(frozen=True, slots=True)
class SpokenDoor(HostDoor):
    said: Mapping[str, Any] = field(default_factory=dict)

    def status(self) -> Mapping[str, Any]:
        return self.said


def copy_told(said: Mapping[str, Any]) -> PostgresCopy:
    block = DatabaseHost(token=SecretStr("token"), doors=[DOOR])
    reader = PostgresReader(user="reader", password=SecretStr("secret"))
    member = PostgresMember(
        data=None,
        name="data-east",
        address="db2.test.example:5432",
        reader=reader,
        operator=lambda: reader,
        door=SpokenDoor(DOOR, block, Routes(), said),
        host_operator=lambda: block,
        routes=Routes(),
    )
    return PostgresCopy(member, NAME)


def copies(**said: Any) -> dict[str, Any]:
    return {"copies": {"refused": "", "address": "db2.test.example:5433", "there": None} | said}


def test_the_door_s_own_host_is_believed():
    assert copy_told(copies()).address == "db2.test.example:5433"


@pytest.mark.parametrize("told", ["db1.test.example:5433", "", "5433", "db2.test.example.evil.example:5433"])
def test_another_host_is_not(told):
    with pytest.raises(Refused, match="our password goes to that host and no other"):
        _ = copy_told(copies(address=told)).address


def test_a_host_that_knows_no_copies_makes_none():
    assert "older than copies" in copy_told({}).look().refused


def test_somebody_else_s_copy_is_not_ours():
    there = {"name": "vigie-drill-ffffffffffffffff", "state": "running", "until": "later", "counted": {}}
    look = copy_told(copies(there=there)).look()
    assert (look.there, look.state) == ("vigie-drill-ffffffffffffffff", "running")
    assert copy_told(copies(there=there)).discard().read_effect(None).reached, "what is not there is gone"
