"""The card of several platforms: each one's evidence under its name, in both languages, within every limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.ports.approvals import Bound, Guard, Plan, PlanStep, Standing
from blocks.ports.runs import RunState
from blocks.slack.cards import headline, render_approval
from blocks.slack.markup import length
from blocks.slack.modals import answer_modal
from blocks.slack.pieces import MOST_MESSAGE
from blocks.slack.progress import render_progress
from blocks.slack.rulings import retell
from tasks.approvals.card import card_markdown
from tasks.approvals.decide import differences
from tasks.recovery.beginning import JointReport
from tasks.recovery.together import MOST_AT_ONCE, join
from tests.unit.approvals.asked import POLICY, approval
from tests.unit.messages.runs import a_picture, a_run
from tests.unit.messages.test_cards import EN, FR, NASTY, actions_of, check, flat, mrkdwn
from tests.unit.recovery.test_priority import FIVE
from tests.unit.recovery.test_together import found

PLAN = join(found(*FIVE), {"attic": "attic has no recovery plan"}, lead="hearth", reason="panne générale")
ASKED = approval(plan=PLAN, digest=PLAN.digest)


def sections(blocks, name: str) -> str:
    """The paragraphs under one platform's name."""
    return "\n".join(text for text in mrkdwn(blocks) if text.startswith(f"*{name}*")).replace("\u00a0", " ")


def test_each_platform_has_its_own_under_its_name():
    _, blocks = render_approval(a_picture(ASKED), ASKED)
    assert [part.platform for part in PLAN.parts] == ["hearth", "shop", "ledger", "archive"]
    for part in PLAN.parts:
        under = sections(blocks, part.platform)
        assert under.startswith(f"*{part.platform}* · failover to dc-west (4 min) · plan `{part.digest[:12]}`")
        assert all(f"{bound.name}: at most" in under for bound in part.bounds)
        assert all(f"{what} ({how})" in under for what, how in part.coverage.items())
        assert "*Known to be wrong now*" in under
        assert f"1. {part.steps[0].text}" in under
        assert "*Afterwards* commit it within" in under
    said = flat(blocks)
    assert "*Together, on this one yes* hearth, shop, ledger and archive" in said
    assert "garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 2 are free" in said
    assert "attic does not go: attic has no recovery plan" in said
    assert PLAN.digest[:12] in said
    assert actions_of(blocks)[:2] == ["approval.approve", "approval.reject"]


def test_of_two_everything_is_on_the_card():
    two = replace(PLAN, parts=PLAN.parts[:2])
    _, blocks = render_approval(a_picture(approval(plan=two)), approval(plan=two))
    for part in two.parts:
        under = sections(blocks, part.platform)
        assert all(f"✓ {guard.name}" in under for guard in part.guards)
        assert all(f"{number}. {step.text}" in under for number, step in enumerate(part.steps, 1))


def test_of_as_many_as_one_card_takes_each_shows_every_bound_and_fence():
    parts = tuple(replace(PLAN.parts[0], platform=f"platform-{number}") for number in range(MOST_AT_ONCE))
    many = approval(plan=replace(PLAN, parts=parts))
    for language in ("en", "fr"):
        _, blocks = render_approval(a_picture(many, language=language), many)
        assert sum(map(length, texts_of(blocks))) <= MOST_MESSAGE
        for part in parts:
            under = sections(blocks, part.platform)
            assert under.count("• ") == len(part.bounds) + len(part.coverage)


def test_the_first_line_names_them_and_counts_every_fault():
    line = headline(EN, ASKED).replace("\u00a0", " ")
    count = 2 + sum(len(part.known_wrong) for part in PLAN.parts)
    assert line.startswith("🟠 To approve · failover of several · hearth · hearth, shop, ledger, archive (")
    assert f"{count} known faults" in line


def test_a_french_card_has_no_english_left():
    said = flat(render_approval(a_picture(ASKED, language="fr"), ASKED)[1])
    for english in (
        "Together", "Not on this", "waits:", "does not go", "begin the", "failover", "at most ", "may be lost", "needed",
        "Afterwards", "fence ", "promote ", "confirmed",
    ):  # fmt: skip
        assert english not in said, english
    for french in (
        "Ensemble, sur ce seul oui",
        "attend : à dc-west il faut 4 (cœurs), 2 libres",
        "n'a pas de plan de reprise",
    ):
        assert french in said, french


@pytest.mark.parametrize("voice", [EN, FR], ids=["en", "fr"])
def test_the_form_of_the_prefect_ui_holds_the_same(voice):
    said = card_markdown(ASKED, voice).replace("\\", "").replace("\u00a0", " ")
    for part in PLAN.parts:
        assert f"**{part.platform}** · " in said
        assert part.digest[:12] in said
        assert all(retell(voice, guard.text).replace("\u00a0", " ") in said for guard in part.guards)
    assert all(retell(voice, sentence).replace("\u00a0", " ") in said for sentence in PLAN.known_wrong)


def texts_of(blocks) -> list[str]:
    """Every text that Slack counts."""
    pieces = (piece for block in blocks for piece in (block.get("text"), *block.get("elements", ())))
    found = [piece["text"] for piece in pieces if isinstance(piece, dict) and "text" in piece]
    return [each if isinstance(each, str) else each["text"] for each in found]


def a_part(number: int, texts, word) -> Plan:
    return Plan(
        action="failover", platform=f"{word[:20]}{number}", subject=word, candidate=word,
        steps=tuple(PlanStep(phase="p", item=str(n), text=text) for n, text in enumerate(texts)),
        bounds=tuple(Bound(name=text, at_most=1, measured=0, unit=word) for text in texts),
        guards=tuple(Guard(name=text, holds=True, text=word) for text in texts),
        known_wrong=tuple(texts), roles=dict.fromkeys(texts, word), coverage=dict.fromkeys(texts, word),
        commit_within_s=60.0,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, MOST_AT_ONCE), texts=st.lists(NASTY, max_size=60), word=NASTY,
    language=st.sampled_from(["en", "fr"]), standing=st.sampled_from(list(Standing)),
)  # fmt: skip
def test_any_card_of_several_fits_and_can_neither_ring_nor_link(count, texts, word, language, standing):
    parts = tuple(a_part(number, texts, word) for number in range(count))
    made = replace(PLAN, parts=parts, known_wrong=tuple(texts), reason=word, subject=word)
    asked = approval(plan=made, standing=standing, differences=tuple(texts))
    picture = a_picture(asked, language=language, run=a_run(state=RunState.WAITING))
    for text, blocks in (render_approval(picture, asked), render_progress(picture)):
        assert len(blocks) <= 50
        assert sum(map(length, texts_of(blocks))) <= MOST_MESSAGE
        assert text.strip()
        check(blocks)
        said = "".join(mrkdwn(blocks)).replace("<https://prefect.example", "")
        assert not [sign for sign in ("<!", "<@", "<#", "<http") if sign in said]


def test_what_nobody_confirms_comes_before_what_is_confirmed_and_all_before_the_steps():
    part = replace(
        PLAN.parts[0], coverage={"a": "confirmed by its host", "b": "NOT confirmed: nothing there answers us"}
    )
    made = replace(PLAN, parts=(part,))
    under = sections(render_approval(a_picture(approval(plan=made)), approval(plan=made))[1], "hearth")
    places = [under.index(each) for each in ("may be lost: at most", "b (NOT", "a (confirmed", "1. take credential")]
    assert places == sorted(places)


def test_what_has_no_room_is_counted():
    many = a_part(1, [f"thing {number} {'x' * 200}" for number in range(60)], "word")
    made = replace(PLAN, parts=(many, *[replace(many, platform=f"other{number}") for number in range(5)]))
    _, blocks = render_approval(a_picture(approval(plan=made)), approval(plan=made))
    assert sum(map(length, texts_of(blocks))) <= MOST_MESSAGE
    assert flat(blocks).count("more") >= len(made.parts)


def test_every_word_that_must_be_typed_is_shown_whole():
    word = " ".join(f"platform-with-a-long-name-{number}" for number in range(MOST_AT_ONCE))
    view = answer_modal(EN, "approve", {}, code=True, typed=word)
    (label,) = [b["label"]["text"] for b in view["blocks"] if b["block_id"] == "typed"]
    assert label == f"Type {word} to confirm"
    assert length(label) <= 2000
    assert word in card_of(replace(POLICY, typed=word))


def card_of(policy) -> str:
    asked = replace(ASKED, policy=policy)
    return flat(render_approval(a_picture(asked), asked)[1])


# -- the run, and what came of it ---------------------------------------------------------------


def test_the_run_says_that_each_has_a_message_of_its_own():
    granted = approval(plan=PLAN, standing=Standing.GRANTED)
    for state, shown in ((RunState.RUNNING, True), (RunState.DONE, False)):
        picture = a_picture(granted, run=a_run(action="joint-failover", state=state))
        text, blocks = render_progress(picture)
        assert "4 platforms, each with a message of its own" in text
        assert ("begin the failover of shop to dc-west" in flat(blocks)) is shown


REPORT = JointReport(
    ("the failover of hearth to dc-west is begun (run 0a1b2c3d)",),
    (
        "garden of storefront (priority 3) waits: in dc-west 4 cores are needed and 2 are free",
        (
            "shop does not go: there is no room for shop any more: 8 cores are needed and 7 are free "
            "(others hold room: the failover of garden)"
        ),
        "ledger does not go: ledger is being changed by switchover of dc-west (run 7)",
        "archive does not go: nobody can say what dc-west can still take: zorp",
        "attic does not go: one card takes 6 platforms, ask for it on another",
        "cellar does not go: of those who decide about a, b only 0 decide about all of them, and 1 are needed",
        "loft does not go: the catalogue does not say what it needs in dc-west",
    ),
)


def test_the_report_is_said_in_french_piece_by_piece():
    told = retell(FR, str(REPORT)).replace("\u00a0", " ")
    assert told.startswith(
        "bascule d'urgence de hearth vers dc-west : lancée (exécution 0a1b2c3d) ; garden de storefront"
    )
    assert (
        "plus de place pour shop : il faut 8 (cœurs), 7 libres (place tenue par : bascule d'urgence de garden)" in told
    )
    assert "ledger est déjà en cours de modification : bascule planifiée de dc-west (exécution 7)" in told
    assert not {"goes", "does", "needed", "decide", "card", "says", "begun"} & set(told.split())
    assert retell(EN, str(REPORT)) == str(REPORT)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("begin the failover of shop to dc-west", "lancer : bascule d'urgence de shop vers dc-west"),
        ("approved with others in run 0a1b2c3d: approved by shift-lead", "approuvé avec d'autres (exécution 0a1b2c3d) : approuvé par shift-lead"),
        (
            "16 cores free; of that 4 cores, 1024 MiB, 1 instance are held for the failover of shop (running)",
            "16 cores free ; dont 4 cœurs, 1024 Mio, 1 instance tenus pour : bascule d'urgence de shop",
        ),
    ],
)  # fmt: skip
def test_sentences(sentence, said):
    assert retell(FR, sentence).replace("\u00a0", " ") == said


# -- what changed since the question before -----------------------------------------------------


def test_what_changed_is_said_under_the_platform_s_name():
    shop = PLAN.parts[1]
    other = replace(shop, steps=shop.steps[:-1], coverage={})
    now = replace(PLAN, parts=(PLAN.parts[0], other, *PLAN.parts[2:]))
    assert all(each.startswith("shop: ") for each in differences(PLAN, now))
    assert f"shop: no longer: {shop.steps[-1].text}" in differences(PLAN, now)
    fewer = join(found(*FIVE, cores=4), {}, lead="hearth", reason="")
    assert "no longer: begin the failover of shop to dc-west" in differences(PLAN, fewer)
    assert differences(PLAN, replace(PLAN, known_wrong=())) == ()
    swapped = replace(PLAN, parts=PLAN.parts[::-1])
    assert differences(PLAN, swapped) == ("who goes is the same, in another order",)
