"""What is started, and in which order."""

from __future__ import annotations

import pytest

from blocks.errors import Refused
from deployments.sandbox.parts import ALL_PARTS, chosen_parts


def _names(*only: str) -> set[str]:
    return {part.name for part in chosen_parts(only)}


def test_everything_ends_with_a_registration_that_waits_for_everything_that_serves():
    *others, last = chosen_parts()
    assert last.name == "registration"
    assert "--apply" in last.command
    serving = {part.name for part in others if part.ready != "once" and not part.rests}
    assert set(last.command[-1].split(",")) == serving
    assert "household-digest-recovery" not in serving
    assert {"worker", "prefect-server", "aws", "relay"} <= set(last.command[-1].split(","))


def test_credentials_alone_register_nothing():
    *_, last = chosen_parts(("credentials",))
    assert last.name == "credentials"
    assert "--apply" not in last.command


def test_a_chosen_part_brings_what_it_waits_for():
    assert _names("household-standby") == {"household-standby", "household-primary", "relay", "nameserver"}


def test_a_group_is_a_choice():
    assert _names("prefect") == {"control-database", "prefect-server", "worker"}


def test_credentials_bring_the_prefect_server_and_wait_for_what_was_chosen():
    parts = {part.name: part for part in chosen_parts(("azure", "credentials"))}
    assert set(parts) == {"azure", "credentials", "control-database", "prefect-server"}
    needed = set(parts["credentials"].command[-1].split(","))
    assert needed == {"azure", "control-database", "prefect-server"}


def test_an_unknown_choice_is_refused_with_the_known_ones():
    with pytest.raises(Refused, match=r"no azur.*azure"):
        chosen_parts(("azur",))


def test_the_order_has_no_circle_and_names_only_parts():
    started: set[str] = set()
    left = {part.name: part for part in ALL_PARTS}
    while left:
        able = [name for name, part in left.items() if set(part.after) <= started]
        assert able, f"nobody of {sorted(left)} can start"
        started |= set(able)
        left = {name: part for name, part in left.items() if name not in able}
