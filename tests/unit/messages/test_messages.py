"""Every text exists in both languages with the same blanks, and every code has its words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from string import Formatter

import pytest

from blocks.catalogue import model
from blocks.ports.health import FindingCode, MissingCode, Mode, State
from blocks.ports.incidents import EventKind, Severity
from blocks.slack.messages import TEXTS
from blocks.slack.move_messages import MOVE_TEXTS
from blocks.slack.paper_messages import PAPER_TEXTS
from blocks.slack.readiness_messages import READINESS_TEXTS
from blocks.slack.run_messages import RUN_TEXTS
from blocks.slack.voice import Voice

FR = Voice("fr", "Europe/Paris")
EN = Voice("en", "Europe/London")
NIGHT = datetime(2026, 11, 23, 22, 14, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def blanks(form: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(form) if name is not None}


def test_nothing_is_said_in_two_ways():
    """A key that stands in two lists would be said in one way or the other by the order of the lists."""
    lists = (RUN_TEXTS, MOVE_TEXTS, PAPER_TEXTS, READINESS_TEXTS)
    assert [key for one, other in combinations(lists, 2) for key in one.keys() & other.keys()] == []


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_have_the_same_blanks(key):
    english, french = TEXTS[key].forms("en"), TEXTS[key].forms("fr")
    assert all(form.strip() for form in english + french)
    assert {frozenset(blanks(form)) for form in english} == {frozenset(blanks(form)) for form in french}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_a_text_with_two_forms_has_them_in_both_languages(key):
    text = TEXTS[key]
    assert isinstance(text.en, str) == isinstance(text.fr, str)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("finding", FindingCode),
        ("missing", MissingCode),
        ("severity", Severity),
        ("state", State),
        ("event", EventKind),
        ("mode", Mode),
    ],
)
def test_every_code_has_its_words(prefix, words):
    assert [w for w in words if f"{prefix}.{w.value}" not in TEXTS] == []


def test_every_measurement_of_the_catalogue_has_a_name():
    checks = [c for c in vars(model).values() if isinstance(c, type) and issubclass(c, model.CheckBase)]
    names = {field for check in checks for field, info in check.model_fields.items() if info.annotation is model.Limits}
    assert names >= {"latency", "lag", "used"}
    assert {name for name in names if f"measurement.{name}" not in TEXTS} == set()


def test_texts_in_french_are_not_left_in_english():
    same = {key for key, text in TEXTS.items() if text.en == text.fr}
    words = {key for key in same if any(word.isalpha() and len(word) > 3 for word in blanksless(TEXTS[key]).split())}
    assert words <= {"measurement.rate", "measurement.limit_count"} | {
        "severity.page",
        "incident.id",
        "report.services",
        "report.incidents",
        "column.service",
        "column.services",
        "door.slack",
        "card.plan",
        "field.action",
        "field.parameter.service",
        "move.column.phase",
        "paper.column.variable",
    }


def blanksless(text) -> str:
    return "".join(literal for literal, *_ in Formatter().parse(text.forms("en")[0]))


@pytest.mark.parametrize(
    ("voice", "said"),
    [
        (lambda v: v.percent(3.5), ("3.5 %", "3,5 %")),
        (lambda v: v.clock(NIGHT), ("22:14", "23 h 14")),
        (lambda v: v.clock_s(NIGHT), ("22:14:00", "23 h 14 min 00 s")),
        (lambda v: v.moment(NIGHT), ("23 November at 22:14", "23 novembre à 23 h 14")),
        (lambda v: v.day(NIGHT + timedelta(days=8)), ("1 December", "1er décembre")),
        (lambda v: v.number(1234567.8), ("1,234,568", "1 234 568")),
        (lambda v: v.number(0.0421), ("0.042", "0,042")),
        (lambda v: v.number(0), ("0", "0")),
        (lambda v: v.number(1000), ("1,000", "1 000")),
        (lambda v: v.number(2.50), ("2.5", "2,5")),
        (lambda v: v.quantity(843.21, "ms"), ("843 ms", "843 ms")),
        (lambda v: v.quantity(13.5, "d"), ("13.5 d", "13,5 j")),
        (lambda v: v.quantity(2_500_000, "bytes"), ("2.5 MB", "2,5 Mo")),
        (lambda v: v.quantity(7, "count"), ("7", "7")),
        (lambda v: v.quantity(4000, "s"), ("1 h 06 min", "1 h 06 min")),
        (lambda v: v.quantity(1.5, "/s"), ("1.5 /s", "1,5 /s")),
        (lambda v: v.span(timedelta(seconds=45)), ("45 s", "45 s")),
        (lambda v: v.span(timedelta(minutes=27)), ("27 min", "27 min")),
        (lambda v: v.span(timedelta(days=2, hours=4, minutes=9)), ("2 d 4 h", "2 j 4 h")),
        (lambda v: v.span(timedelta(seconds=-3)), ("0 s", "0 s")),
        (lambda v: v.limit("> 1.5 %"), ("> 1.5 %", "> 1,5 %")),
        (lambda v: v.listing(["a", "b", "c"]), ("a, b and c", "a, b et c")),
        (lambda v: v.listing(["a", "b", "c", "d"], most=2), ("a, b and 2 more", "a, b et 2 autres")),
        (lambda v: v.listing(["a", "b", "c"], most=2), ("a, b and 1 more", "a, b et 1 autre")),
        (lambda v: v.listing([]), ("", "")),
    ],
)
def test_numbers_hours_and_lists_are_the_readers_own(voice, said):
    assert (plain(voice(EN)), plain(voice(FR))) == said


@pytest.mark.parametrize(
    ("count", "english", "french"), [(0, "services", "service"), (1, "service", "service"), (2, "services", "services")]
)
def test_french_counts_nought_as_one_and_english_does_not(count, english, french):
    assert plain(EN.say_count("report.all_ok", count)) == f"{count} {english}, all well"
    assert plain(FR.say_count("report.all_ok", count)) == f"{count} {french}, tout va bien"


def test_the_hour_follows_daylight_saving():
    before, after = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert [plain(FR.clock(t)) for t in (before, after)] == ["2 h 30", "2 h 30"]
    assert plain(FR.clock(datetime(2026, 7, 1, 22, 0, tzinfo=UTC))) == "0 h 00"


def test_an_unknown_key_fails_loudly():
    with pytest.raises(KeyError):
        FR.say("incident.unheard_of")
