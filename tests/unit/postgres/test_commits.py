"""A primary is called strict only where one standby alone holds up each commit, and nobody is let go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ports.recovery import Waiting
from blocks.postgres.commits import judge_commits, the_one


@pytest.mark.parametrize(
    ("setting", "one"),
    [
        ("hearth_db2", "hearth_db2"),
        ('"hearth_db2"', "hearth_db2"),
        ('"a ""quoted"" name"', 'a "quoted" name'),
        ("FIRST 1 (hearth_db2)", "hearth_db2"),
        ('any 1 ("hearth_db2")', "hearth_db2"),
        ("1 (hearth_db2)", "hearth_db2"),
        ("", ""),
        ("*", ""),
        ("ANY 1 (*)", ""),
        ("hearth_db2, other", ""),
        ("ANY 1 (hearth_db2, other)", ""),
        ("FIRST 1 (hearth_db2, other)", ""),
        ("2 (hearth_db2, other)", ""),
        ('"hearth_db2", "other"', ""),
        ('"hearth_db2"other', ""),
    ],
)
def test_one_name_alone_is_waited_for(setting, one):
    assert the_one(setting) == one


def judged(setting='"db2"', levels=("on",), synchronous=("db2",), *, host_answers=True, lets_go=False):
    return judge_commits(setting, levels, synchronous, host_answers=host_answers, lets_go=lets_go)


CASES = {
    "strictly": (judged(), Waiting.STRICTLY),
    "in another case": (judged(setting="DB2"), Waiting.STRICTLY),
    "applied there, too": (judged(levels=("on", "remote_apply")), Waiting.STRICTLY),
    "for nobody": (judged(setting=""), Waiting.NOT),
    "for any of two": (judged(setting="ANY 1 (db2, db3)", synchronous=("db2", "db3")), Waiting.NOT),
    "until it is written, not kept": (judged(levels=("remote_write",)), Waiting.NOT),
    "but one role does not": (judged(levels=("on", "off")), Waiting.NOT),
    "but its host lets them go": (judged(lets_go=True), Waiting.NOT),
    "by a host that is silent": (judged(host_answers=False), Waiting.UNKNOWN),
    "for one who is gone": (judged(synchronous=()), Waiting.UNKNOWN),
    "for one who is there twice": (judged(synchronous=("db2", "db2")), Waiting.UNKNOWN),
    "for another than the one that streams": (judged(synchronous=("db3",)), Waiting.UNKNOWN),
}


@pytest.mark.parametrize(("said", "waiting"), CASES.values(), ids=CASES)
def test_how_commits_are_acknowledged(said, waiting):
    assert said is waiting


names = st.sampled_from(["db2", "db3", "*", '"db2"'])
settings = st.lists(names, max_size=2).map(", ".join)
forms = st.sampled_from(["{}", "ANY 1 ({})", "FIRST 1 ({})", "2 ({})", "1 ({})"])


@given(
    setting=st.builds(str.format, forms, settings),
    levels=st.lists(st.sampled_from(["on", "remote_apply", "remote_write", "local", "off", "true"]), min_size=1),
    synchronous=st.lists(st.sampled_from(["db2", "db3"]), max_size=2),
    host_answers=st.booleans(),
    lets_go=st.booleans(),
)
def test_strict_is_said_of_nothing_less(setting, levels, synchronous, host_answers, lets_go):
    if judge_commits(setting, levels, synchronous, host_answers=host_answers, lets_go=lets_go) is Waiting.STRICTLY:
        assert host_answers
        assert not lets_go
        assert set(levels) <= {"on", "remote_apply"}
        assert len(synchronous) == 1
        assert synchronous[0] in setting
        assert "," not in setting
        assert "*" not in setting
