"""Whatever was seen and in whatever order the steps of a group end: what must never happen does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.errors import VigieError
from blocks.ports.recovery import DatabaseRole, Loss, LossKind, MoveKind, MoveState, Sighting
from tasks.recovery.decide import plan_move
from tasks.recovery.fences import NOT_CONFIRMED
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.order import groups_of
from tasks.recovery.values import PHASES, Facts, Ran
from tests.unit.recovery import scenes
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, NOW

SITES = (AZURE, CELLAR)
_patient = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

looks = st.builds(
    scenes.database,
    st.sampled_from(DatabaseRole),
    behind_s=st.sampled_from([0, 1, 31, 299, 301, 3600]),
    timeline=st.integers(3, 5),
)
sightings = st.lists(
    st.builds(
        Sighting,
        vantage=st.sampled_from(["lyon", "frankfurt", "paris"]),
        site=st.sampled_from(SITES),
        gone=st.booleans(),
        sure=st.booleans(),
        text=st.just("said"),
    ),
    max_size=4,
)
ran = st.lists(
    st.builds(
        Ran,
        phase=st.just("promote"),
        item=st.sampled_from(
            [f"promote-database:household:{site}" for site in SITES] + [f"stop-machine:household-data-vm:{AZURE}"]
        ),
        done=st.booleans(),
    ),
    max_size=3,
)
moves = st.lists(st.builds(scenes.a_move, state=st.sampled_from(MoveState), to_site=st.sampled_from(SITES)), max_size=2)
computes = st.sets(st.sampled_from([*scenes.EVERYTHING, "household-data-vm"]))
facts = st.builds(
    Facts,
    now=st.just(NOW),
    active=st.sampled_from(SITES),
    databases=st.fixed_dictionaries({("household", site): looks for site in SITES}),
    compute=computes.map(lambda names: scenes.compute(*names)),
    capacity=st.just({CELLAR: scenes.ROOM}),
    shares=st.sampled_from([scenes.SHARES, {"api": {AZURE: 100}}, {}]),
    sightings=sightings,
    ran=ran,
    moves=moves,
)
likely = st.sampled_from(
    [
        (MoveKind.SWITCHOVER, scenes.quiet()),
        (MoveKind.FAILOVER, scenes.dark()),
        (MoveKind.FAILOVER, scenes.dark(compute=scenes.compute(*scenes.EVERYTHING, "household-data-vm"))),
        (MoveKind.FAILBACK, scenes.elsewhere()),
    ]
)
any_case = st.one_of(likely, st.tuples(st.sampled_from(MoveKind), facts))


def planned(case):
    kind, seen = case
    try:
        return plan_move(kind, HEARTH, seen), seen
    except VigieError:
        return None, seen


class World:
    """What is writable and what runs, while the steps of a plan are taken."""

    def __init__(self, seen: Facts, coverage) -> None:
        known = {site: seen.look("household", site) for site in SITES}
        self.writable = {site for site in SITES if known[site] is not None and known[site].takes_writes}
        self.silent = {
            site for site in SITES if known[site] is not None and known[site].role is DatabaseRole.UNREACHABLE
        }
        self.workers = {seen.active}
        self.coverage = coverage
        self.saved = set[str]()
        self.verified = False
        self.active = seen.active
        self.watched = set[int]()
        self.shares = dict.fromkeys(SITES, 0) | {seen.active: 100}

    def take(self, item: Item) -> None:  # noqa: PLR0912  a case a verb
        other = next(site for site in SITES if site != item.site)
        match item.verb:
            case Verb.DRAIN_DATABASE:
                assert item.site not in self.workers, "a second worker would still write while its database is drained"
                self.writable.discard(item.site)
                self.silent.discard(item.site)
            case Verb.FENCE_DATABASE:
                self.writable.discard(item.site)
                self.silent.discard(item.site)
            case Verb.STOP_MACHINE:
                self.writable.discard(item.site)
                self.silent.discard(item.site)
            case Verb.PROMOTE_DATABASE:
                accepted = self.coverage.get(f"fence-database:household:{other}") == NOT_CONFIRMED
                assert other not in self.writable, "two databases would take writes"
                assert other not in self.silent or accepted, "a silent one was neither fenced nor accepted by name"
                self.writable.add(item.site)
            case Verb.FOLLOW_DATABASE:
                assert item.site not in self.writable, "a database that takes writes would be rewound"
            case Verb.SAVE_BEYOND:
                assert item.site not in self.writable, "rows would be counted while more are written"
                self.saved.add(item.site)
            case Verb.STOP_WORKER:
                self.workers.discard(item.site)
            case Verb.START_WORKER:
                accepted = self.coverage.get(f"stop-worker:{item.thing}:{other}") == NOT_CONFIRMED
                assert other not in self.workers or accepted, "the worker would run in both sites"
                self.workers.add(item.site)
            case Verb.VERIFY_DATA:
                self.verified = True
            case Verb.CLOSE_TRAFFIC:
                self.shares = dict.fromkeys(SITES, 0)
            case Verb.SHIFT_TRAFFIC if item.thing == "api":
                assert self.verified or item.site == self.active, "clients would use data that nobody verified"
                unseen = 0 < self.shares[item.site] < 100 and self.shares[item.site] not in self.watched
                assert not unseen, "more clients would come before those who came were watched"
                self.shares = {item.site: item.share, other: 100 - item.share}
            case Verb.WATCH_CLIENTS:
                assert self.shares[item.site] == item.share, "a share would be watched that is not set"
                self.watched.add(item.share)
            case _:
                pass
        assert sum(self.shares.values()) in {0, 100}


@_patient
@given(case=any_case, data=st.data())
def test_in_no_order_of_a_group_do_two_sites_write_or_work(case, data):
    made, seen = planned(case)
    if made is None:
        return
    world = World(seen, made.coverage)
    for phase in PHASES:
        for group in groups_of(HEARTH, [step for step in made.steps if step.phase == phase]):
            for step in data.draw(st.permutations(group)):
                world.take(parse_item(step.item))
    assert world.verified
    assert world.writable <= {made.candidate}
    assert world.shares[made.candidate] == 100


@_patient
@given(case=any_case)
def test_steps_stand_in_the_order_of_the_phases_each_once_and_all_readable(case):
    made, _ = planned(case)
    if made is None:
        return
    keys = [(step.phase, step.item) for step in made.steps]
    assert len(set(keys)) == len(keys)
    assert [PHASES.index(step.phase) for step in made.steps] == sorted(PHASES.index(step.phase) for step in made.steps)
    assert all(step.text and step.expected_s > 0 for step in made.steps)
    assert {parse_item(step.item).site for step in made.steps} <= set(SITES)
    grouped = [
        step
        for phase in PHASES
        for group in groups_of(HEARTH, [s for s in made.steps if s.phase == phase])
        for step in group
    ]
    assert [step.item for step in grouped] == [step.item for step in made.steps]


@_patient
@given(case=any_case)
def test_a_candidate_is_never_where_clients_are_and_every_silent_fence_is_named(case):
    made, seen = planned(case)
    if made is None:
        return
    kind, _ = case
    assert kind is MoveKind.FAILBACK or made.candidate != seen.active
    if kind is MoveKind.FAILOVER:
        named = {parse_item(item).thing for item in made.coverage}
        assert {"household", "digest", "device-api"} <= named
        look = seen.look("household", seen.active)
        if look.role is DatabaseRole.UNREACHABLE:
            agree = {each.vantage: each for each in seen.sightings if each.site == seen.active}
            assert sum(1 for each in agree.values() if each.gone and each.sure) >= 2


noise = st.fixed_dictionaries(
    {
        "pace": st.floats(0, 60),
        "behind_s": st.floats(0, 40),
        "position": st.integers(0, 10**12),
        "number": st.integers(0, 10**9),
    }
)


@_patient
@given(case=likely, noises=st.tuples(noise, noise), cores=st.integers(4, 900), took=st.floats(0.1, 900))
def test_the_digest_does_not_move_with_what_is_measured(case, noises, cores, took):
    kind, seen = case
    before = plan_move(kind, HEARTH, seen)
    databases = {
        key: replace(
            look,
            text=f"{look.text} at {moved['position']}",
            position_bytes=moved["position"],
            heartbeat_number=moved["number"],
            changed_rows_per_s=moved["pace"],
            heartbeat_at=look.heartbeat_at and NOW - timedelta(seconds=moved["behind_s"]),
        )
        for (key, look), moved in zip(seen.databases.items(), noises, strict=True)
    }
    after = plan_move(
        kind,
        HEARTH,
        replace(
            seen,
            now=NOW + timedelta(seconds=took / 300),
            databases=databases,
            capacity={CELLAR: replace(scenes.ROOM, cores_free=cores, text=f"{cores} cores free")},
            compute={
                name: replace(look, size="other", running=False, text="noise") for name, look in seen.compute.items()
            },
            durations={(step.phase, step.item): [timedelta(seconds=took)] for step in before.steps},
            incidents=("archive: slow",),
            moves=tuple(
                replace(move, losses=(Loss(data="household", kind=LossKind.BOUND, rows=7, seconds=1, text="x"),))
                for move in seen.moves
            ),
        ),
    )
    assert after.digest == before.digest
    assert after.known_wrong != before.known_wrong


def test_another_coverage_is_another_digest():
    assert (
        plan_move(MoveKind.FAILOVER, HEARTH, scenes.dark()).digest
        != plan_move(MoveKind.FAILOVER, HEARTH, scenes.dark(compute=scenes.compute(*scenes.EVERYTHING))).digest
    )
