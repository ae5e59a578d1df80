"""One contract for every adapter of the Compute port: what is off is off by the provider's own word.

Each test has a cloud of its own (tests/contract/computing.py), spoken to by the official SDKs over TLS. What is
asked after an act is asked of a fresh adapter, as after a crash.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Change, Evidence, Mark, Seen
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tests.contract.computing import COMPUTING, DEEDS, Computing

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
PATIENCE_S = 30.0
FRENCH = Voice("fr", "Europe/Paris")


@pytest.fixture(params=sorted(COMPUTING))
def cloud(request: pytest.FixtureRequest, tmp_path) -> Iterator[Computing]:
    """One cloud with a service, for each kind that moves."""
    with COMPUTING[request.param](tmp_path) as opened:
        yield opened


def intend(change: Change) -> Mark:
    """What the engine records before it acts."""
    change.check()
    key = uuid4().hex + uuid4().hex
    return Mark(key=key, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))


def evidence_of(cloud: Computing, deed: str, mark: Mark) -> Evidence:
    """Asked until the provider shows it."""
    until = time.monotonic() + PATIENCE_S
    while (found := cloud.change(deed).find_evidence(mark)) is None:
        assert time.monotonic() < until, "no evidence of what was done"
        time.sleep(0.2)
    assert found.reference
    assert found.text.isprintable()
    return found


def effect_of(cloud: Computing, deed: str, mark: Mark) -> Seen:
    """Asked until the goal is reached."""
    until = time.monotonic() + PATIENCE_S
    while not (seen := cloud.change(deed).read_effect(mark)).reached:
        assert time.monotonic() < until, seen.text
        time.sleep(0.2)
    return seen


@pytest.mark.parametrize("deed", DEEDS)
def test_it_is_done_once_and_a_fresh_adapter_finds_the_evidence_then_the_effect(cloud, deed):
    cloud.prepare(deed)
    change = cloud.change(deed)
    mark = intend(change)
    assert mark.baseline
    assert change.find_evidence(mark) is None
    assert not change.read_effect(mark).reached
    assert cloud.opened == [], "looking never opens the operator's credential"
    early = change.read_effect(mark)
    if deed not in cloud.in_two:
        cloud.break_("slow-effect")
    given = change.act(mark)
    assert given is not None
    assert given.reference
    assert set(cloud.opened) == {"operator"}
    assert evidence_of(cloud, deed, mark)
    if deed not in cloud.in_two:
        early = cloud.change(deed).read_effect(mark)
        assert not early.reached, "it takes its time"
    cloud.mend()
    late = effect_of(cloud, deed, mark)
    assert evidence_of(cloud, deed, mark)
    assert (cloud.acted_count(), cloud.sent(deed)) == (1, 1)
    for told in (change.text, f"{change.text} may begin", early.text, late.text):
        assert retell(FRENCH, told) != told, told  # a French customer reads it on the card


@pytest.mark.parametrize("deed", DEEDS)
def test_an_act_whose_answer_is_lost_is_retryable_and_its_evidence_is_found(cloud, deed):
    cloud.prepare(deed)
    change = cloud.change(deed)
    mark = intend(change)
    cloud.break_("drop-after")
    with pytest.raises(Retryable):
        change.act(mark)
    cloud.mend()
    if deed in cloud.in_two:
        assert cloud.change(deed).find_evidence(mark) is None, "asked for, and not confirmed"
        cloud.change(deed).act(mark)  # takes it up, and does not ask again
    assert evidence_of(cloud, deed, mark)
    assert effect_of(cloud, deed, mark)
    assert (cloud.acted_count(), cloud.sent(deed)) == (1, 1), "nobody sent it twice, no library either"


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_accepted_and_not_done_never_reaches_its_goal(cloud, deed):
    cloud.prepare(deed)
    change = cloud.change(deed)
    mark = intend(change)
    cloud.break_("no-effect")
    if deed in cloud.in_two:
        with pytest.raises(Retryable, match="takes longer"):
            change.act(mark)
    else:
        change.act(mark)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        seen = cloud.change(deed).read_effect(mark)
        assert not seen.reached, seen.text
        time.sleep(0.3)
    assert seen.text


def test_off_is_off_and_on_its_way_is_neither_on_nor_off(cloud):
    before = cloud.compute().look(cloud.service)
    assert (before.service, before.running, before.settled) == (cloud.service.name, True, True)
    change = cloud.change("stop")
    mark = intend(change)
    cloud.break_("slow-effect")
    change.act(mark)
    during = cloud.compute().look(cloud.service)
    assert during.running or not during.settled, "nobody takes it for off"
    cloud.mend()
    effect_of(cloud, "stop", mark)
    after = cloud.compute().look(cloud.service)
    assert (after.running, after.settled, after.size) == (False, True, before.size)
    assert after.text != before.text
    assert cloud.compute().look(cloud.other).running, "the other one runs on"


def test_a_new_size_is_seen(cloud):
    before = cloud.compute().look(cloud.service)
    assert before.size != cloud.size
    change = cloud.change("resize")
    mark = intend(change)
    change.act(mark)
    effect_of(cloud, "resize", mark)
    assert cloud.compute().look(cloud.service).size == cloud.size


def test_a_stop_is_no_evidence_for_another_service_nor_for_the_next_intent(cloud):
    other, change = cloud.change("stop", service=cloud.other), cloud.change("stop")
    mark_of_other, mark = intend(other), intend(change)
    change.act(mark)
    effect_of(cloud, "stop", mark)
    assert other.find_evidence(mark_of_other) is None
    assert not other.read_effect(mark_of_other).reached
    time.sleep(1)  # logs are late
    start = cloud.change("start")
    again = intend(start)
    assert start.find_evidence(again) is None
    assert not start.read_effect(again).reached


def test_done_twice_is_done_once(cloud):
    change = cloud.change("stop")
    mark = intend(change)
    change.act(mark)
    effect_of(cloud, "stop", mark)
    cloud.change("stop").act(mark)
    assert effect_of(cloud, "stop", mark).reached
    assert not cloud.compute().look(cloud.service).running


def test_an_operator_that_may_not_is_refused_by_name_and_a_wrong_secret_is_not_repeated(cloud):
    for deed in DEEDS:
        cloud.prepare(deed)
        change = cloud.change(deed, operator=cloud.weak)
        mark = intend(change)
        with pytest.raises(Refused, match=r"docs/permissions-") as refused:
            change.act(mark)
        assert cloud.acts[deed].lower() in str(refused.value).lower()
    with pytest.raises(Refused) as refused:
        cloud.change("resize", operator=cloud.stranger).act(mark)
    assert "planted-and-wrong" not in str(refused.value)
    assert cloud.acted_count() == 0
    assert change.find_evidence(mark) is None


def test_a_throttled_cloud_is_retryable_for_looks_and_acts_and_nothing_happens(cloud):
    change = cloud.change("stop")
    mark = intend(change)
    cloud.break_("throttle")
    look = cloud.compute().look
    for asked in (change.check, lambda: change.act(mark), lambda: look(cloud.service)):
        with pytest.raises(Retryable) as throttled:
            asked()
        assert throttled.value.code == "throttled"
    cloud.mend()
    assert cloud.acted_count() == 0
    assert change.find_evidence(mark) is None


@pytest.mark.parametrize("deed", ["stop", "resize"])
def test_while_something_else_goes_on_nothing_is_done_and_what_goes_on_is_said(cloud, deed):
    change = cloud.change(deed)
    mark = intend(change)
    cloud.occupy()
    with pytest.raises((Retryable, Refused)) as busy:
        change.act(mark)
    assert busy.value.code in {"busy", "precondition"}
    assert busy.value.next_step
    assert cloud.acted_count() == 0
    cloud.mend()
    intend_soon(change)


def intend_soon(change: Change) -> Mark:
    """Once what goes on is over, and not before."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return intend(change)
        except (Retryable, Refused):
            assert time.monotonic() < until
            time.sleep(0.2)


def test_an_intent_without_a_baseline_is_never_judged(cloud):
    bare = Mark(key="0" * 64, run=uuid4(), intended_at=datetime.now(UTC))
    for deed in DEEDS:
        change = cloud.change(deed)
        for asked in (change.find_evidence, change.read_effect, change.act):
            with pytest.raises(Broken, match="baseline"):
                asked(bare)
    assert cloud.acted_count() == 0


def test_what_a_site_could_still_take_is_said_with_what_nobody_knows(cloud):
    look = cloud.compute().capacity(cloud.site)
    assert look.site == cloud.site.name
    assert all(left >= -1 for left in (look.cores_free, look.ram_free_mib, look.instances_free))
    assert max(look.cores_free, look.instances_free) > 0
    assert "quota" in look.text
    assert look.pool == cloud.compute().capacity(cloud.site).pool != "", "two looks know that they see one room"


def test_what_cannot_be_evacuated_is_refused_and_says_what_happens_instead(cloud):
    if cloud.evacuates:
        return
    with pytest.raises(Refused) as refused:
        cloud.compute().evacuate(cloud.service)
    assert refused.value.next_step
