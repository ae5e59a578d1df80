"""The same move as a runbook makes, with nothing around it: no run, no journal, no approval, no retry after a crash.

For comparison in `bench_recovery.py`: the steps of a plan through the same adapters, in the same groups side by side.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from blocks.errors import Broken, Retryable
from blocks.journal.adapter import PostgresJournal
from blocks.ports.approvals import Plan, PlanStep
from blocks.ports.changes import Change, Mark
from blocks.ports.credentials import TAKEN
from blocks.ports.health import State
from blocks.ports.recovery import MoveKind
from blocks.postgres.block import PostgresReader
from blocks.postgres.tables import judge_tables
from tasks.core.opening import load_block
from tasks.health.decide import assess_reading
from tasks.health.measuring import measure
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.looking import look_at
from tasks.recovery.opening import Parts
from tasks.recovery.order import groups_of
from tasks.recovery.proving import probe_of
from tasks.recovery.values import PHASES, Ran

_TRIES = 20
Rows = dict[str, dict[str, int]]
_taken: dict[str, str] = {}
"""Credential -> what the way out took of it: the journal, which knows nothing of a bare move, could not give it back."""


def plan_away(parts: Parts, journal: PostgresJournal) -> Plan:
    """The forced way from the active site."""
    facts = look_at(parts, journal, MoveKind.FAILOVER, print)
    return plan_move(MoveKind.FAILOVER, parts.platform, facts, reason="bench")


def plan_home(parts: Parts, journal: PostgresJournal, away: Plan) -> Plan:
    """The way back from a bare move, of which the journal knows nothing."""
    facts = look_at(parts, journal, MoveKind.FAILBACK, print)
    active = away.candidate
    found = replace(
        facts,
        active=active,
        last_known={name: facts.databases[name, active] for name in parts.recovery.data},
        sightings=(),
        ran=tuple(Ran(phase=step.phase, item=step.item) for step in away.steps),
    )
    return plan_move(MoveKind.FAILBACK, parts.platform, found, reason="bench")


def carry_out(parts: Parts, plan: Plan) -> None:
    """Every phase of the plan, to its end."""
    rows = _rows(parts)
    for phase in PHASES:
        steps = [step for step in plan.steps if step.phase == phase]
        for group in groups_of(parts.platform, steps) if steps else ():
            _side_by_side(parts, group, rows)


def _side_by_side(parts: Parts, group: Sequence[PlanStep], rows: Rows) -> None:
    with ThreadPoolExecutor(len(group)) as pool:
        for _ in pool.map(partial(_do, parts, rows), group):
            pass


def _do(parts: Parts, rows: Rows, step: PlanStep) -> None:
    item = parse_item(step.item)
    if item.verb is Verb.VERIFY_DATA:
        _judge(parts, item, rows)
    elif item.verb is Verb.VERIFY_CLIENTS:
        _prove(parts, item)
    elif item.verb is Verb.REVOKE_CREDENTIAL:
        _taken[item.thing] = _change(parts.change(item, step.phase)).get(TAKEN) or _taken.get(item.thing, "")
    elif item.verb is Verb.GRANT_CREDENTIAL:
        _change(parts.credential(item.thing).grant(_taken.pop(item.thing, "")))
    elif item.verb is not Verb.WATCH_CLIENTS:  # the way home, which is not timed: all clients at once
        _change(parts.change(item, step.phase))


def _rows(parts: Parts) -> Rows:
    """As the runbook remembers them before it begins."""
    found: Rows = {}
    for name, data in parts.recovery.data.items():
        looks = [parts.member(name, site).look() for site in data.members]
        found[name] = dict(max(looks, key=lambda look: (bool(look.row_counts), look.takes_writes)).row_counts)
    return found


def _judge(parts: Parts, item: Item, rows: Rows) -> None:
    declared = parts.data(item.thing)
    reader = load_block(PostgresReader, str(parts.platform.database_credentials))
    address = parts.database_address(parts.service(declared.members[item.site]))
    verdict = judge_tables(reader, parts.routes, address, declared, rows.get(item.thing, {}))
    if verdict.faults:
        raise Broken(verdict.text)


def _prove(parts: Parts, item: Item) -> None:
    probe, give_up = probe_of(parts, item.thing, item.site), time.monotonic() + 60
    while True:
        (reading,) = measure(parts.platform, [probe])
        state, sentence = assess_reading(probe.check, reading)
        if state is State.OK:
            return
        if time.monotonic() > give_up:
            raise Broken(f"{item}: {sentence}")
        time.sleep(0.5)


def _change(change: Change) -> Mapping[str, str]:
    """To its end; what was there before."""
    change.check()
    mark = Mark(key=uuid4().hex * 2, run=uuid4(), intended_at=datetime.now(UTC), baseline=change.read_baseline())
    for _ in range(_TRIES):
        try:
            change.act(mark)
            break
        except Retryable:
            time.sleep(0.5)
            if change.find_evidence(mark) is not None:
                break
    began = time.monotonic()
    give_up = began + change.patience.at_most.total_seconds()
    while not (seen := change.read_effect(mark)).reached:
        if time.monotonic() > give_up:
            raise Broken(f"{change.text}: {seen.text}")
        time.sleep(change.patience.pause_s(time.monotonic() - began))
    return mark.baseline
