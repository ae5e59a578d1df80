"""Whatever stands in a file, is it answered with mistakes in that file, and never with a crash?"""

from __future__ import annotations

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.catalogue.document import Document
from blocks.catalogue.loader import check_catalogue, load_catalogue

_patient = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # machines are shared
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["group:", "data", "> 5 s", "5s", "@"]),
)
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def _paths(value, at=()):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from _paths(child, (*at, key))


def _with(value, path, put):
    if not path:
        return put
    whole = copy.deepcopy(value)
    part = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = put
    return whole


@settings(suppress_health_check=_patient, deadline=None, max_examples=60)
@given(data=st.data())
def test_one_value_replaced_by_anything(example, data):
    file = example.folder / "shop.yaml"
    file.write_text(example.right)
    right = Document(file).value
    for _ in range(data.draw(st.integers(1, 3))):
        right = _with(right, data.draw(st.sampled_from(list(_paths(right)))), data.draw(_anything))
    file.write_text(json.dumps(right, ensure_ascii=True))
    mistakes = check_catalogue(example.folder)
    assert all(m.file == str(file) and m.line >= 1 and m.column >= 1 and m.text for m in mistakes)
    if not mistakes:
        assert load_catalogue(example.folder).platforms.keys() == right["platforms"].keys()


@settings(suppress_health_check=_patient, deadline=None, max_examples=60)
@given(text=st.text("abc:-[]{}&*!|>'\"#%@`,? \n\t0", max_size=60))
def test_any_text(example, text):
    (example.folder / "shop.yaml").write_text(text)
    assert check_catalogue(example.folder)
