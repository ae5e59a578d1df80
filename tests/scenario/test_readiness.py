"""A recovery plan that would not work is found before the disaster, told once, and closed when it would work again."""

from __future__ import annotations

import base64
import json
import os
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from blocks.errors import Refused
from blocks.journal.block import open_journal
from blocks.ports.health import State
from blocks.ports.incidents import Severity
from blocks.ports.recovery import MoveKind
from tests.scenario.test_sweeps import incidents, message_of, start_well, sweep

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]

NEVER_TRIED = {"readiness:last-drill", "readiness:last-restore"}
ROOM, KEY = "readiness:capacity-dc-west", "readiness:credential-dns-hearth-operator"
OURS = {ROOM, KEY, *NEVER_TRIED}


def look(platform="hearth"):
    from flows.recovery_readiness import recovery_readiness

    return recovery_readiness(platform)


def unready():
    """Root -> severity of what readiness holds open."""
    return {each.root: each.severity for each in incidents("hearth") if each.is_readiness}


@contextmanager
def another_key():
    """The name server knows the key's name, and somebody saved another secret under it."""
    from blocks.dns.block import TsigKey

    saved = TsigKey.load("dns-hearth-operator", _sync=True)
    stranger = TsigKey(
        name=saved.name, algorithm=saved.algorithm, secret=SecretStr(base64.b64encode(os.urandom(32)).decode())
    )
    stranger.save("dns-hearth-operator", overwrite=True, _sync=True)
    try:
        yield
    finally:
        TsigKey(name=saved.name, algorithm=saved.algorithm, secret=saved.secret).save(
            "dns-hearth-operator", overwrite=True, _sync=True
        )


def test_on_a_quiet_day_only_what_was_never_tried_is_wanting_and_nobody_is_told(sandbox):
    """Started as its schedule starts it, by the worker."""
    start_well(sandbox)
    deployment = sandbox.call("/deployments/name/recovery-readiness/readiness")
    (schedule,) = deployment["schedules"]
    assert (schedule["parameters"], schedule["schedule"]["interval"]) == ({"platform": "hearth"}, 1800.0)
    asked = {"parameters": {"platform": "hearth"}}
    run = sandbox.call(f"/deployments/{deployment['id']}/create_flow_run", asked)["id"]
    state = sandbox.wait_for(run)
    assert state["type"] == "COMPLETED", state
    assert set(unready()) >= NEVER_TRIED
    assert set(unready().values()) == {Severity.NOTICE}, "an earlier test's standby may still be catching up"
    assert not [each for incident in incidents("hearth") for each in message_of(sandbox, incident)]
    (page,) = sandbox.call("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    assert page["key"] == "readiness-hearth"
    assert "accès dns-hearth-operator" in page["data"]


async def test_what_would_go_wrong_is_told_once_beside_the_sweeps_and_closed_when_mended(sandbox):
    start_well(sandbox)
    sandbox.break_("private-cloud", "metric-spike")  # a window of its service mutes no finding of readiness
    with another_key():
        first = await in_a_thread(look)
        again = await in_a_thread(look)
        assert first.verdict is again.verdict is State.CRITICAL
        assert {root.removeprefix("readiness:") for root in OURS} <= {each.name for each in first.findings}
        assert {root for root, severity in unready().items() if severity is Severity.TICKET} == {ROOM, KEY}
        found = {each.root: each for each in incidents("hearth")}
        await sweep("hearth")
        assert set(unready()) >= OURS, "a sweep leaves them alone"
        theirs = {each.root for each in incidents("hearth") if not each.is_readiness}
        await in_a_thread(look)
        assert {each.root for each in incidents("hearth") if not each.is_readiness} == theirs
        assert set(unready()) >= OURS
    for root in (ROOM, KEY):
        (message,) = message_of(sandbox, found[root])
        said = message["text"].replace("\u00a0", " ")
        assert f"À traiter · hearth · plan de reprise « {root.removeprefix('readiness:')} »" in said
    sandbox.mend()
    mended = await in_a_thread(look)
    assert mended.verdict is State.WARNING
    assert set(unready()) & OURS == NEVER_TRIED
    with open_journal() as journal:
        for root in (ROOM, KEY):
            closed, events = journal.incident(found[root].id)
            assert [event.kind.value for event in events] == ["opened", "closed"], closed.sentence
            (message,) = message_of(sandbox, found[root])
            assert "Rétabli" in message["text"], json.dumps(message)


def test_a_drill_that_was_never_made_dates_no_outage(sandbox):
    from tasks.recovery.looking import look_at
    from tasks.recovery.opening import parts_of
    from tasks.recovery.outage import outage_of

    start_well(sandbox)
    look()
    with open_journal() as journal:
        facts = look_at(parts_of("hearth"), journal, MoveKind.FAILOVER, print)
        outage = outage_of(journal, journal.open_incidents("hearth"))
    assert set(unready()) >= NEVER_TRIED
    assert outage is None
    assert any("no drill was ever tried" in known for known in facts.incidents), "and stands on the card all the same"


def test_a_platform_without_a_plan_is_refused_and_two_looks_do_not_overlap(sandbox):
    from prefect.exceptions import CancelledRun

    with pytest.raises(Refused, match="has no recovery plan"):
        look("storefront")
    with (
        open_journal() as journal,
        journal.readiness_lock("hearth"),
        pytest.raises(CancelledRun, match="still running"),
    ):
        look()


async def in_a_thread(work):
    """A flow that is not a coroutine, in a test that is one."""
    import asyncio

    return await asyncio.to_thread(work)
