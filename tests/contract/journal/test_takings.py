"""What was taken from a site is remembered by the step that took it, whichever move that was, and by no other platform's."""

from __future__ import annotations

import hashlib

from blocks.ports.credentials import TAKEN, Touched
from blocks.ports.runs import RunState
from tasks.recovery.items import parse_item
from tasks.recovery.opening import taken_from
from tests.contract.journal.test_moves import open_run

REVOKE, GRANT = "revoke-credential:archive-writer:azure-west", "grant-credential:archive-writer:azure-west"


def touch(journal, item, kept, *, platform="hearth", action="failover", done=True):
    """A run of its own with that one step."""
    run, token = open_run(journal, platform, action)
    key = hashlib.sha256(f"{run}{item}".encode()).hexdigest()
    journal.intend(run, token, key=key, phase="fence", item=item, text=item, baseline={TAKEN: kept})
    if done:
        journal.finish_step(run, token, key, "so it is", None)
    journal.move_run(run, RunState.DONE if done else RunState.FAILED, reason="")


def taken(journal):
    return taken_from(journal, "hearth", parse_item(GRANT))


def test_every_move_of_the_platform_counts_newest_first_and_no_other_item_or_platform(journal):
    assert journal.touched("hearth", taking=REVOKE, giving=GRANT) == ()
    touch(journal, REVOKE, "first")
    touch(journal, GRANT, "first", action="failback")
    touch(journal, REVOKE, "second", action="rejoin", done=False)
    touch(journal, REVOKE.replace("archive-writer", "ledger"), "of another")
    touch(journal, REVOKE, "of another", platform="storefront")
    assert journal.touched("hearth", taking=REVOKE, giving=GRANT) == (
        Touched(gave_back=False, kept={TAKEN: "second"}, done=False),
        Touched(gave_back=True, kept={TAKEN: "first"}, done=True),
        Touched(gave_back=False, kept={TAKEN: "first"}, done=True),
    )


def test_what_is_given_back_is_what_was_taken_since_it_was_given_last(journal):
    assert taken(journal) == ""
    touch(journal, REVOKE, "as it was")
    touch(journal, REVOKE, "")  # the next failover, that goes on, finds it gone
    assert taken(journal) == "as it was"
    touch(journal, GRANT, "as it was", action="failback", done=False)
    assert taken(journal) == "as it was", "nobody knows whether it was given"
    touch(journal, GRANT, "as it was", action="failback")
    touch(journal, REVOKE, "")  # somebody took it for good in between
    assert taken(journal) == ""
