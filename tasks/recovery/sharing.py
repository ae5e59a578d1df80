"""A share was watched: does the run go on, does it stop here, or do clients go back first?

The rules: nobody is sent to a site that does not answer yet; what was judged is done at once and to its end before the
run says why it fails; a person looks before more clients come, and a retry measures anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blocks.errors import Broken, VigieError
from blocks.ports.approvals import PlanStep
from blocks.ports.runs import Action
from tasks.core.change import Order
from tasks.recovery.earning import Judgement, attempt_of, count_of, way_back
from tasks.recovery.items import SHARED, Item, Verb, parse_item
from tasks.recovery.returning import Next
from tasks.recovery.values import other_site
from tasks.recovery.watching import see_it_answers, watch_share
from tasks.runs.runbook import Granted, Runbook


def attempt_for(book: Runbook, granted: Granted, item: Item) -> int:
    """Which attempt at a step this is: above 1 for a share from which clients were taken back."""
    if item.verb not in SHARED:
        return 1
    return attempt_of(book.journal.actions(book.run.id), item, other_site(granted.plan, item.site))


def is_welcomed(book: Runbook, order: Order, steps: Sequence[PlanStep]) -> bool:
    """Must the site answer before this step begins? It leads a watched share there, and was never begun.

    What was begun is carried through, or taken back, without asking: clients may be there already.
    """
    item = parse_item(order.item)
    watched = any(
        parse_item(step.item) == Item(Verb.WATCH_CLIENTS, item.thing, item.site, item.share) for step in steps
    )
    return item.verb is Verb.SHIFT_TRAFFIC and watched and book.journal.step(order.run, order.key) is None


@dataclass(frozen=True, slots=True)
class Welcoming:
    """A share that comes once its site answers. `change` is the step that changes the world."""

    order: Order
    platform: str
    text: str
    change: Any
    answering: Any

    @classmethod
    def begin(cls, order: Order, platform: str, text: str, change: Any) -> Welcoming:
        """Begin to ask."""
        item, submitted = parse_item(order.item), _ASKED
        answering = submitted.submit(order.run, platform, item.thing, item.site, text)
        return cls(order, platform, text, change, answering)

    def result(self) -> Any:
        """The step that leads them there, ended. Raises what it raises, and `Broken` where nobody answers."""
        self.answering.result()
        return self.change.submit(self.order, self.platform, self.text).result()


@dataclass(frozen=True, slots=True)
class Watching:
    """A share that is being watched. `change` is the step that changes the world, for the way back."""

    book: Runbook
    granted: Granted
    item: Item
    going: Any
    change: Any

    @classmethod
    def begin(cls, book: Runbook, granted: Granted, step: PlanStep, change: Any) -> Watching:
        """Begin to watch."""
        item, submitted = parse_item(step.item), _SUBMITTED
        away, back_to = other_site(granted.plan, item.site), share_before(granted.plan.steps, item)
        going = submitted.submit(book.order(granted, step), granted.plan.platform, step.text, away, back_to)
        return cls(book, granted, item, going, change)

    def result(self) -> str:
        """Why the next share may come. Raises `Broken` where it may not, with clients where they are safe."""
        judged: Judgement = self.going.result()
        if judged.next is Next.GO_ON:
            return judged.text
        if judged.next is Next.RETURN:
            self._take_back(judged)
        stays = judged.back_to if judged.next is Next.RETURN else judged.item.share
        raise Broken(
            f"clients do not return to {self.item.site} beyond {stays} % yet: {judged.text}",
            where=self.granted.plan.platform,
            next_step=f"look at {self.item.site} under load; a retry of this run watches anew and goes on from there",
        )

    def _take_back(self, judged: Judgement) -> None:
        away = other_site(self.granted.plan, self.item.site)
        item = way_back(judged, away)
        text = f"send {item.share} % of {item.thing} to {away}"
        step = PlanStep(phase="shift", item=str(item), text=text)
        actions: Sequence[Action] = self.book.journal.actions(self.book.run.id)
        order = self.book.order(self.granted, step, attempt=count_of(actions, judged))
        try:
            self.change.submit(order, self.granted.plan.platform, text).result()
        except VigieError as error:
            raise Broken(
                f"{judged.text}; and clients could not be taken back to {judged.back_to} %: {error}",
                where=self.granted.plan.platform,
                next_step="take them back by hand now, or retry this run: that is the first thing it does",
            ) from error


def share_before(steps: Sequence[PlanStep], item: Item) -> int:
    """The share that the plan gives this switch before this one; 0 before the first."""
    shares = [
        each.share or 0
        for each in (parse_item(step.item) for step in steps)
        if each.verb is Verb.SHIFT_TRAFFIC and each.thing == item.thing
    ]
    return max((share for share in shares if share < (item.share or 0)), default=0)


_SUBMITTED: Any = watch_share
_ASKED: Any = see_it_answers
