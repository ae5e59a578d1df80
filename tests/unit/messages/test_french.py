"""Does a French customer ever read half a sentence in English, and does anybody read the same thing twice?"""

from __future__ import annotations

import errno
import re
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from blocks.catalogue.checks import HttpCheck, MetricCheck, ReplicationCheck, TcpCheck, TlsCheck
from blocks.catalogue.kinds import UNITS
from blocks.catalogue.model import Customer, Platform, Service, Site
from blocks.clock import SystemClock
from blocks.network.course import Course, Stage
from blocks.network.faults import from_os_error, from_ssl_error, silence
from blocks.pager.pagerduty import pagerduty_event, summary_of
from blocks.pager.webhook import webhook_body
from blocks.ports.health import (
    Burn,
    CheckKey,
    CheckStatus,
    Finding,
    FindingCode,
    Measurement,
    Missing,
    MissingCode,
    Reading,
    State,
    Unit,
)
from blocks.ports.incidents import EventKind, Incident, IncidentChange, IncidentEvent
from blocks.ports.notifications import IncidentPicture, PagerAction
from blocks.slack.messages import TEXTS
from blocks.slack.render import render_event, render_incident
from blocks.slack.voice import Voice
from tasks.health.decide import advance, assess_services, explain_reading
from tasks.health.plan import SweepPlan, replay
from tasks.incidents.decide import plan_incidents
from tasks.reports.sweep import render_sweep_report

AT = datetime(2026, 11, 23, 22, 14, tzinfo=UTC)
INCIDENT = UUID("8f3a2b1c-0000-4000-8000-000000000001")
FR = Voice("fr", "Europe/Paris")
HEALTH = HttpCheck(name="health", kind="http", url="https://api.hearth.example/health", attempts=1)
CERTIFICATE = TlsCheck(name="certificate", kind="tls", address="api.hearth.example:443", attempts=1)
PORT = TcpCheck(name="port", kind="tcp", address="db1.hearth.example:5432", attempts=1)
WELL = TcpCheck(name="health", kind="tcp", address="api.hearth.example:443", attempts=1)
PROSE = "zorp blivet made the quux of this thing unhappy; see your administrator"
SAME_IN_BOTH = {
    *("api", "hearth", "example", "health", "certificate", "port", "device", "device-api", "https", "http"),
    *("json", "tls", "utc", "azure", "cloudwatch", "monitor", "postgresql", "page", "messages", "instances"),
    *("devices", "quota", "service", "services", "connections", "ago", "min", "max_body_bytes", "body"),
    *("streaming", "catchup", "stopped", "running", "nova-compute", "host1", "quorum", "vigie", "beat", "servfail"),
    *("availability", "db1", "hearth_db2", "dc-west", "storefront-orders", "orders", "aws", "rds", "cpu", "storefront"),
    *("nightly-export", "hearth-device-api", "nightly", "export", "west", "other", "runtimeerror", "compute", "budget"),
}


def platform(*checks) -> Platform:
    site = Site(name="west", provider="azure", region="westeurope", role="primary", credentials="reader")
    service = Service(
        name="device-api", kind="web", site="west", criticality="critical", checks={c.name: c for c in checks}
    )
    return Platform(name="hearth", customer="hearth", sites={"west": site}, services={"device-api": service})


def reading(check, *measurements: Measurement, **changes) -> Reading:
    return Reading(
        service="device-api", check=check.name, started_at=AT, elapsed_ms=1.0, measurements=measurements, **changes
    )


def finding(check, code: FindingCode, text: str) -> Reading:
    return reading(check, finding=Finding(code, text))


def services(*pairs):
    """(check, reading) pairs -> the platform and how its services are."""
    statuses = {}
    for check, seen in pairs:
        state, sentence, numbers = explain_reading(check, seen)
        key = CheckKey("device-api", check.name)
        statuses[key] = advance(CheckStatus(fresh=False), state, sentence, 1, AT, key=key, numbers=numbers).status
    watched = platform(*(check for check, _ in pairs))
    return watched, assess_services(watched, statuses, {})


def plan(watched, found, burns=(), opened=(), at=AT) -> list[IncidentChange]:
    return plan_incidents(watched, found, burns, open_incidents=opened, recently_closed=(), at=at)


def happened(change: IncidentChange, minutes: int = 0) -> IncidentEvent:
    return IncidentEvent(
        incident=INCIDENT,
        at=AT + timedelta(minutes=minutes),
        kind=change.kind,
        text=change.sentence,
        numbers=change.numbers,
    )


def picture(change: IncidentChange, language: str = "fr") -> IncidentPicture:
    """As the journal would hold it after this change."""
    incident = Incident(
        id=INCIDENT, platform="hearth", root=change.root, severity=change.severity, sentence=change.sentence,
        affected=change.affected, opened_at=AT,
    )  # fmt: skip
    return IncidentPicture(
        incident=incident, events=(happened(change),), customer="hearth", language=language,
        time_zone="Europe/Paris", run_url="",
    )  # fmt: skip


def read(shown: IncidentPicture) -> dict[str, str]:
    """Everything a person would read of it."""
    text, blocks = render_incident(shown)
    bodies = [b.get("text", {}).get("text", "") for b in blocks]
    return {
        "notification": text,
        "message": "\n".join(bodies),
        "thread": "\n".join(render_event(shown, event)[0] for event in shown.events),
        "pager": summary_of(shown),
        "pager details": pagerduty_event(PagerAction.TRIGGER, shown, "k", "r")["payload"]["custom_details"]["sentence"],
        "webhook": webhook_body(PagerAction.TRIGGER, shown, "k")["sentence"],
    }


def words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Za-z][\w-]{2,}", text)}


def assert_french(change: IncidentChange) -> None:
    english = words(change.sentence) - SAME_IN_BOTH - set(UNITS)
    for where, said in read(picture(change)).items():
        assert said.strip(), where
        assert words(said) & english == set(), f"{where}: {said}"


def first_line(change: IncidentChange, language: str) -> str:
    return render_incident(picture(change, language))[0].splitlines()[0].replace("\u00a0", " ")


# -- whatever a probe says ------------------------------------------------------------------------


@pytest.mark.parametrize("code", list(FindingCode))
@pytest.mark.parametrize("text", [PROSE, f"{PROSE} at https://api.hearth.example/health"])
def test_every_finding_is_french_even_in_words_that_nobody_foresaw(code, text):
    (change,) = plan(*services((HEALTH, finding(HEALTH, code, text))))
    assert_french(change)
    line = first_line(change, "fr")
    assert FR.say(f"finding.{code.value}").replace("\u00a0", " ") in line
    assert line.startswith("🔴 URGENT · hearth · device-api : health : ")
    assert PROSE.split(";", maxsplit=1)[0] in first_line(change, "en")


@pytest.mark.parametrize("code", list(MissingCode))
@pytest.mark.parametrize("text", [PROSE, "", "a token was refused at OpenStack dc-west. Next: renew the secret"])
def test_every_reason_for_not_measuring_is_french(code, text):
    (change,) = plan(*services((HEALTH, reading(HEALTH, missing=Missing(code, text)))))
    assert_french(change)


MEASURED = [(kind, name, unit) for kind, units in UNITS.items() for name, unit in units.items()]
MEASURED += [("metric", "value", unit) for unit in Unit]


@pytest.mark.parametrize(("kind", "name", "unit"), MEASURED)
@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
def test_every_limit_of_every_measurement_is_french(kind, name, unit, operator):
    limit = f"{operator} {4 * 2**20 if unit is Unit.BYTES else 40} {unit.value}"
    value = (4 * 2.0**20 if unit is Unit.BYTES else 40.0) + {">": 1.5, "<": -1.5}.get(operator, 0)

    class Any(MetricCheck):
        def limits(self):
            return {name: self.value}

    check = Any(name="health", kind="metric", metric="m", unit=unit, attempts=1, value={"critical": limit})
    (change,) = plan(*services((check, reading(check, Measurement(name, value, unit)))))
    assert_french(change)
    assert f"measurement.{name}" in TEXTS
    # ... and from the numbers alone, when the sentence is not known any more
    assert_french(replace(change, sentence=PROSE))


def not_tls() -> ssl.SSLError:
    """What OpenSSL says of an answer in plain text."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    into.write(b"HTTP/1.1 400 Bad Request")
    handshake = ssl.create_default_context().wrap_bio(into, out, server_hostname="api.hearth.example")
    try:
        handshake.do_handshake()
    except ssl.SSLError as error:
        return error
    raise AssertionError("a handshake with plain text")


SEEN = [
    *(
        silence("api.hearth.example:443", Course(SystemClock(), 0.0, timedelta(seconds=5), stage))
        for stage in (Stage.CONNECT, Stage.TLS, Stage.HEADERS, Stage.BODY)
    ),
    *(
        from_os_error(
            OSError(number, "zorp"),
            "https://api.hearth.example/health",
            Course(SystemClock(), 0.0, timedelta(seconds=5), stage),
        )
        for number in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ECONNRESET)
        for stage in (Stage.CONNECT, Stage.TLS, Stage.HEADERS, Stage.BODY)
    ),
    from_ssl_error(not_tls(), "api.hearth.example:443"),
]


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: seen.text)
def test_what_the_network_probe_says_is_retold_with_its_figures(seen):
    assert FR.retell_whole(seen.text) is not None
    (change,) = plan(*services((HEALTH, finding(HEALTH, seen.code, seen.text))))
    assert_french(change)


A = "https://api.hearth.example/health"
D = "db1.hearth.example:5432/household"


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (f"{A} answered 503 (Service Unavailable), expected 200 or 204", f"{A} a répondu 503 au lieu de 200 ou 204"),
        (f'{A} answered JSON in which $.status is "down", expected "ok"', f'{A} : $.status vaut "down" au lieu de "ok"'),
        (f"{A} redirects more than 3 times, at last to https://x.example/", f"{A} redirige plus de 3 fois, enfin vers https://x.example/"),
        (f"{A} sent more than 262144 bytes without announcing an end (max_body_bytes); reading stopped", f"{A} n'en finit pas : plus de 262 144 octets (max_body_bytes) ; lecture arrêtée"),
        (f'{A} answered, but its body does not contain "ok"; it is empty', f'{A} a répondu, mais sans le texte attendu "ok" ; la réponse est vide'),
        ("the certificate of api.hearth.example:443 expired 3 days ago, on 2026-11-20 22:14 UTC", "le certificat de api.hearth.example:443 a expiré il y a 3 jours, le 2026-11-20 22:14 UTC"),
        ("the certificate of api.hearth.example:443 is not for that name; it is for a.example and 2 more", "le certificat de api.hearth.example:443 n'est pas pour ce nom ; il est pour a.example et 2 autres"),
        ("the certificate of a.example:443 is not trusted: its authority is not among the trusted ones (issued by Zorp)", "le certificat de a.example:443 n'est pas reconnu : son autorité ne compte pas parmi les nôtres"),
        ("the name in https://x.example/ leads nowhere: it has no address", "le nom https://x.example/ ne mène nulle part : aucune adresse"),
        ("api.hearth.example leads to 10.0.0.1 and 1 more, expected 10.0.0.2 (asked of ns1.hearth.example:53)", "le nom api.hearth.example mène à 10.0.0.1 et un autre au lieu de 10.0.0.2"),
        ("api.hearth.example does not exist (asked of ns1.hearth.example:53)", "le nom api.hearth.example n'existe pas"),
        ("api.hearth.example cannot be resolved: nothing listens at the name server ns1.hearth.example:53", "le nom api.hearth.example ne peut être résolu : rien n'écoute au serveur de noms"),
        (f"{D} is full: it takes no more connections", f"{D} est plein : il ne prend plus de connexions"),
        (f"{D} let nobody in: the role is asleep", f"{D} ne laisse entrer personne"),
        (f"{D} let us in, but did not answer within 5 s", f"{D} a ouvert, mais n'a pas répondu en 5 s"),
        ("standby hearth_db2 is not connected to db1.hearth.example:5432", "la copie hearth_db2 n'est pas connectée à db1.hearth.example:5432"),
        ("no way back yet: the standby is not connected to db2.dc-west.hearth.example:5432", "pas encore de retour possible : la copie n'est pas connectée à db2.dc-west.hearth.example:5432"),
        ("the standby is connected to db2:5432 but does not follow (startup)", "la copie est connectée à db2:5432 sans suivre (startup)"),
        ("the standby is not connected to db2:5432, which is itself a standby now", "la copie n'est pas connectée à db2:5432, devenu copie lui-même"),
        ("Azure says hearth-device-api is degraded: something about platforms", "Azure dit hearth-device-api dégradé"),
        ("hearth-device-api is Stopped, should be Running", "hearth-device-api est « Stopped » au lieu de « Running »"),
        ("DB instance storefront-orders is stopped", "storefront-orders est « stopped »"),
        ("server hearth-db-2 does not exist (deleted, or named wrongly in the catalogue)", "hearth-db-2 n'existe pas : effacé, ou mal nommé dans le catalogue"),
        ("CloudWatch alarm storefront-web-5xx is in ALARM: Threshold Crossed", "l'alarme CloudWatch storefront-web-5xx est levée"),
        ("compute services down: nova-compute on host1 and 2 more", "services de calcul arrêtés : nova-compute sur host1 et 2 autres"),
        ("nightly-export last reported 2 days ago, more than the 26 hours allowed", "nightly-export s'est signalé il y a 2 jours, plus que les 26 heures permis"),
        ("nightly-export has never reported; is its sender set up (`vigie beat`)?", "nightly-export ne s'est jamais signalé ; son envoi est-il en place (`vigie beat`) ?"),
        ("not measured: not reached before the sweep's deadline of 120 s", "non mesuré : pas atteint avant la fin de la tournée (120 s)"),
        ("lag_bytes 70 MiB over the limit of 64 MiB", "retard de réplication 70 Mio au-dessus de la limite de 64 Mio"),
        ("certificate 2.5 d under the limit of 3 d", "fin du certificat dans 2,5 j sous la limite de 3 j"),
        ("availability: the error budget of 30d is spent 14.4 times too fast (limit 13.4): 5 of 12 samples bad in 1h, 97 % of it left", "availability : le budget d'erreur de 30 j est consommé 14,4 fois trop vite (limite 13,4) : 5 mesures mauvaises sur 12 en 1 h, il en reste 97 %"),
        ("availability: the error budget of 30d is spent 250.0 times too fast (limit 14.4): 3 of 12 samples bad in 1h, overspent by 45,355 %", "availability : le budget d'erreur de 30 j est consommé 250,0 fois trop vite (limite 14,4) : 3 mesures mauvaises sur 12 en 1 h, dépassé de 45 355 %"),
        ("a/b, c/d and 2 more: does not have exactly one reading", "a/b, c/d et 2 autres : pas exactement une mesure"),
        ("recovered after 1min: all 7 checks ok", "rétabli après 1 min : les 7 contrôles sont bons"),
        ("recovered after 3min: active: available 1", "rétabli après 3 min : active : disponible 1"),
    ],
)  # fmt: skip
def test_what_the_other_probes_and_decisions_say_is_retold(sentence, said):
    whole = FR.retell_whole(sentence)
    assert whole is not None
    assert whole.replace("\u00a0", " ") == said
    assert Voice("en").retell_whole(sentence) == sentence


# -- decisions ------------------------------------------------------------------------------------


def test_a_closing_says_what_it_was_and_that_it_is_over():
    watched, broken = services(
        (HEALTH, finding(HEALTH, FindingCode.CONNECTION_REFUSED, f"{A} refused the connection: nothing listens there"))
    )
    (opened,) = plan(watched, broken)
    before = picture(opened)
    _, well = services((WELL, reading(WELL, Measurement("latency", 12, Unit.MILLISECONDS))))
    (closed,) = plan(watched, well, opened=(before.incident,), at=AT + timedelta(minutes=4))
    assert closed.kind is EventKind.CLOSED
    over = replace(
        before,
        incident=replace(before.incident, sentence=closed.sentence, closed_at=AT + timedelta(minutes=4)),
        events=(*before.events, happened(closed, 4)),
    )
    for language, was, how in (
        ("fr", "refuse la connexion", "rétabli après 4 min"),
        ("en", "refused", "recovered after 4min"),
    ):
        text, blocks = render_incident(replace(over, language=language))
        assert was in text.splitlines()[0]
        assert how in "\n".join(b.get("text", {}).get("text", "") for b in blocks).replace("\u00a0", " ")
    assert (
        words("\n".join(read(over).values())) & {"recovered", "after", "checks", "refused", "listens", "nothing"}
        == set()
    )


def test_a_burning_budget_speaks_french_alone_and_beside_a_failing_check():
    burn = Burn(
        slo="device-api/availability", service="device-api", severity="page", long_window="1h", short_window="5min",
        rate=14.44, threshold=13.4, bad_count=5, budget_left_pct=96.6, sentence="quux zorp: blivet unhappy budget",
    )  # fmt: skip
    watched, well = services((WELL, reading(WELL, Measurement("latency", 12, Unit.MILLISECONDS))))
    (alone,) = plan(watched, well, burns=(burn,), at=AT + timedelta(hours=2))
    assert_french(alone)
    assert "14,4 fois trop vite, reste 97 %" in first_line(alone, "fr")
    overspent = replace(burn, budget_left_pct=-45354.6)
    (deep,) = plan(watched, well, burns=(overspent,), at=AT + timedelta(hours=2))
    assert "14,4 fois trop vite, dépassé de 45 355 %" in first_line(deep, "fr")
    assert alone.numbers["rate"] == alone.numbers["burn_rate"] == 14.44
    warned = MetricCheck(name="health", kind="metric", metric="m", unit="%", attempts=1, value={"warning": "> 80 %"})
    (both,) = plan(*services((warned, reading(warned, Measurement("value", 90, Unit.PERCENT)))), burns=(burn,))
    assert_french(both)
    assert "valeur 90 %, limite > 80 %" in read(picture(both))["webhook"].replace("\u00a0", " ")
    assert "14,4 fois trop vite" in read(picture(both))["webhook"].replace("\u00a0", " ")


def test_a_silence_says_until_when_on_the_readers_clock():
    (change,) = plan(*services((HEALTH, finding(HEALTH, FindingCode.LATE, PROSE))))
    event = IncidentEvent(
        incident=INCIDENT, at=AT, kind=EventKind.SILENCED, who="alix",
        text="silenced by alix until 2026-11-24T01:14:00+00:00", numbers={"until": "2026-11-24T01:14:00+00:00"},
    )  # fmt: skip
    said = render_event(picture(change), event)[0].replace("\u00a0", " ")
    assert said.endswith("Mis en silence par alix : jusqu'au 24 novembre à 2 h 14")


def test_the_report_of_a_sweep_is_french():
    pairs = (
        (HEALTH, finding(HEALTH, FindingCode.RESOURCE_STATE, PROSE)),
        (CERTIFICATE, finding(CERTIFICATE, FindingCode.CONNECTION_REFUSED, "api.hearth.example:443 refused the connection: nothing listens there")),
        (PORT, reading(PORT, missing=Missing(MissingCode.DEADLINE, "not reached before the sweep's deadline of 120 s"))),
    )  # fmt: skip
    watched, found = services(*pairs)
    (change,) = plan(watched, found)
    report = render_sweep_report(
        "hearth", found, [seen for _, seen in pairs], picture=b"", incidents=[picture(change).incident], at=AT,
        verdict="critical", language="fr", time_zone="Europe/Paris",
    )  # fmt: skip
    assert words(report) & (words(change.sentence) - SAME_IN_BOTH) == set(), report
    assert "refuse la connexion" in report or "connexion refusée" in report


# -- once, and short ------------------------------------------------------------------------------


def test_checks_that_fail_for_the_same_reason_say_it_once():
    pairs = (
        (HEALTH, finding(HEALTH, FindingCode.CONNECTION_REFUSED, f"{A} refused the connection: nothing listens there")),
        (CERTIFICATE, finding(CERTIFICATE, FindingCode.CONNECTION_REFUSED, "api.hearth.example:443 refused the connection: nothing listens there")),
    )  # fmt: skip
    (change,) = plan(*services(*pairs))
    assert change.sentence == "health, certificate: api.hearth.example refused the connection: nothing listens there"
    assert first_line(change, "en") == (
        "🔴 URGENT · hearth · device-api: health, certificate: "
        "api.hearth.example refused the connection: nothing listens there"
    )
    assert first_line(change, "fr") == (
        "🔴 URGENT · hearth · device-api : health, certificate : "
        "api.hearth.example refuse la connexion : rien n'y écoute"
    )


def test_two_ways_of_saying_that_a_host_hangs_up_are_one():
    pairs = (
        (HEALTH, finding(HEALTH, FindingCode.CONNECTION_LOST, f"{A} dropped the connection before it answered")),
        (CERTIFICATE, finding(CERTIFICATE, FindingCode.CONNECTION_LOST, "api.hearth.example:443 dropped the connection during the TLS handshake")),
    )  # fmt: skip
    (change,) = plan(*services(*pairs))
    assert change.sentence.startswith("health, certificate: api.hearth.example dropped")
    assert ";" not in change.sentence


def test_a_database_and_its_port_are_one_host():
    login, rest = replace_name(PORT, "login"), "refused the connection: nothing listens there"
    pairs = (
        (login, finding(login, FindingCode.CONNECTION_REFUSED, f"{D} {rest}")),
        (PORT, finding(PORT, FindingCode.CONNECTION_REFUSED, f"db1.hearth.example:5432 {rest}")),
    )
    (change,) = plan(*services(*pairs))
    assert change.sentence == f"login, port: db1.hearth.example {rest}"


def test_different_hosts_and_different_reasons_stay_apart():
    other = replace_name(CERTIFICATE, "other")
    pairs = (
        (HEALTH, finding(HEALTH, FindingCode.CONNECTION_REFUSED, f"{A} refused the connection: nothing listens there")),
        (PORT, finding(PORT, FindingCode.CONNECTION_REFUSED, "db1.hearth.example:5432 refused the connection: nothing listens there")),
        (CERTIFICATE, finding(CERTIFICATE, FindingCode.WRONG_STATUS, f"{A} answered 503, expected 200")),
        (other, finding(other, FindingCode.WRONG_STATUS, f"{A} answered 500, expected 200")),
    )  # fmt: skip
    (change,) = plan(*services(*pairs))
    assert change.sentence == (
        f"health: {A} refused the connection: nothing listens there; "
        "port: db1.hearth.example:5432 refused the connection: nothing listens there; "
        f"certificate: {A} answered 503, expected 200; and 1 more"
    )


def test_a_cloud_that_throttles_is_one_reason_whatever_was_asked():
    checks = [replace_name(HEALTH, name) for name in ("a", "b", "c", "d", "e", "f")]
    pairs = [
        (check, reading(check, missing=Missing(MissingCode.THROTTLED, f"Azure throttles us at metric {check.name}")))
        for check in checks
    ]
    (change,) = plan(*services(*pairs))
    assert change.sentence == "a, b, c, d and 2 more: not measured: Azure throttles us at metric a"
    assert "a, b, c, d et 2 autres : non mesurable : trop d'appels" in first_line(change, "fr")


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("length", [10, 60, 120, 400])
def test_the_first_line_fits_and_the_whole_story_follows(language, length):
    long = [
        (replace_name(HEALTH, f"check-number-{n}"), FindingCode.RESOURCE_STATE, f"quux {n} " + "x" * length)
        for n in range(3)
    ]
    (change,) = plan(*services(*((check, finding(check, code, text)) for check, code, text in long)))
    line = first_line(change, language)
    assert len(line) <= 150
    assert "check-number-0" in line
    assert "x" * 100 not in line, "cut words say less than the reason in short"
    message = read(picture(change, language))["message"]
    assert "check-number-2" in message


def test_a_standby_that_does_not_follow_reads_well():
    check = ReplicationCheck(
        name="replication", kind="replication", address="db1.hearth.example:5432", database="household",
        standby="hearth_db2", attempts=1,
    )  # fmt: skip
    text = "standby hearth_db2 is not connected to db1.hearth.example:5432"
    (change,) = plan(*services((check, finding(check, FindingCode.NOT_REPLICATING, text))))
    assert first_line(change, "fr") == (
        "🔴 URGENT · hearth · device-api : replication : "
        "la copie hearth_db2 n'est pas connectée à db1.hearth.example:5432"
    )


def test_a_state_without_words_is_still_a_state():
    assert FR.retell_whole(f"health: {State.CRITICAL.value}").replace("\u00a0", " ") == "health : critique"


def replace_name(check, name: str):
    return check.model_copy(update={"name": name})


# -- what carries the facts there -----------------------------------------------------------------


def test_two_checks_with_the_same_words_say_them_once_whatever_they_ask():
    twin = replace_name(HEALTH, "twin")
    seen = [
        (check, finding(check, FindingCode.WRONG_STATUS, f"{A} answered 503, expected 200")) for check in (HEALTH, twin)
    ]
    (change,) = plan(*services(*seen))
    assert change.sentence == "health, twin: api.hearth.example answered 503, expected 200"


def test_a_limit_has_the_readers_units():
    assert FR.limit("< 3 d").replace("\u00a0", " ") == "< 3 j"
    assert FR.limit(f"> {64 * 10**6} bytes").replace("\u00a0", " ") == "> 64 Mo"


def test_a_sweep_remembers_what_its_sentences_are_made_of():
    watched = platform(HEALTH)
    customer = Customer(name="hearth", language="fr", time_zone="Europe/Paris", channel="hearth-ops")
    sweep = SweepPlan(
        sweep=INCIDENT, platform=watched, customer=customer, catalogue_digest="d", started_at=AT, statuses={},
        maintenance={},
    )  # fmt: skip
    checked = replay(sweep, [finding(HEALTH, FindingCode.ALARM, PROSE)])
    assert checked[CheckKey("device-api", "health")].status.numbers == {"code": "alarm"}


def test_flapping_is_french_too():
    watched, found = services((HEALTH, finding(HEALTH, FindingCode.ALARM, PROSE)))
    (change,) = plan(watched, [replace(service, flapping=True) for service in found])
    assert change.sentence.startswith("flapping: ")
    assert_french(change)
    assert "instable : health : alarme levée" in first_line(change, "fr")
