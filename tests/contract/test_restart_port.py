"""One contract for every adapter of the Restarter port: evidence before all else, and never without the act.

Each test has a cloud of its own (tests/contract/clouds.py), spoken to by the official SDKs over TLS. What is
asked after an act is asked of a fresh adapter, as after a crash.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from blocks.catalogue.kinds import KINDS
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Change, Evidence, Mark, Seen
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tests.contract.clouds import CLOUDS, Cloud

pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
PATIENCE_S = 30.0
FRENCH = Voice("fr", "Europe/Paris")
ACTS = ("/restart/action", ":servers:reboot", ":terminateinstanceinautoscalinggroup")


def change_of(cloud: Cloud, item: str | None = None, operator=None) -> Change:
    return cloud.restarter(operator).restart(cloud.platform, cloud.service, item or cloud.items()[0])


def intend(change: Change) -> Mark:
    """What the engine records before it acts."""
    change.check()
    key = uuid4().hex + uuid4().hex
    return Mark(key=key, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))


def evidence_of(cloud: Cloud, item: str, mark: Mark) -> Evidence:
    """Asked until the provider shows it."""
    until = time.monotonic() + PATIENCE_S
    while (found := change_of(cloud, item).find_evidence(mark)) is None:
        assert time.monotonic() < until, "no evidence of what was done"
        time.sleep(0.2)
    assert found.reference
    assert found.text.isprintable()
    return found


def effect_of(cloud: Cloud, item: str, mark: Mark) -> list[Seen]:
    """Every look until the goal was reached."""
    until, looks = time.monotonic() + PATIENCE_S, list[Seen]()
    while not looks or not looks[-1].reached:
        assert time.monotonic() < until, looks[-1].text
        looks.append(change_of(cloud, item).read_effect(mark))
        time.sleep(0.1)
    return looks


def test_every_kind_that_is_restarted_is_held_to_this():
    assert {name for name, kind in KINDS.items() if kind.restarts} == set(CLOUDS)


def test_targets_are_named_for_people_and_by_the_providers_own_ids(cloud):
    targets = cloud.restarter().read_targets(cloud.platform, cloud.service)
    assert len({target.item for target in targets}) == len(targets) > 0
    for target in targets:
        assert target.text
        assert target.expected.total_seconds() > 0
        change = cloud.restarter().restart(cloud.platform, cloud.service, target.item)
        assert change.text.startswith(("restart ", "replace "))
        assert change.patience.at_most > target.expected > change.patience.every
    assert cloud.items() == [target.item for target in targets]


def test_before_the_act_there_is_no_evidence_and_no_effect_however_well_it_is(cloud):
    item = cloud.items()[0]
    mark = intend(change_of(cloud))
    assert mark.baseline
    for _ in range(3):
        assert change_of(cloud, item).find_evidence(mark) is None
        seen = change_of(cloud, item).read_effect(mark)
        assert not seen.reached
        assert seen.text
    assert cloud.acted_count() == 0


def test_looking_never_opens_the_operators_credential_and_acting_opens_it_once(cloud):
    change = change_of(cloud)
    mark = intend(change)
    change.find_evidence(mark)
    change.read_effect(mark)
    assert cloud.opened == []
    change.act(mark)
    assert cloud.opened == ["operator"]


def test_after_the_act_a_fresh_adapter_finds_the_evidence_and_then_the_effect(cloud):
    item, change = cloud.items()[0], change_of(cloud)
    mark = intend(change)
    cloud.break_("slow-effect")
    given = change.act(mark)
    assert given is not None
    assert given.reference
    assert evidence_of(cloud, item, mark)
    early = change_of(cloud, item).read_effect(mark)
    assert not early.reached, "it takes its time"
    cloud.mend()
    late = effect_of(cloud, item, mark)[-1]
    assert late.text != early.text
    for told in (change.text, f"{change.text} may begin", early.text, late.text):
        assert retell(FRENCH, told) != told  # a French customer reads it on the card
    assert evidence_of(cloud, item, mark)
    assert cloud.acted_count() == 1


def test_an_act_whose_answer_is_lost_is_retryable_and_its_evidence_is_found(cloud):
    item, change = cloud.items()[0], change_of(cloud)
    mark = intend(change)
    cloud.break_("drop-after")
    with pytest.raises(Retryable):
        change.act(mark)
    cloud.mend()
    assert evidence_of(cloud, item, mark)
    assert effect_of(cloud, item, mark)[-1].reached
    assert cloud.acted_count() == 1
    sent = [action for _, action in cloud.calls() if action.lower().endswith(ACTS)]
    assert len(sent) == 1, "nobody sent it twice, no library either"


def test_the_restart_of_one_thing_is_no_evidence_for_another(cloud):
    item = cloud.items()[0]
    other = next(each for each in (*cloud.items(cloud.other), *cloud.items()) if each != item)
    about_other = change_of(cloud, other)
    mark, mark_of_other = intend(change_of(cloud)), intend(about_other)
    change_of(cloud).act(mark)
    assert evidence_of(cloud, item, mark)
    assert effect_of(cloud, item, mark)
    assert change_of(cloud, other).find_evidence(mark_of_other) is None
    assert not change_of(cloud, other).read_effect(mark_of_other).reached


def test_a_restart_is_no_evidence_for_the_next_intent(cloud):
    item, change = cloud.items()[0], change_of(cloud)
    mark = intend(change)
    change.act(mark)
    effect_of(cloud, item, mark)
    item = cloud.items()[0]
    time.sleep(1)  # Azure's log is late
    again = intend(change_of(cloud, item))
    assert change_of(cloud, item).find_evidence(again) is None
    assert not change_of(cloud, item).read_effect(again).reached


def test_a_goal_that_is_never_reached_is_told_as_such(cloud):
    item, change = cloud.items()[0], change_of(cloud)
    mark = intend(change)
    cloud.break_("no-effect")
    change.act(mark)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        seen = change_of(cloud, item).read_effect(mark)
        assert not seen.reached, seen.text
        time.sleep(0.3)
    assert any(character.isdigit() for character in seen.text) or "REBOOT" in seen.text or "State/" in seen.text


def test_an_operator_that_may_not_is_refused_by_name_and_nothing_happens(cloud):
    change = change_of(cloud, operator=cloud.weak)
    mark = intend(change)
    with pytest.raises(Refused, match=r"(?i)(restart/action|TerminateInstance|servers:reboot).*docs/permissions-"):
        change.act(mark)
    assert cloud.acted_count() == 0
    assert change.find_evidence(mark) is None


def test_a_wrong_secret_is_refused_and_not_repeated_in_the_message(cloud):
    change = change_of(cloud, operator=cloud.stranger)
    mark = intend(change)
    with pytest.raises(Refused) as refused:
        change.act(mark)
    assert "planted-and-wrong" not in str(refused.value)
    assert cloud.acted_count() == 0


def test_a_throttled_cloud_is_retryable_for_looks_and_acts_and_nothing_happens(cloud):
    change = change_of(cloud)
    mark = intend(change)
    cloud.break_("throttle")
    for asked in (change.check, change.read_baseline, lambda: change.find_evidence(mark), lambda: change.act(mark)):
        with pytest.raises(Retryable) as throttled:
            asked()
        assert throttled.value.code == "throttled"
    cloud.mend()
    assert cloud.acted_count() == 0
    assert change.find_evidence(mark) is None


def test_what_must_not_be_done_now_is_refused_with_what_was_seen(cloud):
    change = change_of(cloud)
    cloud.unready()
    with pytest.raises(Refused, match=cloud.refusal) as refused:
        change.check()
    assert refused.value.next_step
    assert refused.value.code == "precondition"


def test_an_intent_without_a_baseline_is_never_judged(cloud):
    change = change_of(cloud)
    bare = Mark(key="0" * 64, run=uuid4(), intended_at=datetime.now(UTC))
    for asked in (change.find_evidence, change.read_effect):
        with pytest.raises(Broken, match="baseline"):
            asked(bare)


def test_what_is_declared_repeatable_is_harmless_when_done_twice(cloud):
    item, change = cloud.items()[0], change_of(cloud)
    assert change.repeatable == (cloud.name == "azure.app_service"), "the only one whose evidence may be late"
    if not change.repeatable:
        return
    mark = intend(change)
    change.act(mark)
    change_of(cloud, item).act(mark)
    assert effect_of(cloud, item, mark)[-1].reached
    assert evidence_of(cloud, item, mark)
    change_of(cloud, item).check()
