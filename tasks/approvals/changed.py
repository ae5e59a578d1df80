"""What differs between the plan that was approved and the one that would be carried out, in words?

Pure. The rule: everything that the digest covers and that differs is named, by what the card said of it and what is
true now, so that whoever is asked again need not compare two cards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from blocks.ports.approvals import Bound, Plan

T = TypeVar("T")


def changes(approved: Plan, now: Plan) -> Sequence[str]:
    """A sentence each; at least one, so ask only of plans with different digests."""
    found = list(_steps(approved, now))
    if approved.parts or now.parts:  # all else stands under each platform's name
        return [*found, *_of_parts(approved, now)] or ["who goes is the same, in another order"]
    for name in ("candidate", "action", "platform", "subject"):
        before, after = str(getattr(approved, name)), str(getattr(now, name))
        if before != after:
            found.append(f"{name} was {before or 'nothing'}, is {after or 'nothing'}")
    found += _said(approved.roles, now.roles, {})
    found += _said(approved.coverage, now.coverage, {step.item: step.text for step in (*now.steps, *approved.steps)})
    if (approved.commit_within_s, approved.rolls_back) != (now.commit_within_s, now.rolls_back):
        found.append(f"afterwards was {_afterwards(approved)}, is {_afterwards(now)}")
    back, offered_back = ("; ".join(step.text for step in plan.when_back) for plan in (approved, now))
    if back != offered_back:
        found.append(f"when the old site is back was {back or 'nothing'}, is {offered_back or 'nothing'}")
    found += _bounds(approved.bounds, now.bounds)
    return found or ["the guards are others than those approved"]


def _steps(approved: Plan, now: Plan) -> Iterator[str]:
    before, after = [step.text for step in approved.steps], [step.text for step in now.steps]
    other = [
        *(f"no longer: {text}" for text in before if text not in after),
        *(f"new: {text}" for text in after if text not in before),
    ]
    yield from other
    if not other and [(s.phase, s.item) for s in approved.steps] != [(s.phase, s.item) for s in now.steps]:
        yield "the steps' targets or order changed"


def _of_parts(approved: Plan, now: Plan) -> Iterator[str]:
    """Of each platform that was on the card and still is, what differs."""
    before = {part.platform: part for part in approved.parts}
    both = [(before[part.platform], part) for part in now.parts if part.platform in before]
    for old, new in both:
        if old.digest != new.digest:
            yield from (f"{new.platform}: {said}" for said in changes(old, new))


def _said(before: Mapping[str, str], after: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[str]:
    """What a card says of a thing by its name; a thing that a step is about is called as the step is."""
    return _compared(before, after, texts, '"{}"'.format, ("said", "known", "is"))


def _bounds(before: Sequence[Bound], after: Sequence[Bound]) -> Iterator[str]:
    agreed, offered = ({bound.name: (float(bound.at_most), bound.unit) for bound in each} for each in (before, after))
    return _compared(agreed, offered, {}, lambda limit: _at_most(*limit), ("allowed", "asked for", "would be"))


def _compared(
    before: Mapping[str, T],
    after: Mapping[str, T],
    texts: Mapping[str, str],
    phrase: Callable[[T], str],
    words: tuple[str, str, str],
) -> Iterator[str]:
    """Each thing that the card has otherwise: what it did with it, how it is gone, what it would be now."""
    did, gone, now = words
    for name in dict.fromkeys((*before, *after)):
        what = texts.get(name, name)
        if name not in after:
            yield f"{what}: the card {did} {phrase(before[name])}, which is not {gone} any more"
        elif name not in before:
            yield f"{what}: now {phrase(after[name])}, of which the card said nothing"
        elif before[name] != after[name]:
            yield f"{what}: the card {did} {phrase(before[name])}, now it {now} {phrase(after[name])}"


def _at_most(limit: float, unit: str) -> str:
    written = f"{limit:.0f}" if limit.is_integer() else f"{limit:g}"
    return f"at most {written} {unit}".rstrip()


def _afterwards(plan: Plan) -> str:
    """'committed within 240 min, else it goes back by itself'."""
    if not plan.commit_within_s:
        return "nothing to commit"
    else_ = "goes back by itself" if plan.rolls_back else "stays"
    return f"committed within {plan.commit_within_s / 60:g} min, else it {else_}"
