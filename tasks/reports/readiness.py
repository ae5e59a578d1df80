"""What does a person see of a look at a recovery plan?

One table in the run: what was looked at, what was seen, measured against what, and the verdict; worst first. What only
shows the result cannot make the look fail: when Prefect does not take the table, the log says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from blocks.catalogue.model import Platform, SiteRole
from blocks.catalogue.recovery import Promise, Recovery
from blocks.ports.health import State
from blocks.slack.voice import Voice
from tasks.core.retries import JOURNAL
from tasks.core.step import Sealed, record_step
from tasks.incidents.tell import DeliveryReport
from tasks.recovery.decide import recovery_of
from tasks.recovery.losses import lag
from tasks.recovery.readiness import Evidence, Finding, added_looked_at, needed_credentials
from tasks.recovery.ready import Judged, ReadinessReport, Scope
from tasks.reports.sweep import cell
from tasks.reports.tables import SIGNS

_SHARE_OF_RTO = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was looked at. `findings`: the names of what it may lack; beginnings of names end in a dash."""

    what: str
    seen: str
    limit: str
    findings: tuple[str, ...]


@record_step(retry=JOURNAL, run_name="report")
def report_readiness(
    scope: Sealed[Scope], evidence: Evidence, judged: Sealed[Judged], told: DeliveryReport
) -> ReadinessReport:
    """Show the table, and say what came of it."""
    value, found = scope.value, judged.value
    voice = Voice(value.customer.language, value.customer.time_zone)
    _show(value.platform.name, render_readiness(value.platform, evidence, found, voice), found.sentence)
    return ReadinessReport(
        run=value.run,
        platform=value.platform.name,
        active=value.active,
        verdict=found.verdict,
        sentence=found.sentence,
        findings=found.findings,
        open_incident_count=len(found.open),
        undelivered_count=told.undelivered_count,
    )


def render_readiness(platform: Platform, evidence: Evidence, judged: Judged, voice: Voice) -> str:
    """The table and its heading as markdown; pure."""
    rows = sorted(
        ((_state(line, judged.findings), line) for line in lines_of(platform, evidence, voice)),
        key=lambda pair: -pair[0].rank,
    )
    head = [voice.say(f"readiness.column.{name}") for name in ("verdict", "looked_at", "seen", "limit")]
    table = [head, ["---"] * len(head), *([_verdict(voice, s), *map(cell, (r.what, r.seen, r.limit))] for s, r in rows)]
    parts = [
        f"# {cell(voice.say('readiness.title', platform=platform.name))}",
        f"**{cell(_first(voice, judged))}** {cell(voice.say('readiness.active', site=evidence.active))}",
        "\n".join(f"- {SIGNS[f.severity]} {cell(voice.retell(f.sentence))}" for f in judged.findings),
        "\n".join(f"| {' | '.join(row)} |" for row in table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def lines_of(platform: Platform, seen: Evidence, voice: Voice) -> list[Line]:
    """Everything that was looked at, in the order of the plan."""
    plan = recovery_of(platform)
    return [
        *_data(plan, seen, voice),
        *_room(plan, seen, voice),
        *_alike(plan, seen, voice),
        *_clients(plan, seen, voice),
        *_certificates(seen, voice),
        *_credentials(platform, plan, seen, voice),
        *_held(plan, seen, voice),
        *_added(platform, seen, voice),
        *_tried(plan, seen, voice),
        *_control(platform, seen, voice),
    ]


# -- each kind of evidence ---------------------------------------------------------------------


def _data(plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    for data in plan.data.values():
        primary = seen.databases.get((data.name, seen.active))
        for site in sorted(data.members.keys() - {seen.active}):
            behind = lag(seen.databases.get((data.name, site)), primary)
            said = voice.say("readiness.behind", span=voice.span(behind)) if behind is not None else ""
            yield Line(
                what=voice.say("readiness.data", name=data.name, site=site),
                seen=said or _not_seen(voice),
                limit=_at_most(voice, plan.rpo),
                findings=(f"replication-{data.name}-{site}",),
            )
        slots = primary.slots if primary else {}
        said = voice.say("readiness.slots_seen", used=str(sum(slots.values())), all=str(len(slots)))
        yield Line(
            what=voice.say("readiness.slots", name=data.name),
            seen=said if primary else _not_seen(voice),
            limit=voice.say("readiness.used"),
            findings=(f"slot-{data.name}-",),
        )
        if data.promise is Promise.ZERO_LOSS:
            waits = primary.synchronous_with if primary else ""
            said = voice.say("readiness.waits_for", name=waits) if waits else voice.say("readiness.waits_for_none")
            what = voice.say("readiness.promise", name=data.name)
            yield Line(what=what, seen=said, limit="", findings=(f"promise-{data.name}",))


def _room(plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    for site, needed in sorted(plan.capacity.items()):
        if site == seen.active:
            continue
        look = seen.capacity.get(site)
        said = _not_seen(voice)
        if look is not None:
            free = voice.say("readiness.cores", count=voice.number(look.cores_free))
            said = free if look.cores_free >= 0 else voice.say("readiness.cores_unlimited")
        limit = voice.say("readiness.cores_needed", count=voice.number(needed.cores))
        yield Line(
            what=voice.say("readiness.capacity", site=site), seen=said, limit=limit, findings=(f"capacity-{site}",)
        )


def _alike(plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    for part in dict.fromkeys([*plan.data, *(part for part, _ in seen.traits)]):
        traits = [by_site for (name, _), by_site in seen.traits.items() if name == part]
        alike = sum(len(set(by_site.values())) == 1 and None not in by_site.values() for by_site in traits)
        said = (
            _not_seen(voice)
            if not traits
            else voice.say("readiness.traits", alike=voice.number(alike), all=voice.number(len(traits)))
        )
        what = voice.say("readiness.alike", name=part)
        yield Line(what=what, seen=said, limit=voice.say("readiness.all"), findings=(f"drift-{part}", f"drift-{part}-"))


def _clients(plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    limit = _at_most(voice, plan.rto / _SHARE_OF_RTO)
    for name in sorted(plan.traffic):
        within = seen.follow_within.get(name)
        said = _not_seen(voice) if within is None else voice.say("readiness.within", span=voice.span(within))
        yield Line(
            what=voice.say("readiness.traffic", name=name), seen=said, limit=limit, findings=(f"traffic-{name}",)
        )
    said = voice.say("readiness.within", span=voice.span(plan.client_timeout))
    yield Line(what=voice.say("readiness.client_timeout"), seen=said, limit=limit, findings=("client-timeout",))


def _certificates(seen: Evidence, voice: Voice) -> Iterator[Line]:
    for (site, address), days in sorted(seen.certificates_d.items()):
        said = _not_seen(voice) if days is None else voice.say("readiness.days", count=voice.number(days, 0))
        what = voice.say("readiness.certificate", address=address, site=site)
        yield Line(what=what, seen=said, limit=voice.say("readiness.days_limit"), findings=(f"certificate-{address}",))


def _credentials(platform: Platform, plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    for block in needed_credentials(platform, plan):
        wrong = seen.credentials.get(block)
        key = "not_seen" if wrong is None else "shut" if wrong else "opens"
        yield Line(
            what=voice.say("readiness.credential", name=block),
            seen=voice.say(f"readiness.{key}"),
            limit=voice.say("readiness.must_open"),
            findings=(f"credential-{block}",),
        )


def _held(plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    for name, each in sorted(plan.credentials.items()):
        look, wrong = seen.held.get(name), seen.takeable.get(name)
        if look is None or wrong is None:
            key = "not_seen"
        else:
            key = "not_takeable" if wrong or not look.fits else "held" if look.held else "not_held"
        yield Line(
            what=voice.say("readiness.held_credential", name=name, site=each.holder),
            seen=voice.say(f"readiness.{key}"),
            limit=voice.say("readiness.must_be_takeable"),
            findings=(f"held-credential-{name}",),
        )


def _added(platform: Platform, seen: Evidence, voice: Voice) -> Iterator[Line]:
    for name in added_looked_at(platform, seen):
        wrong = seen.added.get(name)
        key = "not_seen" if wrong is None else "cannot_be_done" if wrong else "can_be_done"
        yield Line(
            what=voice.say("readiness.step", name=name),
            seen=voice.say(f"readiness.{key}"),
            limit=voice.say("readiness.must_be_doable"),
            findings=(f"step-{name}",),
        )


def _tried(plan: Recovery, seen: Evidence, voice: Voice) -> Iterator[Line]:
    tried = (("drill", seen.last_drill_at, plan.drill_every), ("restore", seen.last_restore_at, plan.restore_every))
    for name, at, every in tried:
        yield Line(
            what=voice.say(f"readiness.{name}"),
            seen=_ago(voice, seen.now, at),
            limit=voice.say("readiness.every", span=voice.span(every)),
            findings=(f"last-{name}",),
        )
    said = voice.span(seen.predicted.total) if seen.predicted else _not_seen(voice)
    yield Line(what=voice.say("readiness.rto"), seen=said, limit=_at_most(voice, plan.rto), findings=("rto",))


def _control(platform: Platform, seen: Evidence, voice: Voice) -> Iterator[Line]:
    saved = {site.name for site in platform.sites.values() if site.role is SiteRole.PRIMARY} | {seen.active}
    limit = voice.say("readiness.elsewhere", site=voice.listing(sorted(saved)))
    if not seen.control_plane:
        what = voice.say("readiness.control_plane")
        yield Line(what=what, seen=_not_seen(voice), limit=limit, findings=("control-plane",))
    for part, place in sorted(seen.control_plane.items()):
        yield Line(
            what=voice.say("readiness.control", name=part),
            seen=place or _not_seen(voice),
            limit=limit,
            findings=(f"control-plane-{part}",),
        )


# -- pieces ------------------------------------------------------------------------------------


def _state(line: Line, found: Sequence[Finding]) -> State:
    """The worst that was found wanting in it."""
    own = (each.severity for each in found if any(_is_of(name, each.name) for name in line.findings))
    return max(own, key=lambda state: state.rank, default=State.OK)


def _is_of(name: str, finding: str) -> bool:
    return finding.startswith(name) if name.endswith("-") else finding == name


def _first(voice: Voice, judged: Judged) -> str:
    if judged.still:
        return voice.say("readiness.not_judged", why=voice.retell(judged.still))
    if not judged.findings:
        return voice.say("readiness.ready")
    return voice.say_count("readiness.found", len(judged.findings))


def _verdict(voice: Voice, state: State) -> str:
    return f"{SIGNS[state]} {voice.say(f'state.{state.value}')}"


def _not_seen(voice: Voice) -> str:
    return voice.say("readiness.not_seen")


def _at_most(voice: Voice, span: timedelta) -> str:
    return voice.say("readiness.at_most", span=voice.span(span))


def _ago(voice: Voice, now: datetime, at: datetime | None) -> str:
    return voice.say("never") if at is None else voice.say("readiness.ago", span=voice.span(now - at))


def _show(platform: str, markdown: str, description: str) -> None:
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        create_markdown_artifact(markdown, key=f"readiness-{platform}", description=description)
    except (PrefectHTTPStatusError, httpx.HTTPError) as error:
        get_run_logger().error("Prefect did not take the report: %s", type(error).__name__)
