"""A sweep in the journal: stored once, assessed once, never moved back by a late one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from blocks.errors import Broken
from blocks.journal.adapter import PostgresJournal
from blocks.ports.health import (
    CheckKey,
    CheckStatus,
    Finding,
    FindingCode,
    Measurement,
    Mode,
    Reading,
    ServiceAssessment,
    SliSample,
    State,
    Unit,
)
from tests.contract.journal.words import AT, MINUTE, assess, begin, changed, latency, missing, opened, status

KEY = CheckKey("device-api", "health")
BUCKET = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def test_starting_twice_is_one_sweep(journal):
    sweep = begin(journal)
    journal.start_sweep(sweep, "hearth", "digest")
    assert [each.id for each in journal.latest_sweeps("hearth")] == [sweep]


def test_a_sweep_belongs_to_one_platform(journal):
    sweep = begin(journal)
    with pytest.raises(Broken, match="belongs to platform hearth"):
        journal.start_sweep(sweep, "storefront", "digest")
    with pytest.raises(Broken, match="belongs to platform hearth"):
        journal.record_readings(sweep, "storefront", [latency()])
    with pytest.raises(Broken, match="belongs to platform hearth"):
        assess(journal, sweep=sweep, platform="storefront")


def test_what_was_never_started_is_refused(journal):
    begin(journal)
    for call in (
        lambda: journal.record_readings(uuid4(), "hearth", [latency()]),
        lambda: assess(journal, sweep=uuid4()),
        lambda: journal.finish_sweep(uuid4()),
    ):
        with pytest.raises(Broken, match="never started"):
            call()


def test_readings_are_stored_once_all_attempts(journal):
    sweep = begin(journal)
    first = [latency(), latency("updates"), missing("hub")]
    assert journal.record_readings(sweep, "hearth", first) == 3
    assert journal.record_readings(sweep, "hearth", first) == 0
    assert journal.record_readings(sweep, "hearth", [*first, latency("hub", attempt=2)]) == 1
    assert journal.record_readings(sweep, "hearth", []) == 0
    assert journal.reading_storage()[0] == 4
    other = begin(journal)
    assert journal.record_readings(other, "hearth", first) == 3


def test_a_repeated_reading_inside_one_call_counts_once(journal):
    assert journal.record_readings(begin(journal), "hearth", [latency(), latency(value=99.0)]) == 1


def test_a_second_probing_of_the_same_sweep_does_not_replace_the_first(journal):
    sweep = begin(journal)
    journal.record_readings(sweep, "hearth", [latency(value=10.0)])
    assert journal.record_readings(sweep, "hearth", [latency(value=99.0, at=AT + MINUTE)]) == 0
    assess(journal, sweep=sweep, statuses={KEY: status()})
    assert [point.value for point in journal.timeline("hearth", AT - MINUTE, most=9)] == [10.0]


def test_readings_handed_in_by_many_at_once_are_stored_once(journal):
    sweep = begin(journal)
    readings = [latency(f"service-{n}") for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: journal.record_readings(sweep, "hearth", readings), range(8)))
    assert sum(added) == 200
    assert journal.reading_storage()[0] == 200


def test_new_days_and_new_checks_from_many_sweeps_at_once(journal):
    sweeps = [begin(journal, f"platform-{n % 2}") for n in range(8)]

    def store(n: int) -> int:
        readings = [latency(f"service-{k}", at=AT + timedelta(days=k % 5)) for k in range(n, n + 50)]
        return journal.record_readings(sweeps[n], f"platform-{n % 2}", readings)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(store, range(8))) == [50] * 8


def test_a_reading_without_a_time_zone_is_refused(journal):
    with pytest.raises(Broken, match="no time zone"):
        journal.record_readings(begin(journal), "hearth", [latency(at=datetime(2026, 11, 23, 3, 0))])  # noqa: DTZ001


def test_statuses_come_back_as_they_were(journal):
    full = CheckStatus(
        state=State.CRITICAL,
        mode=Mode.SOFT,
        attempt=2,
        last_hard=State.WARNING,
        since=AT,
        hard_since=AT - MINUTE,
        checked_at=AT + MINUTE,
        flap_changes=0b1010_1010_1010_1010_1010,
        flapping=True,
        sentence="l'API ne répond pas : « 503 »\x00",
        fresh=False,
    )
    assess(journal, statuses={KEY: full, CheckKey("hub", "quota"): status()})
    loaded = journal.load_statuses("hearth")
    assert loaded[KEY] == CheckStatus(**{**_fields(full), "sentence": "l'API ne répond pas : « 503 »"})
    assert loaded[CheckKey("hub", "quota")] == status()
    assert journal.load_statuses("storefront") == {}


def _fields(value: CheckStatus) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_services_are_those_of_the_newest_sweep(journal):
    def service(name: str, state: State) -> ServiceAssessment:
        return ServiceAssessment(
            service=name,
            state=state,
            mode=Mode.HARD,
            since=AT,
            sentence="x",
            root_causes=("hub",),
            muted="",
            reachable=False,
        )

    assess(journal, services=[service("a", State.OK), service("b", State.OK)])
    assess(journal, services=[service("b", State.CRITICAL)])
    assert journal.load_services("hearth") == [service("b", State.CRITICAL)]


def test_assessing_again_changes_nothing_and_answers_the_same(journal):
    sweep = begin(journal)
    sample = SliSample(slo="availability", bucket=BUCKET, good_count=3, bad_count=1)
    first = assess(journal, opened(page=True), sweep=sweep, samples=[sample], statuses={KEY: status(State.CRITICAL)})
    waiting = journal.undelivered_count()
    again = assess(journal, opened(page=True), sweep=sweep, samples=[sample], statuses={KEY: status(State.OK)})
    assert again == first
    assert len(again) == 1
    assert journal.undelivered_count() == waiting == 2
    assert journal.sli_samples("hearth", BUCKET) == [sample]
    assert journal.load_statuses("hearth")[KEY].state is State.CRITICAL
    assert journal.verify_chain("hearth") == 1


def test_a_late_older_sweep_moves_no_status_and_no_incident(journal):
    older, newer = begin(journal), begin(journal)
    assess(journal, sweep=newer, statuses={KEY: status(State.OK, "fine")})
    sample = SliSample(slo="availability", bucket=BUCKET, good_count=0, bad_count=1)
    touched = assess(journal, opened(), sweep=older, statuses={KEY: status(State.CRITICAL)}, samples=[sample])
    assert touched == []
    assert journal.open_incidents() == []
    assert journal.undelivered_count() == 0
    assert journal.load_statuses("hearth")[KEY].state is State.OK
    assert journal.sli_samples("hearth", BUCKET) == [sample], "what was measured still counts for the service level"
    assert assess(journal, opened(), sweep=older) == []


def test_another_platforms_newer_sweep_does_not_matter(journal):
    mine = begin(journal, "hearth")
    assess(journal, platform="storefront")
    assert len(assess(journal, opened(), sweep=mine)) == 1


def test_an_assessment_is_all_or_nothing(journal):
    sweep = begin(journal)
    with pytest.raises(Broken, match="there is no incident"):
        assess(
            journal, opened("a"), changed("b", incident=uuid4()), sweep=sweep, statuses={KEY: status(State.CRITICAL)}
        )
    assert journal.open_incidents() == []
    assert journal.load_statuses("hearth") == {}
    assert journal.undelivered_count() == 0
    assert len(assess(journal, opened("a"), sweep=sweep)) == 1


def test_samples_of_several_sweeps_add_up_in_their_bucket(journal):
    for good, bad in ((3, 0), (2, 1)):
        one = SliSample(slo="availability", bucket=BUCKET, good_count=good, bad_count=bad)
        assess(journal, samples=[one, one])
    later = SliSample(slo="availability", bucket=BUCKET + 5 * MINUTE, good_count=1, bad_count=0)
    assess(journal, samples=[later])
    whole = SliSample(slo="availability", bucket=BUCKET, good_count=10, bad_count=2)
    assert journal.sli_samples("hearth", BUCKET) == [whole, later]
    assert journal.sli_samples("hearth", BUCKET + MINUTE) == [later]
    assert journal.sli_samples("storefront", BUCKET) == []


def test_finishing_tells_what_was_seen(journal):
    sweep = begin(journal)
    journal.record_readings(sweep, "hearth", [latency("a"), missing("b"), missing("c"), latency("c", attempt=2)])
    statuses = {
        CheckKey("a", "health"): status(State.OK),
        CheckKey("b", "health"): status(State.UNKNOWN),
        CheckKey("c", "health"): status(State.WARNING),
    }
    assess(journal, sweep=sweep, statuses=statuses, verdict="unknown")
    summary = journal.finish_sweep(sweep)
    assert (summary.check_count, summary.problem_count, summary.missing_count) == (3, 2, 1)
    assert (summary.platform, summary.verdict, summary.catalogue_digest) == ("hearth", "unknown", "digest")
    assert summary.finished_at is not None
    assert journal.finish_sweep(sweep) == summary, "finishing again keeps the first time"
    assert journal.last_finished("hearth") == summary.finished_at
    assert journal.last_finished("storefront") is None


def test_a_sweep_that_was_not_assessed_cannot_be_finished(journal):
    sweep = begin(journal)
    with pytest.raises(Broken, match="not assessed"):
        journal.finish_sweep(sweep)
    assert journal.last_finished("hearth") is None
    assert journal.latest_sweeps("hearth")[0].verdict == "unknown"


def test_the_newest_sweeps_come_first(journal):
    sweeps = [begin(journal, platform) for platform in ("hearth", "storefront", "hearth")]
    assert [each.id for each in journal.latest_sweeps()] == sweeps[::-1]
    assert [each.id for each in journal.latest_sweeps("hearth", limit_count=1)] == [sweeps[2]]


def test_a_verdict_nobody_knows_is_refused(journal):
    with pytest.raises(Broken):
        assess(journal, verdict="splendid")


def test_only_one_may_sweep_a_platform(journal, journal_dsn):
    with (
        PostgresJournal(journal_dsn) as other,
        journal.sweep_lock("hearth") as mine,
        other.sweep_lock("hearth") as theirs,
        other.sweep_lock("storefront") as elsewhere,
    ):
        assert (mine, theirs, elsewhere) == (True, False, True)
    with journal.sweep_lock("hearth") as again:
        assert again


def test_the_timeline_shows_the_last_attempt_and_the_state_it_led_to(journal):
    for minute, (value, state) in enumerate([(10.0, State.OK), (900.0, State.WARNING), (20.0, State.WARNING)]):
        sweep, at = begin(journal), AT + minute * MINUTE
        readings = [latency(value=1.0, at=at), latency(value=value, at=at + timedelta(seconds=10), attempt=2)]
        journal.record_readings(sweep, "hearth", readings)
        assess(journal, sweep=sweep, statuses={KEY: status(state)})
    unassessed = begin(journal)
    journal.record_readings(unassessed, "hearth", [missing(at=AT + 3 * MINUTE)])
    elsewhere = begin(journal, "storefront")
    journal.record_readings(elsewhere, "storefront", [latency(at=AT)])
    points = journal.timeline("hearth", AT, most=99)
    assert [(point.value, point.unit, point.state) for point in points] == [
        (10.0, "ms", "ok"),
        (900.0, "ms", "warning"),
        (20.0, "ms", "warning"),
        (None, "", "unknown"),
    ]
    assert [point.at for point in journal.timeline("hearth", AT + 3 * MINUTE, most=9)] == [AT + 3 * MINUTE]
    assert journal.timeline("nowhere", AT, most=9) == []


def test_the_timeline_is_of_those_that_fared_worst_and_of_those_asked_for(journal):
    names = [f"service-{n}" for n in range(9)]
    keys = {name: CheckKey(name, "health") for name in names}
    nights = [{}, {"service-7": State.WARNING, "service-4": State.CRITICAL}, {"service-5": State.WARNING}, {}]
    for minute, faults in enumerate(nights):
        sweep = begin(journal)
        journal.record_readings(sweep, "hearth", [latency(name, at=AT + minute * MINUTE) for name in names])
        states = {keys[name]: status(faults.get(name, State.OK)) for name in names}
        assess(journal, sweep=sweep, statuses=states)
    shown = [p.key.service for p in journal.timeline("hearth", AT, most=2, also=[keys["service-8"]])]
    assert sorted(set(shown)) == ["service-4", "service-5", "service-8"]  # well again or not, they fared worst
    assert len(shown) == 3 * len(nights)
    states = [p.state for p in journal.timeline("hearth", AT, most=1)]
    assert states == ["ok", "critical", "ok", "ok"]
    assert len({p.key for p in journal.timeline("hearth", AT, most=99)}) == len(names)


def test_words_are_kept_only_where_something_was_wrong(journal, journal_dsn):
    finding = Finding(FindingCode.WRONG_STATUS, "answers 503 « trop tard »\x00", State.WARNING)
    wrong = Reading(service="b", check="health", started_at=AT, elapsed_ms=1.0, finding=finding)
    three = tuple(Measurement(f"m{n}", float(n), Unit.COUNT) for n in range(4))
    many = Reading(service="c", check="health", started_at=AT, elapsed_ms=1.0, measurements=three)
    journal.record_readings(begin(journal), "hearth", [latency("a"), wrong, many, missing("d")])
    with psycopg.connect(journal_dsn) as connection:
        rows = connection.execute(
            "SELECT k.service, r.value, r.second, r.detail FROM reading r JOIN check_identity k ON k.id = r.check_id ORDER BY 1"
        ).fetchall()
    assert rows == [
        ("a", 20.5, 80.25, ""),
        ("b", None, None, '{"finding":"wrong_status","state":"warning","text":"answers 503 « trop tard »"}'),
        ("c", 0.0, 1.0, '{"also":[2.0,3.0]}'),
        ("d", None, None, '{"missing":"throttled","text":"the API asked us to wait"}'),
    ]


def test_old_days_are_dropped_whole_and_nothing_else(journal):
    now = journal.now()
    for days in (0, 1, 5, 40):
        journal.record_readings(begin(journal), "hearth", [latency(at=now - timedelta(days=days))])
    assert journal.drop_old_readings(timedelta(days=30)) == 1
    assert journal.drop_old_readings(timedelta(days=30)) == 0
    assert journal.reading_storage()[0] == 3
    assert journal.drop_old_readings(timedelta(days=3)) == 1
    sweep = begin(journal)
    assert journal.record_readings(sweep, "hearth", [latency(at=now - timedelta(days=40))]) == 1, (
        "a dropped day comes back"
    )


def test_the_clock_is_the_databases(journal, journal_dsn):
    with psycopg.connect(journal_dsn) as connection:
        before = connection.execute("SELECT clock_timestamp()").fetchone()
        now = journal.now()
        after = connection.execute("SELECT clock_timestamp()").fetchone()
    assert before is not None
    assert after is not None
    assert before[0] <= now <= after[0]
    assert now.utcoffset() == timedelta()
