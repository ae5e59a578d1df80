"""The steps of a restart: plan it, look, restart one thing, look until it is well.

The rules: what is restarted, and in which order, is read from the provider and approved; one thing at a time; the
restart is believed when the provider shows it, and the service when its own checks say so.
"""

from __future__ import annotations

import time
from datetime import timedelta

from prefect.logging import get_run_logger

from blocks.catalogue.model import Platform, Service
from blocks.errors import Broken, Refused
from blocks.journal.opening import open_journal
from blocks.ports.approvals import Guard, Plan, PlanStep
from blocks.ports.changes import Change
from blocks.ports.health import Probe, State
from tasks.core.change import Order
from tasks.core.retries import NEVER, OUTSIDE
from tasks.core.step import change_step, fresh_step, read_step
from tasks.health.decide import assess_reading
from tasks.health.measuring import measure
from tasks.restarts.opening import find_service, open_restarter
from tasks.restarts.values import Look
from tasks.runs.catalogue import load_platform

PHASE = "restart"
_WELL_WITHIN = timedelta(minutes=3)
_LOOK_EVERY_S = 3.0
_OVER_TIME = frozenset({"metric", "alarm", "quota", "iot_connected", "iot_message_rate", "heartbeat"})
"""Checks of minutes or days: they speak of the time before the restart."""


@fresh_step(retry=OUTSIDE, run_name="plan the restart of {service}")
def plan_restart(platform: str, service: str, reason: str) -> Plan:
    """What will be restarted, in order, and what is wrong right now. Changes nothing."""
    known = load_platform(platform).platform
    found = find_service(known, service)
    restarter = open_restarter(known, found)
    targets = restarter.read_targets(known, found)
    steps = [
        PlanStep(phase=PHASE, item=t.item, text=f"restart {t.text}", expected_s=t.expected.total_seconds())
        for t in targets
    ]
    with open_journal() as journal:
        wrong = tuple(f"{each.root}: {each.sentence}" for each in journal.open_incidents(platform))
    return Plan(
        action="service-restart",
        platform=platform,
        subject=service,
        reason=reason,
        steps=tuple(steps),
        guards=(_ready(restarter.restart(known, found, targets[0].item)),),
        known_wrong=wrong,
        expected_s=sum(step.expected_s for step in steps),
        cost="none",
    )


def _ready(first: Change) -> Guard:
    """May the first of them be restarted now? Each of the others asks again when its turn comes."""
    try:
        first.check()
    except Refused as refused:
        return Guard(name="ready", holds=False, text=str(refused))
    return Guard(name="ready", holds=True, text=f"{first.text} may begin")


@change_step(retry=OUTSIDE, run_name="{text}")
def restart(order: Order, platform: str, service: str, text: str) -> Change:
    """Restart one thing, once. `text` is how people know it."""
    del text
    known = load_platform(platform).platform
    found = find_service(known, service)
    return open_restarter(known, found).restart(known, found, order.item)


@read_step(retry=NEVER, run_name="look at {service} before")
def look_before(platform: str, service: str) -> Look:
    """How the service is, by its own checks, before anything is done to it."""
    known = load_platform(platform).platform
    look = _look(known, find_service(known, service))
    get_run_logger().info("before: %s", look.sentence)
    return look


@fresh_step(retry=NEVER, run_name="look at {service} until it is well")
def look_until_well(platform: str, service: str) -> Look:
    """Measure until every check is ok. Raises `Broken` when it is not after three minutes, with what is wrong."""
    known = load_platform(platform).platform
    found = find_service(known, service)
    give_up = time.monotonic() + _WELL_WITHIN.total_seconds()
    told = ""
    while True:
        look = _look(known, found)
        if look.sentence != told:
            get_run_logger().info("after: %s", look.sentence)
            told = look.sentence
        if look.state is State.OK:
            return look
        if time.monotonic() > give_up:
            raise Broken(
                f"{service} was restarted, and {_WELL_WITHIN} later it is still not well: {look.sentence}",
                where=platform,
                next_step="the restart did not mend it: look at its incident; a retry of this run only looks again",
            )
        time.sleep(_LOOK_EVERY_S)


def _look(platform: Platform, service: Service) -> Look:
    probes = [Probe(platform, service, check, 1) for check in service.checks.values() if check.kind not in _OVER_TIME]
    if not probes:
        return Look(service.name, State.UNKNOWN, 0, ("nothing checks it",))
    said = [
        (probe, *assess_reading(probe.check, reading))
        for probe, reading in zip(probes, measure(platform, probes), strict=True)
    ]
    worst = max((state for _, state, _ in said), key=lambda state: state.rank)
    wrong = tuple(f"{probe.check.name}: {sentence}" for probe, state, sentence in said if state is not State.OK)
    return Look(service.name, worst, len(probes), wrong)
