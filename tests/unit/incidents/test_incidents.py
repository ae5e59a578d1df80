"""One incident a root cause, closed by evidence, told once: the life of incidents, sweep by sweep."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.model import Platform
from blocks.ports.health import Burn, CheckKey, CheckStatus, Mode, State
from blocks.ports.incidents import EventKind, Incident, Severity
from tasks.health.decide import assess_services
from tasks.incidents.decide import MONITORING, plan_incidents

patient = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are shared
AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN
OPENED, REOPENED, CHANGED, CLOSED = EventKind.OPENED, EventKind.REOPENED, EventKind.CHANGED, EventKind.CLOSED
PAGE, TICKET, NOTICE = Severity.PAGE, Severity.TICKET, Severity.NOTICE

DEPENDS = {
    "page": ("critical", ["api", "group:nodes"]),
    "api": ("critical", ["db", "queue"]),
    "db": ("important", ["host"]),
    "queue": ("important", []),
    "host": ("minor", []),
    "one": ("minor", ["host"]),
    "two": ("minor", []),
}
SLOS = {"api": {"availability": {"name": "availability", "objective": "99.9 %"}}}


def platform(depends=None):
    return Platform(
        name="hearth", customer="hearth",
        sites={"west": {"provider": "azure", "region": "westeurope", "role": "primary", "credentials": "reader"}},
        redundancy_groups={"nodes": ("one", "two")},
        services={
            name: {"name": name, "kind": "web", "site": "west", "criticality": criticality, "depends_on": tuple(on),
                   "checks": {"a": {"kind": "tcp", "name": "a", "address": "h:1"}}, "slos": SLOS.get(name, {})}
            for name, (criticality, on) in (depends or DEPENDS).items()
        },
    )  # fmt: skip


HEARTH = platform()


def burn(severity="page", bad_count=5, rate=20.0, slo="availability", text="budget burns 20.0 times"):
    return Burn(
        slo=f"api/{slo}", service="api", severity=severity, long_window="1h", short_window="5m", rate=rate,
        threshold=14.4, bad_count=bad_count, budget_left_pct=50, sentence=text,
    )  # fmt: skip


_ids = itertools.count(1)


def apply(changes, incidents, at):
    """What a journal does with a plan: the incidents after it."""
    found = {incident.id: incident for incident in incidents}
    for change in changes:
        if change.kind is OPENED:
            assert change.incident is None
            assert change.root not in {i.root for i in found.values() if i.is_open}, "one open incident a root"
            new = Incident(
                id=UUID(int=next(_ids)), platform="hearth", root=change.root, severity=change.severity,
                sentence=change.sentence, affected=change.affected, opened_at=at,
            )  # fmt: skip
            found[new.id] = new
            continue
        before = found[change.incident]
        assert before.root == change.root
        assert before.is_open is (change.kind is not REOPENED)
        more = {
            CLOSED: {"closed_at": at},
            REOPENED: {"closed_at": None, "reopened_count": before.reopened_count + 1},
            EventKind.SILENCE_ENDED: {"silenced_until": None, "silenced_by": ""},
        }.get(change.kind, {})
        found[before.id] = dataclasses.replace(
            before, severity=change.severity, sentence=change.sentence, affected=change.affected,
            version=before.version + 1, **more,
        )  # fmt: skip
    return list(found.values())


class Night:
    """Sweep after sweep, five minutes apart; each is planned twice, and the second time nothing is left to do."""

    def __init__(self, of=HEARTH):
        self.platform = of
        self.at = AT
        self.incidents = []
        self.since = {}
        self.before = {}
        self.hard = {}  # service -> its last confirmed state, since when

    def sweep(self, *, burns=(), maintenance=None, fault=None, flapping=(), sentences=None, after=FIVE, **states):
        """States by service; those not named are ok. A state is hard, (state, 'soft') is not."""
        self.at += after
        services = self.assess(states, maintenance or {}, flapping, sentences or {})
        changes = self.plan(services, burns, fault)
        self.incidents = apply(changes, self.incidents, self.at)
        assert self.plan(services, burns, fault) == [], "planning again changes nothing"
        return changes

    def assess(self, states, maintenance, flapping, sentences):
        statuses = {}
        for name in self.platform.services:
            state, mode = states[name] if isinstance(states.get(name), tuple) else (states.get(name, OK), Mode.HARD)
            if self.before.get(name) is not state:
                self.since[name], self.before[name] = self.at, state
            if mode is Mode.HARD and self.hard.get(name, (None,))[0] is not state:
                self.hard[name] = (state, self.at)
            statuses[CheckKey(name, "a")] = CheckStatus(
                state=state, mode=mode, since=self.since[name], checked_at=self.at, flapping=name in flapping,
                hard_since=self.hard[name][1] if name in self.hard else None,
                sentence=sentences.get(name, f"it is {state.value}"),
            )  # fmt: skip
        return assess_services(self.platform, statuses, maintenance)

    def plan(self, services, burns, fault):
        closed = [i for i in self.incidents if not i.is_open]
        return plan_incidents(
            self.platform, services, burns,
            open_incidents=self.open, recently_closed=closed, at=self.at, monitoring_fault=fault,
        )  # fmt: skip

    @property
    def open(self):
        return [incident for incident in self.incidents if incident.is_open]

    def edit(self, root, **changes):
        """What a person did between two sweeps."""
        self.incidents = [
            dataclasses.replace(i, **changes) if i.root == root and i.is_open else i for i in self.incidents
        ]


def brief(changes):
    return [(change.kind, change.root, change.severity) for change in changes]


@pytest.fixture
def night():
    return Night()


# -- opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "opened"),
    [
        ({"api": CRITICAL}, [("api", PAGE, True)]),
        ({"api": UNKNOWN}, [("api", TICKET, False)]),
        ({"api": WARNING}, [("api", TICKET, False)]),
        ({"db": CRITICAL}, [("db", TICKET, False)]),
        ({"db": WARNING}, [("db", NOTICE, False)]),
        ({"host": CRITICAL}, [("host", TICKET, False)]),
        ({"api": (CRITICAL, "soft")}, []),
        ({}, []),
        ({"db": CRITICAL, "two": WARNING}, [("db", TICKET, False), ("two", NOTICE, False)]),
    ],
)
def test_hard_problems_open(night, states, opened):
    states = {name: (v[0], Mode.SOFT) if isinstance(v, tuple) else v for name, v in states.items()}
    changes = night.sweep(**states)
    assert [(c.root, c.severity, c.page) for c in changes] == opened
    assert all(c.kind is OPENED and c.tell and c.incident is None for c in changes)


def test_one_incident_a_root_cause_and_it_pages_for_whom_it_hurts(night):
    (change,) = night.sweep(host=CRITICAL, db=CRITICAL, api=CRITICAL, queue=OK, one=CRITICAL)
    assert (change.root, change.affected) == ("host", ("api", "db", "one"))
    assert (change.severity, change.page) == (PAGE, True), "the host is minor, the api that it kills is not"
    assert change.sentence == "a: it is critical"
    assert change.numbers == {"state": "critical", "affected_count": 3, "checks": "a"}


def test_two_roots_share_no_affected_service(night):
    changes = night.sweep(db=CRITICAL, queue=CRITICAL, api=CRITICAL)
    assert [(c.root, c.affected) for c in changes] == [("db", ("api",)), ("queue", ())]
    (closed, changed) = sorted(night.sweep(queue=CRITICAL, api=CRITICAL), key=lambda c: c.root)
    assert (closed.kind, closed.root) == (CLOSED, "db")
    assert (changed.kind, changed.root, changed.affected, changed.page) == (CHANGED, "queue", ("api",), True)


def test_an_affected_service_stays_with_the_incident_that_lists_it(night):
    night.sweep(queue=CRITICAL, api=CRITICAL)
    changes = night.sweep(queue=CRITICAL, api=CRITICAL, db=CRITICAL)
    assert brief(changes) == [(OPENED, "db", TICKET)]


# -- changing ---------------------------------------------------------------------------------


def test_affected_services_come_and_go(night):
    night.sweep(db=CRITICAL)
    (worse,) = night.sweep(db=CRITICAL, api=CRITICAL)
    assert (worse.kind, worse.affected, worse.severity, worse.page) == (CHANGED, ("api",), PAGE, True)
    (better,) = night.sweep(db=CRITICAL)
    assert (better.kind, better.affected, better.page) == (CHANGED, (), False)
    assert better.severity is PAGE, "somebody was paged and keeps the page"


def test_severity_falls_on_evidence_only(night):
    night.sweep(db=CRITICAL)
    assert brief(night.sweep(db=UNKNOWN)) == [(CHANGED, "db", TICKET)]
    assert brief(night.sweep(db=WARNING)) == [(CHANGED, "db", NOTICE)]
    assert brief(night.sweep(db=CRITICAL)) == [(CHANGED, "db", TICKET)]


def test_unknown_does_not_calm_a_minor_service(night):
    night.sweep(host=CRITICAL)
    (change,) = night.sweep(host=UNKNOWN)
    assert change.severity is TICKET, "a new one would be a notice"


def test_numbers_that_move_are_no_news_and_words_are(night):
    night.sweep(api=CRITICAL, sentences={"api": "latency 2,310 ms over the limit of 2,000 ms"})
    assert night.sweep(api=CRITICAL, sentences={"api": "latency 61,000.5 ms over the limit of 2,000 ms"}) == []
    (change,) = night.sweep(api=CRITICAL, sentences={"api": "the connection was refused"})
    assert (change.kind, change.sentence, change.page) == (CHANGED, "a: the connection was refused", False)


def test_a_state_that_goes_up_and_down_rings_once(night):
    rings = [c.page for state in [CRITICAL, WARNING, CRITICAL, WARNING, CRITICAL] for c in night.sweep(api=state)]
    assert rings.count(True) == 1


# -- closing ----------------------------------------------------------------------------------


def test_recovery_closes_and_resolves_the_pager(night):
    night.sweep(api=CRITICAL)
    (change,) = night.sweep(after=timedelta(minutes=12))
    assert (change.kind, change.root, change.tell, change.page) == (CLOSED, "api", True, True)
    assert change.sentence == "recovered after 12min: a: it is ok"
    assert night.open == []


def test_nothing_recovers_in_less_than_a_minute(night):
    night.sweep(api=CRITICAL)
    (change,) = night.sweep(after=timedelta(seconds=20))
    assert change.sentence.startswith("recovered after 1min: ")


def test_a_ticket_closes_without_the_pager(night):
    night.sweep(db=CRITICAL)
    (change,) = night.sweep()
    assert (change.kind, change.page) == (CLOSED, False)


@pytest.mark.parametrize("state", [UNKNOWN, (UNKNOWN, Mode.SOFT), (CRITICAL, Mode.SOFT), WARNING, (WARNING, Mode.SOFT)])
def test_nothing_but_ok_closes(night, state):
    night.sweep(api=CRITICAL)
    assert CLOSED not in {c.kind for c in night.sweep(api=state)}
    assert [i.root for i in night.open] == ["api"]


def test_a_sweep_without_the_service_closes_nothing(night):
    night.sweep(api=CRITICAL)
    assert night.plan([], (), None) == []


def test_a_service_that_left_the_catalogue_is_closed(night):
    night.sweep(two=CRITICAL)
    night.platform = platform({name: value for name, value in DEPENDS.items() if name != "two"})
    (change,) = night.sweep()
    assert (change.kind, change.root, change.sentence) == (CLOSED, "two", "two is no longer in the catalogue")


def test_who_left_the_catalogue_leaves_the_list(night):
    night.sweep(db=CRITICAL, api=CRITICAL)
    night.platform = platform({name: value for name, value in DEPENDS.items() if name != "api"})
    (change,) = night.sweep(db=CRITICAL)
    assert (change.kind, change.root, change.affected) == (CHANGED, "db", ())


def test_when_the_root_recovers_first_the_rest_has_its_own_incident(night):
    night.sweep(db=CRITICAL, api=CRITICAL)
    assert brief(night.sweep(api=CRITICAL)) == [(OPENED, "api", PAGE), (CLOSED, "db", PAGE)]


def test_an_affected_service_that_cannot_be_measured_stays_listed(night):
    night.sweep(db=CRITICAL, api=CRITICAL)
    assert night.sweep(db=CRITICAL, api=(CRITICAL, Mode.SOFT)) == []
    assert night.sweep(db=CRITICAL, api=(UNKNOWN, Mode.SOFT)) == []


# -- a deeper root ----------------------------------------------------------------------------


def test_a_deeper_root_takes_over(night):
    night.sweep(api=CRITICAL)
    opened, closed = night.sweep(api=CRITICAL, db=CRITICAL)
    assert (opened.kind, opened.root, opened.affected, opened.severity, opened.page) == (
        OPENED,
        "db",
        ("api",),
        PAGE,
        True,
    )
    assert (closed.kind, closed.root, closed.tell, closed.page) == (CLOSED, "api", True, True)
    assert closed.sentence == "explained by db: a: it is critical"


def test_and_gives_back_when_it_recovers_first(night):
    night.sweep(api=CRITICAL)
    night.sweep(api=CRITICAL, db=CRITICAL)
    assert brief(night.sweep(api=CRITICAL)) == [(REOPENED, "api", PAGE), (CLOSED, "db", PAGE)]


def test_a_root_in_maintenance_takes_over_only_with_an_incident(night):
    """Both are muted: db opens nothing, so the incident of api must not be closed for it."""
    night.sweep(api=CRITICAL)
    quiet = {"api": "window", "db": "window"}
    assert night.sweep(api=CRITICAL, db=CRITICAL, maintenance=quiet) == []
    assert [i.root for i in night.open] == ["api"]


# -- reopening --------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "kind"), [(5, REOPENED), (29, REOPENED), (30, OPENED), (90, OPENED)])
def test_reopened_inside_the_window(night, minutes, kind):
    night.sweep(api=CRITICAL)
    first = night.open[0].id
    night.sweep()
    (change,) = night.sweep(api=CRITICAL, after=timedelta(minutes=minutes))
    assert (change.kind, change.page, change.tell) == (kind, True, True)
    assert change.incident == (first if kind is REOPENED else None)


# -- maintenance ------------------------------------------------------------------------------


def test_maintenance_opens_nothing_until_it_ends(night):
    assert night.sweep(api=CRITICAL, maintenance={"api": "window"}) == []
    (change,) = night.sweep(api=CRITICAL)
    assert (change.kind, change.page) == (OPENED, True)


def test_maintenance_closes_what_is_over_and_tells_it(night):
    night.sweep(api=CRITICAL)
    (change,) = night.sweep(maintenance={"api": "window"})
    assert (change.kind, change.tell, change.page) == (CLOSED, True, True)


def test_maintenance_of_the_root_does_not_hide_who_is_not_in_it(night):
    (change,) = night.sweep(db=CRITICAL, api=CRITICAL, maintenance={"db": "window"})
    assert (change.kind, change.root, change.affected, change.severity, change.tell) == (
        OPENED,
        "db",
        ("api",),
        PAGE,
        True,
    )


def test_one_who_is_not_in_maintenance_is_enough_to_tell(night):
    night.sweep(db=CRITICAL)
    (change,) = night.sweep(db=CRITICAL, api=CRITICAL, maintenance={"db": "window"})
    assert (change.kind, change.tell, change.page) == (CHANGED, True, True)


def test_an_incident_kept_in_maintenance_follows_its_service(night):
    night.sweep(api=WARNING)
    (change,) = night.sweep(api=CRITICAL, db=CRITICAL, maintenance={"api": "window", "db": "window"})
    assert (change.kind, change.root, change.sentence, change.tell) == (CHANGED, "api", "a: it is critical", False)


def test_in_maintenance_the_root_that_is_told_of_lists_whom_it_hurts(night):
    night.sweep(queue=CRITICAL)
    (change,) = night.sweep(queue=CRITICAL, db=CRITICAL, api=CRITICAL, maintenance={"db": "window", "api": "window"})
    assert (change.root, change.affected) == ("queue", ("api",))


def test_what_is_muted_does_not_make_an_incident_louder(night):
    (change,) = night.sweep(db=CRITICAL, api=CRITICAL, maintenance={"api": "window"})
    assert (change.root, change.affected, change.severity) == ("db", ("api",), TICKET)


def test_a_rise_to_page_in_maintenance_rings_when_the_window_ends(night):
    night.sweep(api=WARNING)
    changes = night.sweep(api=CRITICAL, maintenance={"api": "window"})
    assert [(c.kind, c.severity, c.tell, c.page) for c in changes] == [(CHANGED, TICKET, False, False)]
    (change,) = night.sweep(api=CRITICAL)
    assert (change.kind, change.severity, change.tell, change.page) == (CHANGED, PAGE, True, True)


# -- silence and acknowledgement --------------------------------------------------------------


def test_silence_suppresses_telling_never_resolution(night):
    night.sweep(db=CRITICAL)
    night.edit("db", silenced_until=night.at + timedelta(hours=1))
    (worse,) = night.sweep(db=CRITICAL, api=CRITICAL)
    assert (worse.kind, worse.affected, worse.tell, worse.page) == (CHANGED, ("api",), False, False)
    (over,) = night.sweep()
    assert (over.kind, over.tell) == (CLOSED, True)


def test_the_end_of_a_silence_is_told_and_what_waited_rings(night):
    night.sweep(db=CRITICAL)
    night.edit("db", silenced_until=night.at + timedelta(minutes=10))
    night.sweep(db=CRITICAL, api=CRITICAL)
    changes = night.sweep(db=CRITICAL, api=CRITICAL)
    assert [(c.kind, c.severity, c.tell, c.page) for c in changes] == [
        (EventKind.SILENCE_ENDED, TICKET, True, False),
        (CHANGED, PAGE, True, True),
    ]


def test_a_page_that_was_silenced_rings_again_when_the_silence_ends(night):
    night.sweep(api=CRITICAL)
    night.edit("api", silenced_until=night.at + timedelta(minutes=3))
    (change,) = night.sweep(api=CRITICAL)
    assert (change.kind, change.page) == (EventKind.SILENCE_ENDED, True)


def test_a_silence_that_outlives_the_incident_keeps_it_quiet_when_it_comes_back(night):
    night.sweep(api=CRITICAL)
    night.edit("api", silenced_until=night.at + timedelta(minutes=20))
    night.sweep()
    (again,) = night.sweep(api=CRITICAL)
    assert (again.kind, again.tell, again.page, again.severity) == (REOPENED, False, False, TICKET)
    changes = night.sweep(api=CRITICAL, after=timedelta(minutes=20))
    assert [(c.kind, c.page) for c in changes] == [(EventKind.SILENCE_ENDED, False), (CHANGED, True)]


def test_a_silence_that_ended_while_it_was_closed_is_only_recorded(night):
    night.sweep(api=CRITICAL)
    night.edit("api", silenced_until=night.at + timedelta(minutes=8))
    night.sweep()
    changes = night.sweep(api=CRITICAL)
    assert [(c.kind, c.tell, c.page) for c in changes] == [
        (REOPENED, True, True),
        (EventKind.SILENCE_ENDED, False, False),
    ]


def test_an_acknowledged_incident_changes_and_closes(night):
    night.sweep(db=CRITICAL)
    night.edit("db", acknowledged_by="someone", acknowledged_at=night.at)
    assert brief(night.sweep(db=CRITICAL, api=CRITICAL)) == [(CHANGED, "db", PAGE)]
    assert brief(night.sweep()) == [(CLOSED, "db", PAGE)]


# -- flapping ---------------------------------------------------------------------------------


def test_flapping_is_one_event(night):
    (opened,) = night.sweep(api=CRITICAL, flapping={"api"})
    assert opened.sentence == "flapping: a: it is critical"
    assert opened.numbers["flapping"] == 1, "for other languages"
    for state in [OK, CRITICAL, WARNING, OK, CRITICAL]:
        assert night.sweep(api=state, flapping={"api"}) == []
    assert night.sweep(api=OK, flapping={"api"}) == []
    assert brief(night.sweep(api=OK)) == [(CLOSED, "api", PAGE)]


def test_an_open_incident_starts_to_flap_once(night):
    night.sweep(api=CRITICAL)
    told = [c.sentence for state in [OK, CRITICAL, OK] for c in night.sweep(api=state, flapping={"api"})]
    assert told == ["flapping: a: it is critical"]


def test_a_root_in_doubt_does_not_calm_its_incident(night):
    """One of its checks is confirmed to be unmeasured, a worse one is not confirmed yet."""
    night.sweep(host=CRITICAL)
    services = {a.service: a for a in night.assess({}, {}, (), {})}
    doubted = dataclasses.replace(services["host"], state=CRITICAL, mode=Mode.SOFT, root_causes=("host",))
    warned = dataclasses.replace(services["one"], state=WARNING, root_causes=("host",))
    (change,) = night.plan({**services, "host": doubted, "one": warned}.values(), (), None)
    assert (change.root, change.affected, change.severity) == ("host", ("one",), TICKET)


def test_those_who_suffer_from_flapping_stay_listed(night):
    night.sweep(db=CRITICAL, api=CRITICAL, flapping={"db"})
    assert night.sweep(db=CRITICAL, flapping={"db"}) == []
    assert night.sweep(flapping={"db"}) == []
    (change,) = night.sweep(db=CRITICAL, api=OK)
    assert change.affected == ()


def test_flapping_does_not_calm(night):
    night.sweep(db=CRITICAL, flapping={"db"})
    assert night.sweep(db=WARNING, flapping={"db"}) == []


def test_one_who_flaps_stays_listed_and_one_who_moves_does_not(night):
    night.sweep(db=CRITICAL, api=CRITICAL, flapping={"api"})
    assert night.sweep(db=CRITICAL, flapping={"api"}) == [], "api flaps, db does not"
    opened, changed = night.sweep(api=CRITICAL, flapping={"db", "api"})
    assert (opened.kind, opened.root) == (OPENED, "api")
    assert (changed.kind, changed.root, changed.affected) == (CHANGED, "db", ())


def test_flapping_that_worsens_is_told(night):
    night.sweep(db=CRITICAL, flapping={"db"})
    (change,) = night.sweep(db=CRITICAL, api=CRITICAL, flapping={"db"})
    assert (change.severity, change.affected, change.page) == (PAGE, ("api",), True)


# -- burning budgets --------------------------------------------------------------------------


def long_ago(night):
    """All is well for longer than the reopening window."""
    night.sweep()
    night.at += timedelta(hours=2)


@pytest.mark.parametrize(
    ("fires", "severity", "page"),
    [(burn(), PAGE, True), (burn(bad_count=2), TICKET, False), (burn("ticket"), TICKET, False)],
)
def test_a_budget_burns_without_a_failing_service(night, fires, severity, page):
    long_ago(night)
    (change,) = night.sweep(burns=[fires])
    assert (change.kind, change.root, change.severity, change.page) == (OPENED, "slo:api/availability", severity, page)
    assert change.sentence == "budget burns 20.0 times"
    assert change.numbers["burn_rate"] == 20.0
    assert night.sweep(burns=[fires]) == []
    assert brief(night.sweep()) == [(CLOSED, "slo:api/availability", severity)]


def test_the_loudest_burn_of_an_objective_counts(night):
    long_ago(night)
    (change,) = night.sweep(
        burns=[burn("ticket", rate=900), burn("page", text="loud"), burn("page", rate=15, text="less")]
    )
    assert (change.severity, change.sentence) == (PAGE, "loud")


def test_the_burn_furthest_over_its_own_threshold_is_told_in_few_digits(night):
    long_ago(night)
    slow = dataclasses.replace(burn(rate=10.126, text="slow"), threshold=6.006, budget_left_pct=49.96)
    (change,) = night.sweep(burns=[slow, burn(rate=20, text="fast")])
    assert change.sentence == "slow", "1.7 times over, the other 1.4 times"
    assert change.numbers == {
        "rate": 10.13, "burn_rate": 10.13, "threshold": 6.01, "bad_count": 5, "budget_left_pct": 50.0,
    }  # fmt: skip


@pytest.mark.parametrize("state", [WARNING, CRITICAL, UNKNOWN])
def test_a_doubt_is_no_outage_that_was_told(night, state):
    long_ago(night)
    assert brief(night.sweep(api=(state, Mode.SOFT), burns=[burn()])) == [(OPENED, "slo:api/availability", PAGE)]


def test_a_blip_that_nobody_confirmed_holds_no_page_back(night):
    long_ago(night)
    night.sweep(api=(CRITICAL, Mode.SOFT))
    assert night.sweep() == []
    assert brief(night.sweep(burns=[burn()])) == [(OPENED, "slo:api/availability", PAGE)]


@pytest.mark.parametrize(("minutes", "count"), [(29, 0), (30, 1)])
def test_an_outage_that_ended_is_told_of_until_the_reopening_window_ends(night, minutes, count):
    """Its own incident was another root's: only the time at which it was well again says so."""
    assert HEARTH.reopen_within == timedelta(minutes=30)
    night.sweep(db=CRITICAL, api=CRITICAL)
    night.sweep()
    assert len(night.sweep(burns=[burn()], after=timedelta(minutes=minutes))) == count


def test_a_failing_service_explains_its_budget_and_the_burn_makes_it_louder(night):
    night.sweep(api=WARNING)
    (change,) = night.sweep(api=WARNING, burns=[burn()])
    assert (change.kind, change.root, change.severity, change.page) == (CHANGED, "api", PAGE, True)
    assert change.sentence == "a: it is warning; budget burns 20.0 times"


def test_the_loudest_of_several_burns_is_told_and_none_that_makes_nothing_louder(night):
    night.sweep(api=WARNING)
    burns = [burn(text="loud"), burn("ticket", slo="speed", rate=900, text="less")]
    (change,) = night.sweep(api=WARNING, burns=burns)
    assert (change.severity, change.sentence) == (PAGE, "a: it is warning; loud")
    (change,) = night.sweep(api=CRITICAL, burns=burns)
    assert (change.severity, change.sentence) == (PAGE, "a: it is critical")


def test_the_burn_of_an_affected_service_goes_to_its_root(night):
    (change,) = night.sweep(db=CRITICAL, api=WARNING, burns=[burn()])
    assert (change.root, change.affected, change.severity) == ("db", ("api",), PAGE)


def test_a_burning_budget_is_absorbed_by_the_failure_that_explains_it(night):
    long_ago(night)
    night.sweep(burns=[burn()])
    opened, closed = night.sweep(db=CRITICAL, api=CRITICAL, burns=[burn()])
    assert (opened.root, opened.affected) == ("db", ("api",))
    assert (closed.kind, closed.root) == (CLOSED, "slo:api/availability")
    assert closed.sentence == "explained by db: a: it is critical"


def test_nobody_is_paged_again_for_an_outage_that_has_just_ended(night):
    night.sweep(api=CRITICAL, burns=[burn()])
    assert brief(night.sweep(burns=[burn()])) == [(CLOSED, "api", PAGE)]
    assert night.sweep(burns=[burn()]) == []
    night.at += timedelta(minutes=30)
    assert brief(night.sweep(burns=[burn()])) == [(OPENED, "slo:api/availability", PAGE)]


def test_nor_for_one_that_its_root_has_told(night):
    night.sweep(db=CRITICAL, api=CRITICAL, burns=[burn()])
    assert brief(night.sweep(db=CRITICAL, burns=[burn()])) == [(CHANGED, "db", PAGE)]
    assert brief(night.sweep(burns=[burn()])) == [(CLOSED, "db", PAGE)]


def test_nor_while_it_is_looked_at_again(night):
    night.sweep(api=CRITICAL, burns=[burn()])
    night.sweep(burns=[burn()])
    assert night.sweep(api=(CRITICAL, Mode.SOFT), burns=[burn()]) == []


@pytest.mark.parametrize("state", [(UNKNOWN, Mode.SOFT), (CRITICAL, Mode.SOFT), (WARNING, Mode.SOFT)])
def test_a_budget_that_is_not_measured_stays_open(night, state):
    long_ago(night)
    night.sweep(burns=[burn()])
    assert night.sweep(api=state) == []
    assert night.plan([], (), None) == []


def test_a_budget_is_not_well_because_its_service_is_muted(night):
    long_ago(night)
    night.sweep(burns=[burn()])
    assert night.sweep(api=CRITICAL, maintenance={"api": "window"}) == []


def test_a_muted_service_burns_quietly(night):
    long_ago(night)
    assert night.sweep(burns=[burn()], maintenance={"api": "window"}) == []
    assert brief(night.sweep(burns=[burn()])) == [(OPENED, "slo:api/availability", PAGE)]


def test_an_objective_that_left_the_catalogue_is_closed(night):
    long_ago(night)
    night.sweep(burns=[burn(slo="speed")])
    (change,) = night.sweep()
    assert (change.kind, change.sentence) == (CLOSED, "api/speed is no longer in the catalogue")


# -- a measurement at fault -------------------------------------------------------------------


def test_a_monitoring_fault_moves_nothing_else(night):
    night.sweep(db=CRITICAL)
    (change,) = night.sweep(api=CRITICAL, fault="3 of 12 checks have no reading")
    assert (change.kind, change.root, change.severity) == (OPENED, MONITORING, TICKET)
    assert change.sentence == "3 of 12 checks have no reading"
    assert {i.root for i in night.open} == {"db", MONITORING}
    assert night.sweep(fault="4 of 12 checks have no reading") == []


def test_a_valid_measurement_ends_it(night):
    night.sweep(fault="no reading")
    (change,) = night.sweep()
    assert (change.kind, change.root, change.sentence) == (
        CLOSED,
        MONITORING,
        "the measurement is valid again after 5min",
    )
    assert brief(night.sweep(fault="no reading")) == [(REOPENED, MONITORING, TICKET)]


# -- properties: any night --------------------------------------------------------------------

NAMES = list(DEPENDS)
verdicts = st.sampled_from(
    [(OK, Mode.HARD)] * 4 + [(s, m) for s in (WARNING, CRITICAL, UNKNOWN) for m in Mode] + [(CRITICAL, Mode.HARD)] * 3
)
sweeps = st.fixed_dictionaries(
    {
        "states": st.fixed_dictionaries(dict.fromkeys(NAMES, verdicts)),
        "maintenance": st.dictionaries(st.sampled_from(NAMES), st.just("window"), max_size=3),
        "flapping": st.sets(st.sampled_from(NAMES), max_size=2),
        "burns": st.lists(st.sampled_from([burn(), burn("ticket"), burn(bad_count=1)]), max_size=2),
        "fault": st.sampled_from([None] * 6 + ["no reading"]),
        "silence": st.sampled_from([*[None] * 4, *NAMES]),
        "minutes": st.sampled_from([5, 5, 20, 45]),
    }
)


@patient
@given(st.lists(sweeps, min_size=1, max_size=6))
def test_any_night(several):
    night = Night()
    for one in several:
        if one["silence"] is not None:
            night.edit(one["silence"], silenced_until=night.at + timedelta(minutes=15))
        before = {i.root: i for i in night.open}
        changes = night.sweep(
            burns=one["burns"], maintenance=one["maintenance"], fault=one["fault"], flapping=one["flapping"],
            after=timedelta(minutes=one["minutes"]), **one["states"],
        )  # fmt: skip
        roots = [incident.root for incident in night.open]
        assert len(roots) == len(set(roots))
        if one["fault"] is not None:
            assert {c.root for c in changes} <= {MONITORING}
            continue
        check_every_confirmed_failure_is_told_once(night, one)
        check_only_evidence_closed(changes, one)
        check_pages(changes, before, one)


def check_every_confirmed_failure_is_told_once(night, one):
    for name, (state, mode) in one["states"].items():
        tellers = [i for i in night.open if name in (i.root, *i.affected)]
        assert len(tellers) <= 1 or state is OK or mode is Mode.SOFT, name
        if state.is_problem and mode is Mode.HARD and name not in one["maintenance"]:
            assert len(tellers) == 1, name


def check_only_evidence_closed(changes, one):
    for change in changes:
        if change.kind is CLOSED and change.sentence.startswith("recovered"):
            assert one["states"][change.root] == (OK, Mode.HARD)
            assert change.root not in one["flapping"]
        if change.kind is CLOSED:
            assert change.tell


def check_pages(changes, before, one):
    """Nobody gets up without a hard critical state of a critical service, or a page-burn."""
    hard_critical = {n for n, v in one["states"].items() if v == (CRITICAL, Mode.HARD) and DEPENDS[n][0] == "critical"}
    burning = any(b.severity == "page" and b.bad_count >= 3 for b in one["burns"])
    for change in changes:
        if not change.page or change.kind in {CLOSED, EventKind.SILENCE_ENDED}:
            continue
        assert change.tell
        assert change.severity is PAGE
        assert hard_critical & {change.root, *change.affected} or burning
        assert change.kind is not CHANGED or before[change.root].severity is not PAGE
