"""What does YAML mean here, and can a hostile or broken file do harm?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.catalogue.document import Document


@pytest.fixture
def read(tmp_path):
    def reading(text: str | bytes) -> Document:
        file = tmp_path / "one.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Document(file)

    return reading


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("02:30", "02:30"),
        ("2026-12-05T22:00:00+01:00", "2026-12-05T22:00:00+01:00"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("0o17", "0o17"),
        ("007", 7),
        ("1_000", "1_000"),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("'5'", "5"),
        ('"true"', "true"),
        ("99999999999999999999999", 99999999999999999999999.0),
        ("[a, 1]", ["a", 1]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_words_mean_what_they_say(read, written, meant):
    assert read(f"key: {written}").value == {"key": meant}


def test_a_key_is_always_text(read):
    assert read("1: a\ntrue: b\nnull: c").value == {"1": "a", "true": "b", "null": "c"}


def test_an_alias_repeats_what_was_anchored(read):
    document = read("a: &x {b: 1}\nc: *x")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.mistakes == []


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("", 1, 1, "the file is empty"),
        ("# only a comment\n", 1, 1, "the file is empty"),
        ("a: [1,\nb: 2\n", 3, 1, "while parsing a flow sequence that begins on line 1"),
        ("a:\n\tb: 1\n", 2, 1, "not YAML"),
        ("a: 1\n--- \nb: 2\n", 2, 1, "expected one document"),
        ("a: *nobody\n", 1, 4, "not YAML"),
        (b"a: \xff\n", 1, 1, "expected UTF-8 text; byte 3"),
        ("a: \x07\n", 1, 1, "cannot be read"),
        ("a: &x {b: *x}\n", 1, 11, "no alias that contains itself"),
        ("a: &x [*x]\n", 1, 8, "no alias that contains itself"),
    ],
)
def test_what_cannot_be_read_is_one_mistake(read, text, line, column, said):
    document = read(text)
    assert not document.readable
    assert [(m.line, m.column) for m in document.mistakes] == [(line, column)]
    assert said in document.mistakes[0].text
    assert document.at_value(("a", "b")) == document.at_key(("a",)) == (1, 1)


def test_a_billion_values_are_not_unfolded(read):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    document = read("\n".join(lines))
    assert "at most" in document.mistakes[0].text
    assert document.value is None


def test_deep_nesting_is_a_mistake_and_not_a_crash(read):
    for text in ("a: " + "[" * 50_000, "- " * 50_000, "\n".join(" " * n + "a:" for n in range(5_000))):
        assert "at most 50 levels" in read(text).mistakes[0].text


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    assert "cannot be read" in Document(tmp_path / "gone.yaml").mistakes[0].text


def test_a_byte_order_mark_moves_nothing(read):
    document = read(b"\xef\xbb\xbfkey: value")
    assert document.value == {"key": "value"}
    assert document.at_key(("key",)) == (1, 1)


def test_keys_that_are_maps_are_refused(read):
    document = read("{a: 1}: b\nc: d\n")
    assert document.value == {"c": "d"}
    assert [m[1:4] for m in document.mistakes] == [(1, 1, "expected a name as key, not a map or list")]


def test_positions_are_those_editors_show(read):
    document = read("é: {b: [x, 'y']}\nempty:\n")
    assert document.at_key(("é", "b")) == (1, 5)
    assert document.at_value(("é", "b", 1)) == (1, 12)
    assert document.at_value(("empty",)) == (2, 1)
    assert document.at_value(("é", "gone", "deeper")) == (1, 1)
    quoted = read("a:\n  - x\nb: ''\n")
    assert quoted.at_value(("b",)) == (3, 4)
    assert quoted.at_value(("a", 0)) == (2, 5)
    assert quoted.at_value(("a", 1)) == (1, 1)


_values = st.recursive(
    st.one_of(st.text("abcxyz", min_size=1, max_size=5), st.integers(0, 99)),
    lambda inner: st.dictionaries(st.text("abcdef", min_size=1, max_size=6), inner, min_size=1, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=40)
@given(value=st.dictionaries(st.text("abcdef", min_size=1, max_size=6), _values, min_size=1, max_size=4))
def test_every_key_is_found_where_it_stands(tmp_path_factory, value):
    lines: list[str] = []
    places: dict[tuple[str, ...], tuple[int, int]] = {}

    def write(part: dict, path: tuple[str, ...], indent: int) -> None:
        for key, child in part.items():
            places[(*path, key)] = (len(lines) + 1, indent + 1)
            lines.append(" " * indent + f"{key}:" + ("" if isinstance(child, dict) else f" '{child}'"))
            if isinstance(child, dict):
                write(child, (*path, key), indent + 2)

    write(value, (), 0)
    file = tmp_path_factory.mktemp("places") / "one.yaml"
    file.write_text("\n".join(lines))
    document = Document(file)
    assert {path: document.at_key(path) for path in places} == places
