"""How long are clients without their platform when its site dies, and how much of that is the runbook's own?

Run: python -m tests.benchmarks.bench_recovery. The last line is JSON. The whole sandbox, its real PostgreSQL pair and
its steady writer, five rounds of: under a promise of zero loss a switchover, the way home and the primary site's power
cut; replication broken and then the power cut, the failover from the last yes to the first acknowledged write, the way
home; the power cut once more, moved by a bare script (`bare_move.py`) from its start to the first acknowledged write;
and a drill. Medians. Rows are looked for one by one: what clients were told is safe and the database that serves does
not have. All moments are this machine's clock.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from deployments.sandbox.breaking import break_service, mend_service
from deployments.sandbox.client_log import Write, between, first_after, longest_pause, lost_ids, read_writes
from deployments.sandbox.household import DATABASES, present_ids, reader_dsn
from deployments.sandbox.lifecycle import bring_up, look, take_down
from deployments.sandbox.state import State

ROUNDS = int(os.environ.get("ROUNDS", "5"))
HOME, AWAY = "azure-west", "dc-west"
PEOPLE = ("platform-engineer", "shift-lead", "service-manager")
_CLIENT_TABLE = "rows"
_LOST_AT_LEAST = 8  # rows that only the dying site has
_PATIENCE_S = 300


@dataclass
class Figures:
    """What was measured, a value a round."""

    failover_s: list[float] = field(default_factory=list[float])
    bare_script_s: list[float] = field(default_factory=list[float])
    waiting_failover_s: list[float] = field(default_factory=list[float])
    waiting_lost_rows: list[int] = field(default_factory=list[int])
    lost_rows: list[int] = field(default_factory=list[int])
    reported_lost_rows: list[int] = field(default_factory=list[int])
    bound_rows: list[int] = field(default_factory=list[int])
    switchover_pause_s: list[float] = field(default_factory=list[float])
    switchover_lost_rows: list[int] = field(default_factory=list[int])
    failback_lost_rows: list[int] = field(default_factory=list[int])
    failback_pause_s: list[float] = field(default_factory=list[float])
    drill_leftovers: list[int] = field(default_factory=list[int])
    drill_lost_rows: list[int] = field(default_factory=list[int])
    drill_pause_s: list[float] = field(default_factory=list[float])


def main() -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        home = Path(folder) / "sandbox"
        bring_up(home, tied=True)
        try:
            os.environ.update(State.at(home).environment())
            figures = _measure(home)
        finally:
            take_down(home)
    sys.stdout.write(json.dumps(_summary(figures)) + "\n")


def _measure(home: Path) -> Figures:
    from blocks.journal.opening import open_journal
    from tests.sandbox_fixture import Sandbox, quiet
    from tests.scenario.runs.conftest import Desk

    figures = Figures()
    with open_journal() as journal:
        sandbox = Sandbox(home, State.at(home))
        quiet(sandbox)
        bench = Bench(Desk(sandbox, journal), figures)
        for number in range(1, ROUNDS + 1):
            bench.round(number)
    return figures


@dataclass
class Bench:
    """One sandbox and what is measured on it."""

    desk: Any
    figures: Figures

    def round(self, number: int) -> None:
        """Every contestant once."""
        with promised_to_wait():
            self._do(number, self.in_peace, self.while_commits_wait)
        self._go_home()
        self._do(number, self.by_the_runbook, self.by_the_bare_script, self.on_a_copy)

    def _do(self, number: int, *contestants: Callable[[], None]) -> None:
        for do in contestants:
            do()
            _say(f"{number}/{ROUNDS} {do.__name__}: {self._last()}")

    def in_peace(self) -> None:
        self._served_by(HOME, began := datetime.now(UTC))
        self._move("switchover", PEOPLE[:2])
        self._served_by(AWAY, began)
        writes, now = self._writes(), datetime.now(UTC)
        self.figures.switchover_pause_s.append(longest_pause(writes, began, now).length.total_seconds())
        self.figures.switchover_lost_rows.append(self._lost(between(writes, began, now), AWAY))
        self._go_home()

    def while_commits_wait(self) -> None:
        """The site dies while each commit waits for the other: nothing that clients were told is safe may be gone."""
        self._served_by(HOME, began := datetime.now(UTC))
        _, seconds, lost = self._fail_over(began)
        self.figures.waiting_failover_s.append(seconds)
        self.figures.waiting_lost_rows.append(lost)
        self._mend()

    def by_the_runbook(self) -> None:
        self._served_by(HOME, began := datetime.now(UTC))
        self._cut_off()
        run, seconds, lost = self._fail_over(began)
        self.figures.failover_s.append(seconds)
        self.figures.lost_rows.append(lost)
        self.figures.bound_rows.append(sum(loss.rows for loss in self.desk.journal.move(run).losses))
        self._mend()
        self._go_home()
        losses = self.desk.journal.move(run).losses
        _say("; ".join(f"{loss.text} {dict(loss.by_table)}" for loss in losses))
        self.figures.reported_lost_rows.append(sum(loss.by_table.get(_CLIENT_TABLE, 0) for loss in losses))

    def by_the_bare_script(self) -> None:
        from tasks.recovery.opening import parts_of
        from tests.benchmarks.bare_move import carry_out, plan_away, plan_home

        self._served_by(HOME, datetime.now(UTC))
        self._cut()
        parts = parts_of("hearth")
        plan, began = plan_away(parts, self.desk.journal), datetime.now(UTC)
        carry_out(parts, plan)
        first = self._served_by(AWAY, began)
        self.figures.bare_script_s.append((first.at - began).total_seconds())
        self._mend()
        home_again = datetime.now(UTC)
        carry_out(parts, plan_home(parts, self.desk.journal, plan))
        self._served_by(HOME, home_again)

    def on_a_copy(self) -> None:
        """The drill: what it left over, and what clients noticed."""
        from tests.scenario.runs.test_drill import DRILL, approve, copies

        self._served_by(HOME, began := datetime.now(UTC))
        run = self.desk.start(DRILL, platform="hearth", reason="bench")
        approve(self.desk, run)
        state = self.desk.state(run, patience_s=_PATIENCE_S)
        if state["name"] != "Completed":
            sys.exit(f"the drill ended {state}\n{self.desk.logs(run)}")
        writes, now = self._writes(), datetime.now(UTC)
        told_safe = between(writes, began, now)
        left = [*self.desk.journal.drill(run).leftovers, *self.desk.journal.leased_resources(run), copies().there]
        self.figures.drill_leftovers.append(len([each for each in left if each]))
        self.figures.drill_lost_rows.append(self._lost(told_safe, HOME) + sum(w.site != HOME for w in told_safe))
        self.figures.drill_pause_s.append(longest_pause(writes, began, now).length.total_seconds())

    # -- pieces

    def _fail_over(self, began: datetime) -> tuple[UUID, float, int]:
        """The site dies: who moved it, seconds from the last yes to the first acknowledged write, rows lost."""
        self._cut()
        run = self._move("failover", PEOPLE[:2])
        decided = self.desk.journal.move(run).decided_at
        first = self._served_by(AWAY, decided)
        self._tell_where_time_went(run, decided, first.at)
        lost = self._lost(between(self._writes(), began, first.at), AWAY)
        return run, (first.at - decided).total_seconds(), lost

    def _mend(self) -> None:
        """The site is there again."""
        from tasks.recovery.opening import parts_of

        mend_service(self.desk.sandbox.state)
        self.desk.until(lambda: self._is_there_again(parts_of("hearth")), "the site is there again", _PATIENCE_S)

    def _go_home(self) -> None:
        began = datetime.now(UTC)
        run = self._move("failback", PEOPLE)
        self._served_by(HOME, self.desk.journal.move(run).serving_at)
        writes, now = self._writes(), datetime.now(UTC)
        self.figures.failback_pause_s.append(longest_pause(writes, began, now).length.total_seconds())
        self.figures.failback_lost_rows.append(self._lost(between(writes, began, now), HOME))

    def _tell_where_time_went(self, run: UUID, decided: datetime, first: datetime) -> None:
        """Each task of the run that ended before the first write, by when it began and how long it took."""
        shown = [each for each in self.desk.task_runs(run) if each["start_time"] and each["end_time"]]
        for each in sorted(shown, key=lambda task: task["start_time"]):
            begin, end = (datetime.fromisoformat(each[name]) for name in ("start_time", "end_time"))
            if end > decided and begin < first:
                after = (begin - decided).total_seconds()
                _say(f"  {after:6.2f} s: {each['name']} for {(end - begin).total_seconds():.2f} s")
        _say(f"  {(first - decided).total_seconds():6.2f} s: the first acknowledged write")

    def _is_there_again(self, parts: Any) -> bool:
        """Everything of it runs, but for its database, which keeps itself away from clients."""
        runs = all(each.phase in {"ready", "resting", "done"} for each in look(self.desk.sandbox.home).components)
        return runs and all(parts.member(name, HOME).look().fenced_by for name in parts.recovery.data)

    def _cut_off(self) -> None:
        """Replication is broken before the site dies: rows are really lost, and must be counted."""
        break_service(self.desk.sandbox.state, "household-data", "replication-stop")
        broken = datetime.now(UTC)
        self.desk.until(lambda: len(between(self._writes(), broken, datetime.now(UTC))) >= _LOST_AT_LEAST, "rows")

    def _cut(self) -> None:
        break_service(self.desk.sandbox.state, HOME, "kill")

    def _move(self, kind: str, people: Sequence[str]) -> UUID:
        from tests.scenario.runs.test_moves import approve

        run = approve(self.desk, kind, *people)
        state = self.desk.state(run, patience_s=_PATIENCE_S)
        if state["name"] != "Completed":
            sys.exit(f"{kind} ended {state}\n{self.desk.logs(run)}")
        return run

    def _writes(self) -> list[Write]:
        return read_writes(self.desk.sandbox.home / "clients")

    def _served_by(self, site: str, since: datetime) -> Write:
        found = self.desk.until(lambda: first_after(self._writes(), since, site=site), f"{site} serves", _PATIENCE_S)
        assert isinstance(found, Write)
        return found

    def _lost(self, writes: Sequence[Write], site: str) -> int:
        dsn = reader_dsn(self.desk.sandbox.state, DATABASES[site])
        return len(lost_ids(writes, present_ids(dsn, [write.id for write in writes])))

    def _last(self) -> str:
        return ", ".join(f"{name} {values[-1]}" for name, values in vars(self.figures).items() if values)


def promised_to_wait() -> AbstractContextManager[None]:
    """hearth's plan promises that nothing is lost."""
    from blocks.catalogue.recovery import Promise
    from tests.scenario.runs.test_moves import planned_otherwise

    strict = {"promise": Promise.ZERO_LOSS, "lose_at_most_rows": 0}
    return planned_otherwise(
        lambda plan: {"data": {name: each.model_copy(update=strict) for name, each in plan.data.items()}}
    )


def _summary(figures: Figures) -> dict[str, Any]:
    failover, bare = statistics.median(figures.failover_s), statistics.median(figures.bare_script_s)
    return {
        "bench": "recovery",
        "rounds": ROUNDS,
        "failover_s": round(failover, 2),
        "bare_script_s": round(bare, 2),
        "overhead_s": round(failover - bare, 2),
        "synchronous_failover_s": round(statistics.median(figures.waiting_failover_s), 2),
        "synchronous_lost_rows": sum(figures.waiting_lost_rows),
        "lost_rows": sum(figures.lost_rows),
        "reported_lost_rows": sum(figures.reported_lost_rows),
        "bound_rows": sum(figures.bound_rows),
        "switchover_pause_s": round(statistics.median(figures.switchover_pause_s), 2),
        "switchover_lost_rows": sum(figures.switchover_lost_rows),
        "failback_pause_s": round(statistics.median(figures.failback_pause_s), 2),
        "failback_lost_rows": sum(figures.failback_lost_rows),
        "drill_leftovers": sum(figures.drill_leftovers),
        "drill_lost_rows": sum(figures.drill_lost_rows),  # lost, or served elsewhere than at home
        "drill_pause_s": round(statistics.median(figures.drill_pause_s), 2),
        "cores": os.cpu_count(),
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
