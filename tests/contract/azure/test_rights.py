"""A right is taken from whoever holds it and given back as it was, once, with evidence; whoever held it notices.

Over TLS against the simulated Azure, with the chain of policies that every other Azure writer has. What is asked after
an act is asked of a fresh adapter, as after a crash; what the holder may do is asked of Azure itself, as the holder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from blocks.azure.access import Access
from blocks.azure.actions import CREDENTIAL_ACTIONS, CREDENTIAL_LOOKS, EXAMINE_ACTIONS
from blocks.azure.block import AzureReader
from blocks.azure.rights import open_credential
from blocks.catalogue.recovery import RoleAssignment
from blocks.clock import SystemClock
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Change, EvidenceKind, Mark
from blocks.ports.credentials import TAKEN, Credential
from blocks.ports.network import Routes
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from deployments.sandbox.azure_kept import described, mark_seeds, restore
from deployments.sandbox.azure_rights import Rights
from deployments.sandbox.azure_seed import let_keep_rights
from deployments.sandbox.azure_store import Store
from tests.contract.azure.conftest import ARCHIVE, GROUP, SUBSCRIPTION
from tests.contract.clouds import simulated_azure

HOLDER, OTHER = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a", "0d0d0d0d-0d0d-4d0d-8d0d-0d0d0d0d0d0d"
READER_ROLE = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
NAME = "0c0c0c0c-0c0c-4c0c-8c0c-0c0c0c0c0c0c"
ADDRESS = f"{ARCHIVE}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
FRENCH = Voice("fr", "Europe/Paris")
CONDITION = {"condition": "@Resource[a:b] StringEquals 'c'", "conditionVersion": "2.0", "description": "the till"}


@dataclass
class Held:
    """One right on the archive, and what a test may do to it."""

    cloud: Any
    store: Store
    opened: list[str] = field(default_factory=list)

    def credential(self, operator: Any = None, **changes: str) -> Credential:
        """A fresh one, as after a crash."""
        plain = {
            "name": "archive-writer",
            "kind": "azure.role_assignment",
            "holder": "azure-west",
            "site": "azure-west",
            "resource": ADDRESS,
            "principal": HOLDER,
            "role": READER_ROLE,
        }

        def opening() -> Any:
            self.opened.append("operator")
            return operator or self.cloud.operator

        declared = RoleAssignment.model_validate(plain | changes)
        return open_credential(declared, self.cloud.reader, opening, routes=Routes(), clock=SystemClock())

    def revoke(self, **changes: Any) -> Change:
        return self.credential(**changes).revoke()

    def grant(self, taken: str, **changes: Any) -> Change:
        return self.credential(**changes).grant(taken)

    @property
    def right(self) -> Any:
        return self.store.rights.held[ADDRESS.lower()]

    def may_read(self) -> bool:
        """Whether the holder may look at the archive, asked as the holder."""
        fields = {"client_id": HOLDER, "client_secret": "holding-secret"}
        block = AzureReader(**(self.cloud.reader.model_dump(exclude={"client_id", "client_secret"}) | fields))
        access = Access(block, lambda: block, None, SystemClock())
        try:
            access.look(ARCHIVE, lambda azure: azure.get(ARCHIVE, "2023-01-01"))
        except Refused:
            return False
        return True

    def sent(self) -> list[str]:
        """What was asked to be changed, in the operator's name."""
        return [
            one["method"]
            for one in self.cloud.simulator.traffic.exchanges
            if one["caller"] == "acting" and one["method"] != "GET"
        ]

    def calls(self) -> set[tuple[str, str]]:
        return set(self.cloud.calls())


@pytest.fixture
def held(tmp_path) -> Iterator[Held]:
    store = Store()
    store.seed(ARCHIVE, "Microsoft.Storage/storageAccounts", "westeurope")
    store.rights.seed(ADDRESS, HOLDER, READER_ROLE)
    store.rights.held[ADDRESS.lower()].body["properties"] |= CONDITION
    let_keep_rights(store, "acting")
    with simulated_azure(tmp_path, store) as cloud:
        cloud.simulator.login.others[HOLDER] = "holding-secret"
        cloud.simulator.granted_to["acting"] = list(EXAMINE_ACTIONS)  # the rest it may by its right at the archive
        yield Held(cloud, store)


def intend(change: Change) -> Mark:
    change.check()
    return Mark(key=uuid4().hex * 2, run=UUID(int=7), intended_at=datetime.now(UTC), baseline=change.read_baseline())


def taken(held: Held) -> str:
    """What the journal would keep of it."""
    change = held.revoke()
    mark = intend(change)
    change.act(mark)
    return mark.baseline[TAKEN]


# -- taken away and given back ------------------------------------------------------------------


def test_who_held_it_may_no_more_and_may_again_once_it_is_given_back(held):
    assert held.may_read()
    before = dict(held.right.body["properties"])
    change = held.revoke()
    mark = intend(change)
    assert change.find_evidence(mark) is None
    early = change.read_effect(mark)
    assert not early.reached
    assert held.opened == [], "looking never opens the operator's credential"
    given = change.act(mark)
    assert given is not None
    assert given.reference
    late = held.revoke().read_effect(mark)
    assert late.reached
    assert held.revoke().find_evidence(mark).kind is EvidenceKind.GONE
    assert not held.may_read()
    assert (held.sent(), held.opened) == (["DELETE"], ["operator"])

    back = held.grant(mark.baseline[TAKEN])
    again = intend(back)
    assert back.find_evidence(again) is None
    assert not back.read_effect(again).reached
    assert back.act(again).reference
    there = held.grant(mark.baseline[TAKEN]).read_effect(again)
    assert there.reached
    assert held.grant(mark.baseline[TAKEN]).find_evidence(again).kind is EvidenceKind.GENERATION
    assert held.may_read()
    assert held.sent() == ["DELETE", "PUT"]
    decided = {name: before[name] for name in (*CONDITION, "principalId", "principalType", "roleDefinitionId", "scope")}
    assert {name: held.right.body["properties"][name] for name in decided} == decided, "word for word as it was"
    for told in (change.text, back.text, early.text, late.text, there.text):
        assert retell(FRENCH, told) != told, told


def test_a_look_says_whether_it_is_there_and_whose_it_is(held):
    look = held.credential().look()
    assert (look.name, look.held, look.fits) == ("archive-writer", True, True)
    assert look.text == "credential archive-writer of azure-west is there"
    taken(held)
    look = held.credential().look()
    assert (look.held, look.fits, look.text) == (False, True, "credential archive-writer of azure-west is not there")


def test_a_change_whose_answer_is_lost_is_retryable_and_its_evidence_is_found(held):
    change = held.revoke()
    mark = intend(change)
    held.cloud.break_("hearthararchive", "drop-after")
    with pytest.raises(Retryable):
        change.act(mark)
    held.cloud.mend("hearthararchive")
    assert held.revoke().find_evidence(mark).kind is EvidenceKind.GONE
    back = held.grant(mark.baseline[TAKEN])
    again = intend(back)
    held.cloud.break_("hearthararchive", "drop-after")
    with pytest.raises(Retryable):
        back.act(again)
    held.cloud.mend("hearthararchive")
    assert held.grant(mark.baseline[TAKEN]).find_evidence(again).kind is EvidenceKind.GENERATION
    assert held.sent() == ["DELETE", "PUT"], "nobody sent it twice, no library either"


def test_a_slow_effect_is_waited_for_and_the_log_proves_what_shows_nothing(held):
    held.cloud.simulator.log.late = held.cloud.simulator.log.late * 0
    change = held.revoke()
    mark = intend(change)
    held.cloud.break_("hearthararchive", "slow-effect")
    change.act(mark)
    assert not held.revoke().read_effect(mark).reached
    assert held.revoke().find_evidence(mark).kind is EvidenceKind.CLIENT_TOKEN
    held.cloud.mend("hearthararchive")
    _until(lambda: held.revoke().read_effect(mark).reached)
    back = held.grant(mark.baseline[TAKEN])
    again = intend(back)
    held.cloud.break_("hearthararchive", "no-effect")
    back.act(again)
    assert not held.grant(mark.baseline[TAKEN]).read_effect(again).reached
    assert held.grant(mark.baseline[TAKEN]).find_evidence(again).kind is EvidenceKind.CLIENT_TOKEN


def test_done_twice_is_done_once_and_is_no_evidence_for_the_next_intent(held):
    kept = taken(held)
    again = held.revoke()
    mark = intend(again)
    assert mark.baseline == {TAKEN: ""}, "there was nothing to take"
    assert again.act(mark) is None
    assert again.find_evidence(mark) is None
    assert again.read_effect(mark).reached
    for number in range(2):
        back = held.grant(kept)
        mark = intend(back)
        assert (back.act(mark) is None) is bool(number)
        assert back.read_effect(mark).reached
    assert held.grant(kept).find_evidence(mark) is None, "it was there before"
    assert held.sent() == ["DELETE", "PUT"]


def test_where_nothing_was_taken_nothing_is_given(held):
    held.store.rights.held.clear()
    change = held.grant("")
    mark = intend(change)
    assert change.act(mark) is None
    assert change.find_evidence(mark) is None
    seen = change.read_effect(mark)
    assert (seen.reached, seen.text) == (
        True,
        "nothing was taken of credential archive-writer of azure-west, so nothing is given back",
    )
    assert retell(FRENCH, seen.text) != seen.text
    assert held.opened == []


# -- what is left alone -------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"principal": OTHER}, {"role": OTHER}])
def test_what_the_plan_does_not_name_is_left_alone(held, changes):
    look = held.credential(**changes).look()
    assert (look.held, look.fits) == (True, False)
    assert f"is of principal {HOLDER} and role {READER_ROLE}" in look.text
    assert retell(FRENCH, look.text) != look.text
    kept = json.dumps({"principalId": HOLDER, "roleDefinitionId": f"/x/{READER_ROLE}"})
    for change in (held.revoke(**changes), held.grant(kept, **changes)):
        with pytest.raises(Refused, match="it is left alone") as refused:
            change.check()
        assert refused.value.code == "changed"
        assert refused.value.next_step
    assert held.sent() == []


def test_what_somebody_changed_meanwhile_is_not_taken_nor_written_over(held):
    change = held.revoke()
    mark = intend(change)
    held.right.body["properties"]["condition"] = "another"
    with pytest.raises(Refused, match="somebody changed credential archive-writer of azure-west meanwhile"):
        change.act(mark)
    kept = taken(held)
    back = held.grant(kept)
    mark = intend(back)
    held.right.set(_somebody_s(), "")
    with pytest.raises(Refused, match="somebody changed"):
        back.act(mark)
    assert held.sent() == ["DELETE"]


def _somebody_s() -> dict[str, Any]:
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{OTHER}"
    properties = {"principalId": OTHER, "roleDefinitionId": definition, "scope": ARCHIVE}
    return {"id": ADDRESS, "name": NAME, "type": "Microsoft.Authorization/roleAssignments", "properties": properties}


def test_the_same_right_under_another_name_is_said_so(held):
    kept = taken(held)
    elsewhere = ADDRESS.replace(NAME, OTHER)
    held.store.rights.seed(elsewhere, HOLDER, READER_ROLE)
    change = held.grant(kept)
    with pytest.raises(Refused, match="the same right is there already, under another name") as refused:
        change.act(intend(change))
    assert "recovery plan" in refused.value.next_step


def test_a_lock_in_azure_is_named(held):
    mark = intend(held.revoke())
    held.store.rights.locked.add(ARCHIVE)
    with pytest.raises(Refused, match="a lock forbids it") as refused:
        held.revoke().act(mark)
    assert refused.value.code == "locked"
    assert held.may_read()


def test_an_operator_that_may_not_is_refused_by_name_and_a_wrong_secret_is_not_repeated(held):
    mark = intend(held.revoke())
    with pytest.raises(Refused, match=r"roleAssignments/delete.*docs/permissions-azure.md"):
        held.revoke(operator=held.cloud.weak).act(mark)
    with pytest.raises(Refused) as refused:
        held.revoke(operator=held.cloud.stranger).act(mark)
    assert "planted-and-wrong" not in str(refused.value)
    assert held.may_read()


def test_whether_the_operator_could_take_it_is_seen_without_taking_it(held):
    assert held.credential().may_take() == ""
    said = held.credential(operator=held.cloud.weak).may_take()
    assert said == f"the operator may not perform {', '.join(CREDENTIAL_ACTIONS)} there"
    assert retell(FRENCH, said) != said
    assert held.sent() == []


@pytest.mark.parametrize("how", ["throttle", "error", "region-down"])
def test_silence_of_the_provider_is_never_taken_for_gone(held, how):
    change = held.revoke()
    mark = intend(change)
    held.cloud.break_("hearthararchive", how)
    for ask in (held.credential().look, lambda: change.read_effect(mark), lambda: change.find_evidence(mark)):
        with pytest.raises(Retryable):
            ask()
    held.cloud.mend("hearthararchive")


def test_only_azures_own_word_for_an_absent_assignment_counts_as_gone(held):
    nowhere = ADDRESS.replace(SUBSCRIPTION, "99999999-9999-4999-8999-999999999999")
    with pytest.raises(Broken, match="SubscriptionNotFound"):
        held.credential(resource=nowhere).look()


@pytest.mark.parametrize("resource", [ARCHIVE, "archive-writer", f"{ADDRESS}/x"])
def test_an_address_that_is_none_is_refused_before_anybody_is_asked(held, resource):
    with pytest.raises(Broken, match="not the address of a role assignment"):
        held.credential(resource=resource)


def test_an_intent_without_a_baseline_proves_nothing(held):
    mark = Mark(key=uuid4().hex * 2, run=UUID(int=7), intended_at=datetime.now(UTC))
    for change in (held.revoke(), held.grant("")):
        for ask in (change.find_evidence, change.act, change.read_effect):
            with pytest.raises(Broken, match="no baseline"):
                ask(mark)


# -- whose right it takes -----------------------------------------------------------------------


def test_taking_and_giving_use_exactly_what_is_documented(held):
    kept = taken(held)
    back = held.grant(kept)
    mark = intend(back)
    back.find_evidence(mark)
    back.act(mark)
    acts = {action for who, action in held.calls() if who == "acting"}
    looks = {action for who, action in held.calls() if who == "reading"}
    assert acts == {action.lower() for action in CREDENTIAL_ACTIONS}
    assert looks == {action.lower() for action in CREDENTIAL_LOOKS}


# -- the simulator ------------------------------------------------------------------------------


def test_a_right_that_was_taken_is_not_there_again_after_the_sandbox_began_anew(held):
    mark_seeds(held.store)
    taken(held)
    left = json.loads(json.dumps(described(held.store, held.cloud.simulator.log)))
    anew = Store()
    anew.seed(ARCHIVE, "Microsoft.Storage/storageAccounts", "westeurope")
    anew.rights.seed(ADDRESS, HOLDER, READER_ROLE)
    mark_seeds(anew)
    restore(anew, held.cloud.simulator.log, left)
    assert anew.rights.held[ADDRESS.lower()].now() is None
    other = Rights()
    other.seed(ADDRESS, OTHER, READER_ROLE)  # the catalogue says somebody else by now
    other.restore(left["rights"])
    assert other.held[ADDRESS.lower()].now()["properties"]["principalId"] == OTHER


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "InvalidRequestContent"),
        ({"properties": {"principalId": HOLDER}}, "InvalidRequestContent"),
        ({"properties": {"principalId": HOLDER, "roleDefinitionId": f"/x/{OTHER}", "right": 1}}, "InvalidRequestContent"),
        ({"properties": {"principalId": "till", "roleDefinitionId": f"/x/{OTHER}"}}, "InvalidPrincipalId"),
        ({"properties": {"principalId": HOLDER, "roleDefinitionId": "/x/reader"}}, "InvalidRoleDefinitionId"),
        ({"properties": {"principalId": HOLDER, "roleDefinitionId": f"/x/{OTHER}"}}, "RoleAssignmentUpdateNotPermitted"),
        ({"properties": {"principalId": HOLDER, "roleDefinitionId": f"/x/{READER_ROLE}"}}, "RoleAssignmentExists"),
    ],
)  # fmt: skip
def test_the_simulator_refuses_what_azure_refuses(body, code):
    from deployments.sandbox.azure_resources import ArmError

    rights = Rights()
    rights.seed(ADDRESS, HOLDER, READER_ROLE)
    with pytest.raises(ArmError) as refused:
        rights.answer("PUT", ADDRESS, body, caller="somebody")
    assert refused.value.code == code


def test_a_right_counts_at_its_scope_and_below_and_for_its_principal_only():
    rights = Rights()
    rights.seed(ADDRESS, HOLDER, READER_ROLE)
    assert rights.allowed(HOLDER, ARCHIVE) == ["*/read"]
    assert rights.allowed(HOLDER, f"{ARCHIVE}/blobServices/default") == ["*/read"]
    for caller, path in ((OTHER, ARCHIVE), (HOLDER, GROUP), (HOLDER, f"{ARCHIVE}2")):
        assert rights.allowed(caller, path) == []


def _until(true: Any) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)
