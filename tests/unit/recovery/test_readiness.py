"""Would the plan work tonight? Everything that says no is a finding, and what nobody saw is one too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.catalogue.recovery import AddedStep, Promise
from blocks.errors import Refused
from blocks.ports.health import State
from blocks.ports.recovery import Waiting
from tasks.recovery.readiness import Evidence, findings, needed_credentials
from tasks.recovery.timing import PredictedRto
from tests.unit.recovery.scenes import (
    AZURE,
    CELLAR,
    HEARTH,
    NOW,
    PRIMARY,
    ROOM,
    STANDBY,
    STOPPED,
    database,
    held,
    with_plan,
)

BLOCKS = needed_credentials(HEARTH, HEARTH.recovery)
DRILLED = NOW - timedelta(days=20)


def rto(minutes):
    return PredictedRto(
        detection=timedelta(minutes=7),
        decision=timedelta(minutes=2),
        execution=timedelta(minutes=minutes),
        target=timedelta(minutes=15),
    )


def ready(**changes):
    values = {
        "now": NOW,
        "active": AZURE,
        "databases": {("household", AZURE): database(PRIMARY), ("household", CELLAR): database(STANDBY, behind_s=1)},
        "capacity": {CELLAR: ROOM},
        "traits": {("household", "server version"): {AZURE: "18.6", CELLAR: "18.6"}},
        "follow_within": {"api": timedelta(seconds=60), "database-name": timedelta(seconds=30)},
        "certificates_d": {(CELLAR, "api.dc-west.hearth.example:443"): 80.0},
        "credentials": dict.fromkeys(BLOCKS, ""),
        "held": held(),
        "takeable": {"archive-writer": ""},
        "last_drill_at": DRILLED,
        "last_restore_at": DRILLED,
        "predicted": rto(5),
        "control_plane": {"journal": "dc-north", "Prefect server": "dc-north", "gateway": "dc-north"},
    }
    return Evidence(**(values | changes))


def found(platform=HEARTH, **changes):
    return findings(platform, ready(**changes))


def test_a_plan_that_would_work_has_no_finding():
    assert found() == ()


def test_a_credential_that_a_failover_took_is_no_finding_while_its_holder_rests():
    moved = {"active": CELLAR, "databases": {("household", CELLAR): database(PRIMARY), ("household", AZURE): database(STANDBY)}}  # fmt: skip
    names = [each.name for each in found(**moved, held=held(here=False))]
    assert HELD not in names
    assert HELD in [each.name for each in found(**moved, held={})], "what nobody saw is one all the same"


def databases(standby=None, primary=None):
    return {
        ("household", AZURE): primary or database(PRIMARY),
        ("household", CELLAR): standby or database(STANDBY, behind_s=1),
    }


def traits(west, cellar):
    """Two traits that a look at each side gives; the second is alike where both were seen."""
    blind = {AZURE: "100", CELLAR: None if cellar is None else "100"}
    return {
        ("household", "server version"): {AZURE: west, CELLAR: cellar},
        ("household", "max_connections"): blind,
    }


C, W, U = State.CRITICAL, State.WARNING, State.UNKNOWN
HELD = "held-credential-archive-writer"
REPLICATION = "replication-household-dc-west"
TABLE = {
    "stopped standby": ({"databases": databases(database(STOPPED))}, REPLICATION, C, "household in dc-west could not be promoted: the database is stopped"),
    "standby not looked at": ({"databases": {("household", AZURE): database(PRIMARY)}}, REPLICATION, C, "nobody could look at it"),
    "over the rpo": ({"databases": databases(database(STANDBY, behind_s=301))}, REPLICATION, C, "is 301 s behind, over the rpo of 5min"),
    "over half the rpo": ({"databases": databases(database(STANDBY, behind_s=151))}, REPLICATION, W, "is 151 s behind, over half the rpo of 5min"),
    "no heartbeat": ({"databases": databases(database(STANDBY, heartbeat_at=None))}, REPLICATION, U, "no heartbeat to compare"),
    "a dead primary": ({"databases": databases(primary=database(STOPPED))}, REPLICATION, U, "no heartbeat to compare"),
    "an orphan slot": ({"databases": databases(primary=database(PRIMARY, slots={"old": False, "hearth_db2": True}))}, "slot-household-old", W, "slot old of household is used by nobody"),
    "no room": ({"capacity": {CELLAR: replace(ROOM, cores_free=2)}}, "capacity-dc-west", C, "dc-west could not take hearth: 4 cores are needed and 2 are free"),
    "room that nobody knows": ({"capacity": {}}, "capacity-dc-west", U, "nobody can say what dc-west can still take"),
    "a standby that says much": ({"databases": databases(database(STOPPED, text="it is stopped; its host does not answer"))}, REPLICATION, C, "could not be promoted: it is stopped, its host does not answer"),
    "another version": ({"traits": traits("18.6", "18.5")}, "drift-household-server version", W, "the server version of household differs: 18.6 in azure-west, 18.5 in dc-west"),
    "a version missing": ({"traits": traits("18.6", "")}, "drift-household-server version", W, "nothing in dc-west"),
    "a side not asked": ({"traits": traits("18.6", None)}, "drift-household", U, "both sides of household are alike: dc-west was not seen"),
    "neither side asked": ({"traits": {}}, "drift-household", U, "are alike: neither was seen"),
    "clients that stay": ({"follow_within": {"api": timedelta(seconds=226), "database-name": timedelta(seconds=30)}}, "traffic-api", W, "stay up to 226s, over a quarter of the rto of 15min"),
    "clients nobody knows": ({"follow_within": {"api": timedelta(seconds=60)}}, "traffic-database-name", U, "nobody can say how long clients of database-name stay"),
    "a certificate that ends soon": ({"certificates_d": {(CELLAR, "a:443"): 13.9}}, "certificate-a:443", W, "valid for 14 days"),
    "a certificate that ends now": ({"certificates_d": {(CELLAR, "a:443"): 2.9}}, "certificate-a:443", C, "valid for 3 days"),
    "a certificate that ended": ({"certificates_d": {(CELLAR, "a:443"): -2.0}}, "certificate-a:443", C, "ended 2 days ago"),
    "a certificate of another name": ({"certificates_d": {(CELLAR, "a:443"): 80.0}, "certificate_faults": {(CELLAR, "a:443"): "it is not for that name; it is for b"}}, "certificate-a:443", C, "clients in dc-west would refuse it: it is not for that name, it is for b"),
    "a certificate nobody saw": ({"certificates_d": {(CELLAR, "a:443"): None}}, "certificate-a:443", U, "cannot be seen"),
    "a key that does not open": ({"credentials": dict.fromkeys(BLOCKS, "") | {"dns-hearth-operator": "BADKEY"}}, "credential-dns-hearth-operator", C, "credential dns-hearth-operator does not open: BADKEY"),
    "a key nobody tried": ({"credentials": {name: "" for name in BLOCKS if name != "openstack-hearth-operator"}}, "credential-openstack-hearth-operator", U, "nobody has tried"),
    "a credential nobody saw": ({"held": {}}, HELD, U, "nobody could look whether credential archive-writer is there"),
    "a credential of somebody else": ({"held": held(fits=False)}, HELD, W, "credential archive-writer could not be taken away: credential archive-writer of azure-west is there"),
    "a credential that is gone": ({"held": held(here=False)}, HELD, C, "is not there, and azure-west serves without it"),
    "a credential whose operator nobody asked": ({"takeable": {}}, HELD, U, "nobody has tried whether credential archive-writer could be taken away"),
    "a credential that may not be taken": ({"takeable": {"archive-writer": "the operator may not perform x there"}}, HELD, C, "could not be taken away: the operator may not perform x there"),
    "no drill": ({"last_drill_at": None}, "last-drill", W, "no drill was ever tried, one every 90d is promised"),
    "a very old drill": ({"last_drill_at": NOW - timedelta(days=136)}, "last-drill", C, "the last drill is 136 days old, one every 90d is promised"),
    "an old drill": ({"last_drill_at": NOW - timedelta(days=91)}, "last-drill", W, "the last drill is 91 days old, one every 90d is promised"),
    "no restore": ({"last_restore_at": None}, "last-restore", W, "no restore of a backup was ever tried, one every 30d is promised. Next: rehearse on a backup: a recovery drill with from_backup"),
    "an old restore": ({"last_restore_at": NOW - timedelta(days=31)}, "last-restore", W, "the last restore of a backup is 31 days old, one every 30d is promised. Next: rehearse on a backup: a recovery drill with from_backup"),
    "too slow": ({"predicted": rto(6.1)}, "rto", C, "predicted RTO 15.1 min of 15.0 min: detection 7.0 min"),
    "a speed nobody predicts": ({"predicted": None}, "rto", U, "nobody can predict"),
    "a control plane in the fire": ({"control_plane": {"journal": AZURE}}, "control-plane-journal", C, "vigie's journal lives in azure-west, the very site that it would save hearth from"),
    "a control plane somewhere": ({"control_plane": {"journal": ""}}, "control-plane-journal", U, "nobody knows where vigie's journal lives"),
    "no control plane": ({"control_plane": {}}, "control-plane", U, "nobody knows where vigie's own"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "name", "severity", "said"), TABLE.values(), ids=TABLE)
def test_each_finding_says_what_and_what_next(changes, name, severity, said):
    (finding,) = found(**changes)
    assert (finding.name, finding.severity) == (name, severity)
    assert said in finding.sentence
    assert ". Next: " in finding.sentence


def test_half_the_rpo_and_just_the_rpo_are_still_in_time():
    assert found(databases=databases(database(STANDBY, behind_s=150))) == ()
    assert (
        found(last_drill_at=NOW - timedelta(days=90), predicted=rto(6), certificates_d={(CELLAR, "a:443"): 14.0}) == ()
    )


def test_quota_alone_is_no_capacity():
    needs = HEARTH.recovery.capacity[CELLAR].model_copy(update={"risk_accepted_by": ""})
    (finding,) = found(with_plan(capacity={CELLAR: needs}))
    assert "quota is not capacity" in finding.sentence
    assert found(with_plan(capacity={CELLAR: needs.model_copy(update={"reserved": True})})) == ()


def test_a_promise_of_zero_loss_needs_commits_that_wait():
    household = HEARTH.recovery.data["household"].model_copy(update={"promise": Promise.ZERO_LOSS})
    safe = with_plan(data={"household": household})
    (finding,) = found(safe)
    assert (finding.name, finding.severity) == ("promise-household", C)
    waits = database(PRIMARY, synchronous_with="hearth_db2", waiting=Waiting.STRICTLY)
    assert found(safe, databases=databases(primary=waits)) == ()
    assert found(safe, databases=databases(primary=replace(waits, waiting=Waiting.UNKNOWN))) == ()
    (finding,) = found(safe, databases=databases(primary=replace(waits, waiting=Waiting.NOT)))
    assert (finding.name, finding.severity) == ("promise-household", W)
    assert finding.sentence == (
        "household promises zero loss, and some commits may not wait for hearth_db2. "
        "Next: let all wait for it alone, with synchronous_commit on, and after a failover bring it home"
    )
    assert found(databases=databases(primary=replace(waits, waiting=Waiting.NOT))) == ()


def test_clients_that_hold_on_to_dead_connections():
    (finding,) = found(with_plan(client_timeout=timedelta(minutes=4)))
    assert finding.name == "client-timeout"


def test_elsewhere_the_sites_have_changed_places():
    away = {
        ("household", CELLAR): database(PRIMARY, timeline=4),
        ("household", AZURE): database(STANDBY, timeline=4, behind_s=400),
    }
    (finding,) = found(active=CELLAR, databases=away, capacity={})
    assert finding.name == "replication-household-azure-west"
    lives = found(
        active=CELLAR,
        databases=away | {("household", AZURE): database(STANDBY)},
        control_plane={"a": CELLAR, "b": AZURE},
    )
    assert [each.name for each in lives] == ["control-plane-a", "control-plane-b"]


def test_the_worst_comes_first_and_nothing_at_all_is_no_good_news():
    nothing = findings(HEARTH, Evidence(now=NOW, active=AZURE))
    ranks = [finding.severity.rank for finding in nothing]
    assert ranks == sorted(ranks, reverse=True)
    assert len({finding.name for finding in nothing}) == len(nothing)
    assert {"control-plane", "rto", "capacity-dc-west", "traffic-api", "last-drill", REPLICATION} <= {
        each.name for each in nothing
    }


def test_every_credential_of_a_move_is_tried():
    assert BLOCKS == [
        "azure-hearth-operator",
        "azure-hearth-reader",
        "database-host-hearth-operator",
        "database-host-hearth-reader",
        "dns-hearth-operator",
        "openstack-hearth-operator",
        "openstack-hearth-reader",
        "postgres-hearth-operator",
        "postgres-hearth-reader",
    ]


def test_a_platform_without_a_plan_is_never_ready():
    with pytest.raises(Refused, match="no recovery plan"):
        findings(HEARTH.model_copy(update={"recovery": None}), ready())


@pytest.mark.parametrize(
    ("seen", "name", "severity", "text"),
    [
        ({"warm": ""}, None, None, ""),
        (
            {"warm": "Prefect has no deployment caches/warm"},
            "step-warm",
            State.CRITICAL,
            "step warm of the plan cannot be done",
        ),
        ({}, "step-warm", State.UNKNOWN, "nobody could look whether step warm of the plan can be done"),
    ],
)
def test_a_step_of_the_plans_own_that_could_not_be_done_is_a_finding_before_the_night(seen, name, severity, text):
    warm = AddedStep(name="warm", kind="deployment", when="after", phase="start", text="warm", deployment="caches/warm")
    asks = AddedStep(name="told", kind="ask", when="before", phase="shift", text="told?")
    home = warm.model_copy(update={"name": "home", "moves": ("failback",)})
    wanting = found(with_plan(steps={each.name: each for each in (warm, asks, home)}), added=seen)
    assert [(each.name, each.severity) for each in wanting] == ([(name, severity)] if name else [])
    assert all(text in each.sentence for each in wanting)
