"""A name is led to another site once, signed, and only from the value that was seen; on bind9 and in the sandbox."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dns.flags
import dns.message
import dns.rcode
import pytest

from blocks.dns.block import TsigKey
from blocks.dns.examine import examine_key
from blocks.errors import Broken, Refused, Retryable
from blocks.ports.changes import Change, EvidenceKind, Mark
from tests.contract.dns.conftest import DC, WEST, new_key, placed, sandbox

TO_DC = {"azure-west": 0, "dc-west": 100}
TO_WEST = {"azure-west": 100, "dc-west": 0}


def intend(change: Change) -> Mark:
    """What the engine records before it acts."""
    change.check()
    key = uuid4().hex + uuid4().hex
    return Mark(key=key, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))


def test_the_site_whose_value_stands_there_has_all_clients(place):
    assert place.traffic().read_shares() == {"azure-west": 100, "dc-west": 0}
    assert place.traffic().entrances() == {"azure-west": WEST, "dc-west": DC}
    place.somebody_writes(DC)
    assert place.traffic().read_shares() == {"azure-west": 0, "dc-west": 100}
    assert place.opened == []


def test_a_value_that_is_no_sites_is_said_and_never_overwritten(place):
    change = place.traffic().shift(TO_DC)
    for values, said in ((("203.0.113.66",), "203.0.113.66"), ((WEST, DC), f"{WEST} and {DC}"), ((), "nothing")):
        place.somebody_writes(*values)
        for asked in (place.traffic().read_shares, change.check):
            with pytest.raises(Refused, match=rf"leads to {said}, which is no site's value.*{WEST} \(azure-west\)"):
                asked()


def test_a_shift_is_one_signed_change_with_evidence_that_a_fresh_adapter_finds(place):
    change = place.traffic().shift(TO_DC)
    assert change.text == f"lead db.hearth.example to dc-west ({DC})"
    assert not change.repeatable
    mark = intend(change)
    assert change.find_evidence(mark) is None
    assert not change.read_effect(mark).reached
    assert place.opened == []
    given = change.act(mark)
    assert given is not None
    assert given.kind is EvidenceKind.GENERATION
    assert (place.stands(), place.opened, place.line.changes) == ([DC], ["operator"], 1)
    again = place.traffic().shift(TO_DC)
    assert again.find_evidence(mark) == given
    seen = again.read_effect(mark)
    assert (seen.reached, seen.text) == (True, f"db.hearth.example leads to {DC}, time to live 30 s")


def test_there_and_back_each_with_its_own_evidence(place):
    there = place.traffic().shift(TO_DC)
    first = intend(there)
    there.act(first)
    back = place.traffic().shift(TO_WEST)
    second = intend(back)
    assert back.find_evidence(second) is None
    back.act(second)
    assert back.read_effect(second).reached
    assert not there.read_effect(first).reached
    assert there.find_evidence(first) is None, "what was undone since proves nothing"


def test_what_leads_there_already_is_not_changed(place):
    change = place.traffic().shift(TO_WEST)
    mark = intend(change)
    assert change.act(mark) is None
    assert change.read_effect(mark).reached
    assert (place.line.changes, place.opened) == (0, [])


def test_a_change_whose_answer_is_lost_is_found_and_not_repeated(place):
    change = place.traffic().shift(TO_DC)
    mark = intend(change)
    place.line.lose_answers_to_changes()
    with pytest.raises(Retryable):
        change.act(mark)
    assert place.line.changes == 1
    fresh = place.traffic().shift(TO_DC)
    assert fresh.find_evidence(mark) is not None
    assert fresh.read_effect(mark).reached


def test_a_change_that_never_arrived_is_made_by_the_next_try(place):
    change = place.traffic().shift(TO_DC)
    mark = intend(change)
    passing, place.line.alter = place.line.alter, lambda wire, ask: None if (wire[2] >> 3) & 15 == 5 else ask(wire)
    with pytest.raises(Retryable):
        change.act(mark)
    place.line.alter = passing
    assert change.find_evidence(mark) is None
    change.check()
    assert change.act(mark) is not None
    assert place.stands() == [DC]


@pytest.mark.parametrize("theirs", [("203.0.113.66",), (WEST, "203.0.113.66"), ()])
def test_what_somebody_else_changed_meanwhile_stays_and_both_values_are_named(place, theirs):
    change = place.traffic().shift(TO_DC)
    mark = intend(change)
    place.somebody_writes(*theirs)
    said = " and ".join(theirs) or "nothing"
    with pytest.raises(
        Refused, match=rf"somebody else meanwhile: it led to {WEST} when .* leads to {said} now"
    ) as told:
        change.act(mark)
    assert told.value.code == "changed"
    assert place.stands() == sorted(theirs)
    assert place.line.changes == 1, "the server itself refused it"


def test_a_record_that_was_missing_is_made_only_while_it_is_missing(place):
    place.somebody_writes()
    change = place.traffic().shift(TO_DC)
    mark = Mark(key="0" * 64, run=uuid4(), intended_at=datetime.now(UTC), baseline=dict(change.read_baseline()))
    place.somebody_writes("203.0.113.66")
    with pytest.raises(Refused, match="it led to nothing when"):
        change.act(mark)
    place.somebody_writes()
    assert change.act(mark) is not None
    assert place.stands() == [DC]


@pytest.mark.parametrize(
    "shares",
    [
        {"azure-west": 75, "dc-west": 25},
        {"azure-west": 100, "dc-west": 100},
        {"azure-west": 0, "dc-west": 0},
        {"azure-west": 0, "elsewhere": 100},
        {},
    ],
)
def test_a_name_leads_to_one_site_as_a_whole(place, shares):
    with pytest.raises(Refused, match="can lead to one site as a whole"):
        place.traffic().shift(shares)


def test_clients_follow_within_the_time_to_live_that_is_served(place):
    assert place.traffic().clients_follow_within() == timedelta(seconds=30)
    change = place.traffic(ttl="10s").shift(TO_DC)
    change.act(intend(change))
    served = place.traffic().clients_follow_within()
    assert served == timedelta(seconds=30 if place.name == "sandbox" else 10), "the sandbox serves one for all"


@pytest.mark.parametrize("wrong", ["unknown name", "wrong secret"])
def test_a_key_that_the_server_does_not_know_is_refused_and_not_repeated_in_the_message(place, wrong):
    stranger = new_key("nobody" if wrong == "unknown name" else place.operator.name)
    change = place.traffic(stranger).shift(TO_DC)
    mark = intend(change)
    with pytest.raises(Refused, match="does not accept our key") as refused:
        change.act(mark)
    assert refused.value.code == "credentials"
    assert stranger.secret.get_secret_value() not in str(refused.value)
    assert place.stands() == [WEST]


def test_a_key_is_tried_without_changing_anything(place):
    traffic = place.traffic()
    (found,) = examine_key(place.operator, traffic.switch, traffic.routes)
    assert found.allowed is True
    for stranger in (new_key("nobody"), new_key(place.operator.name)):
        (found,) = examine_key(stranger, traffic.switch, traffic.routes)
        assert found.allowed is False
        assert "does not accept our key" in found.detail
        assert stranger.secret.get_secret_value() not in found.detail
    assert place.stands() == [WEST]
    assert place.line.changes == 0


def test_a_key_cannot_be_tried_where_nobody_answers(place):
    traffic = place.traffic()
    place.line.alter = lambda _wire, _ask: None
    with pytest.raises(Retryable):
        examine_key(place.operator, traffic.switch, traffic.routes)


def test_a_name_that_the_key_may_not_change_is_refused(place):
    values = {"azure-west": "192.0.2.10", "dc-west": "198.51.100.10"}
    change = place.traffic(record="api.hearth.example", values=values).shift(TO_DC)
    mark = intend(change)
    with pytest.raises(Refused, match=r"does not accept our key for this.*update-policy"):
        change.act(mark)
    assert not change.read_effect(mark).reached


def test_an_unsigned_change_is_refused_by_the_server(place):
    import dns.query
    import dns.update

    message = dns.update.UpdateMessage("hearth.example.")
    message.replace("db", 30, "A", DC)
    said = dns.query.tcp(message, "127.0.0.1", 5, port=place.port).rcode()
    assert said in {dns.rcode.REFUSED, dns.rcode.NOTAUTH}
    assert place.stands() == [WEST]


def test_a_server_that_is_not_the_zones_is_broken(place):
    with pytest.raises((Broken, Refused), match=r"does not serve zone|does not accept"):
        place.traffic(zone="example.net", record="db.example.net").read_shares()


def test_a_closed_port_is_retryable(place):
    place.line.close()
    with pytest.raises(Retryable, match="could not be reached"):
        place.traffic().read_shares()


def test_an_intent_without_a_baseline_is_never_judged(place):
    bare = Mark(key="0" * 64, run=uuid4(), intended_at=datetime.now(UTC))
    change = place.traffic().shift(TO_DC)
    for asked in (change.find_evidence, change.act, change.read_effect):
        with pytest.raises(Broken, match="baseline"):
            asked(bare)


# -- answers that no honest server gives, once is enough ----------------------------------------------


@pytest.fixture
def odd(tmp_path):
    with sandbox(tmp_path) as served, placed("sandbox", *served) as found:
        yield found


def to_changes(answer):
    """Questions pass; a change gets what `answer` makes of it."""
    return lambda wire, ask: answer(wire) if (wire[2] >> 3) & 15 == 5 else ask(wire)


def signed(place, rcode, **more):
    def answer(wire):
        reply = dns.message.make_response(dns.message.from_wire(wire, keyring=place.operator.key()), **more)
        reply.set_rcode(rcode)
        return reply.to_wire()

    return to_changes(answer)


def test_an_unsigned_yes_is_not_believed(odd):
    change = odd.traffic().shift(TO_DC)
    mark = intend(change)
    odd.line.alter = to_changes(
        lambda wire: dns.message.make_response(dns.message.from_wire(wire, question_only=True)).to_wire()
    )
    with pytest.raises(Broken, match="or is not signed as it must be"):
        change.act(mark)


def test_a_yes_signed_by_another_key_is_not_believed(odd):
    change = odd.traffic().shift(TO_DC)
    mark = intend(change)

    def answer(wire):
        reply = dns.message.make_response(dns.message.from_wire(wire, keyring=odd.operator.key()))
        reply.use_tsig(new_key(odd.operator.name).key())
        return reply.to_wire()

    odd.line.alter = to_changes(answer)
    with pytest.raises(Broken, match="somebody else may have answered"):
        change.act(mark)


@pytest.mark.parametrize(
    ("rcode", "error"), [(dns.rcode.SERVFAIL, Retryable), (dns.rcode.NOTIMP, Broken), (dns.rcode.FORMERR, Broken)]
)
def test_a_server_that_fails_is_told_apart_from_one_that_will_not(odd, rcode, error):
    change = odd.traffic().shift(TO_DC)
    mark = intend(change)
    odd.line.alter = signed(odd, rcode)
    with pytest.raises(error, match=dns.rcode.to_text(rcode)):
        change.act(mark)
    assert odd.stands() == [WEST]


def test_an_answer_from_memory_is_not_taken_for_the_servers_own(odd):
    def alter(wire, ask):
        reply = dns.message.from_wire(ask(wire))
        reply.flags &= ~dns.flags.AA
        return reply.to_wire()

    odd.line.alter = alter
    with pytest.raises(Broken, match=r"does not serve zone hearth\.example itself"):
        odd.traffic().read_shares()


def test_garbage_is_broken_and_silence_retryable_within_its_time(odd):
    odd.line.alter = lambda wire, ask: b"\x00" * 7
    with pytest.raises(Broken, match="makes no sense"):
        odd.traffic().read_shares()
    odd.line.alter = lambda wire, ask: time.sleep(6)
    began = time.monotonic()
    with pytest.raises(Retryable, match="no answer within 5 s"):
        odd.traffic().read_shares()
    assert time.monotonic() - began < 8


def test_clocks_that_differ_are_told(odd):
    change = odd.traffic().shift(TO_DC)
    mark = intend(change)
    odd.line.alter = signed(odd, dns.rcode.NOTAUTH, tsig_error=dns.rcode.BADTIME)
    with pytest.raises(Broken, match="clocks"):
        change.act(mark)


# -- the block ------------------------------------------------------------------------------------------


async def test_the_key_says_what_it_is_and_that_it_was_not_tried():
    key = new_key("vigie-hearth")
    (said,) = await key.examine()
    assert said.allowed is None
    assert "vigie-hearth (hmac-sha256)" in said.detail
    assert key.secret.get_secret_value() not in said.detail + repr(key)
    assert all(field.description for name, field in TsigKey.model_fields.items() if not name.startswith("_"))


@pytest.mark.parametrize("secret", ["", "not base64 !", "c2hvcnQ="])
def test_a_secret_that_is_none_is_refused(secret):
    with pytest.raises(ValueError, match="not base64 of at least 16 bytes"):
        TsigKey(name="k", secret=secret)
