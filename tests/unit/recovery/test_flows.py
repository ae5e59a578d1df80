"""A runbook's flow fixes its phases: does each come, once, with what it needs, and after what it stands on?

Read from the flows themselves. A phase that is left out, or comes too early, shows on a whole sandbox at the latest; here
it shows at once, and says which promise it was.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

_FLOWS = Path(__file__).resolve().parents[3] / "flows"
MOVES = ("switchover", "failover", "failback", "point_in_time_restore")
_OWN_ORDER = [  # of every move: what each line stands on is the line before it
    ("hold_room(granted)", "room is claimed before a move is begun that needs it"),
    ("begin_move(granted)", "the journal knows of the move before anything is changed"),
    ("carry_out(granted, 'fence')", "the old side writes nothing more before the new side may"),
    ("carry_out(granted, 'promote')", "nothing is judged that was not promoted"),
    ("carry_out(granted, 'verify-data')", "data is judged before clients return"),
    ("carry_out(granted, 'start')", "what serves is started before clients are sent to it"),
    ("carry_out(granted, 'shift')", "clients are sent before it is proved that they are served"),
    ("carry_out(granted, 'verify-clients')", "it is proved before it is said"),
    ("let_it_serve(granted, proofs)", "it serves before it is reported, and on the proofs that were found"),
    ("report_move(granted.lease.run)", "at the end"),
]
_BETWEEN = [  # flow, what, after, before
    ("failover", "bound_losses(granted)", "carry_out(granted, 'fence')", "carry_out(granted, 'promote')"),
    ("point_in_time_restore", "bound_left_behind(granted, moment)", "carry_out(granted, 'fence')", "carry_out(granted, 'promote')"),
    *((flow, "carry_out(granted, 'prepare')", "begin_move(granted)", "carry_out(granted, 'fence')") for flow in ("switchover", "failback")),
    *((flow, "note_nothing_lost(granted)", "carry_out(granted, 'promote')", "carry_out(granted, 'shift')") for flow in ("switchover", "failback")),
    *((flow, "carry_out(granted, 'settle')", "let_it_serve(granted, proofs)", "report_move(granted.lease.run)") for flow in MOVES if flow != "failover"),
    *((flow, "see_whom_commits_wait_for(granted)", "carry_out(granted, 'settle')", "report_move(granted.lease.run)") for flow in ("switchover", "failback")),
    ("rejoin", "carry_out(granted, FENCE)", "approved(...)", "report_move(note_fenced_late(granted))"),
    ("rejoin", "allow_rewind(granted)", "report_move(note_fenced_late(granted))", "carry_out(granted, FOLLOW)"),
    ("rejoin", "carry_out(granted, FOLLOW)", "allow_rewind(granted)", "what_came_of_it(granted)"),
    ("recovery_drill", "lease_copies(granted)", "approved(...)", "rehearse(granted, 'prepare')"),
    ("recovery_drill", "look_around(granted)", "lease_copies(granted)", "rehearse(granted, 'prepare')"),
    ("recovery_drill", "rehearse(granted, 'promote')", "rehearse(granted, 'prepare')", "verify(granted, known)"),
    ("recovery_drill", "verify(granted, known)", "rehearse(granted, 'promote')", "rehearse(granted, 'start')"),
    ("recovery_drill", "rehearse(granted, 'settle')", "rehearse(granted, 'start')", "judge_drill(granted, looked, judged)"),
    ("recovery_drill", "judge_drill(granted, looked, judged)", "rehearse(granted, 'settle')", "tell_drill()"),
    ("settle_moves", "care_for_moves()", "", "renew_calendars()"),
]  # fmt: skip


def calls(flow: str) -> list[str]:
    """Every call of a flow's own lines, in order, written out; what plans is only named."""
    body = next(
        each
        for each in ast.parse((_FLOWS / f"{flow}.py").read_text()).body
        if isinstance(each, ast.FunctionDef) and each.name == flow
    )
    return [_written(call) for line in body.body[1:] for call in _calls(line)]


def _calls(line: ast.stmt) -> list[ast.Call]:
    if isinstance(line, ast.With):
        return [call for inner in line.body for call in _calls(inner)]
    value = getattr(line, "value", None)
    return [value] if isinstance(value, ast.Call) else []


def _written(call: ast.Call) -> str:
    name = ast.unparse(call.func)
    if name == "approved":
        return "approved(...)"
    if name == "carry_out":
        return f"{name}({', '.join(ast.unparse(each) for each in call.args[:2])})"
    return ast.unparse(call)


def at(flow: str, call: str) -> int:
    """Where it stands; it comes exactly once."""
    places = [number for number, each in enumerate(calls(flow)) if each == call]
    assert len(places) == 1, f"{flow}: {call} comes {len(places)} times in {calls(flow)}"
    return places[0]


@pytest.mark.parametrize("flow", MOVES)
def test_each_phase_of_a_move_comes_once_and_after_what_it_stands_on(flow):
    before_the_yes = calls(flow)[: at(flow, "approved(...)")]
    assert before_the_yes in ([], ["read_accepted(accept_rows, accept_time)"]), "nothing is done before people agreed"
    places = [at(flow, call) for call, _ in _OWN_ORDER]
    for (call, why), before, place in zip(_OWN_ORDER, [0, *places], places, strict=False):
        assert before < place, f"{flow}: {call} comes too early: {why}"


@pytest.mark.parametrize(("flow", "call", "after", "before"), _BETWEEN)
def test_what_only_some_do_comes_at_its_place(flow, call, after, before):
    place = at(flow, call)
    assert not after or at(flow, after) < place
    assert place < at(flow, before)


@pytest.mark.parametrize(
    ("flow", "known"),
    [
        ("switchover", "known"),
        ("failover", "known"),
        ("failback", "known"),
        ("point_in_time_restore", "KnownRows(as_of=read_moment(moment))"),
    ],
)
def test_data_is_judged_against_what_was_known_before_the_move(flow, known):
    """Without it the suites would compare the promoted database with nothing."""
    text = (_FLOWS / f"{flow}.py").read_text()
    assert f'carry_out(granted, "verify-data", {known})' in text
    if known == "known":
        remembered = {"remember_rows(platform)", "remember_rows.submit(platform)"} & {*calls(flow)}
        assert at(flow, *remembered) < at(flow, "begin_move(granted)")


def test_a_drill_is_always_cleaned_up():
    """Everything after the lease stands inside what cleans up, however it ends."""
    (flow,) = [
        each for each in ast.parse((_FLOWS / "recovery_drill.py").read_text()).body if isinstance(each, ast.FunctionDef)
    ]
    (inside,) = [line for line in flow.body if isinstance(line, ast.With)]
    assert ast.unparse(inside.items[0]) == "always_cleaned_up(granted)"
    assert next(_written(call) for line in inside.body for call in _calls(line)) == "lease_copies(granted)"
    outside = [_written(call) for line in flow.body if line is not inside for call in _calls(line)]
    assert not [call for call in outside if "rehearse" in call or "verify" in call]


def test_a_drill_that_ended_as_its_process_died_is_told_by_the_next_try_and_not_begun_anew():
    (flow,) = [
        each for each in ast.parse((_FLOWS / "recovery_drill.py").read_text()).body if isinstance(each, ast.FunctionDef)
    ]
    first = flow.body[1]
    assert isinstance(first, ast.If)
    assert ast.unparse(first.test) == "(ended := ended_before()) is not None"
    assert [ast.unparse(line) for line in first.body] == ["tell_drill()", "return ended"]


def test_readiness_judges_by_all_that_it_looked_at():
    text = (_FLOWS / "recovery_readiness.py").read_text()
    looks = (
        "look_at_sides",
        "compare_sides",
        "look_at_switches",
        "see_certificates",
        "try_credentials",
        "try_held_credentials",
    )
    for look in looks:
        assert f"{look}.submit(platform, scope)" in text
    for name in ("sides", "traits", "switches", "certificates", "credentials", "takeable"):
        assert f"{name}.result()" in text
