"""Is a restart done once, whatever is killed and wherever? The full real table, row by row.

Run: make crash-table, or python -m tests.crash [--again ROW ...] [--only ROW ...] [--home DIR]. It brings up a sandbox
of its own, measures what is not measured yet, keeps each row at once, and writes docs/crash-table.md. Exit 1 when a
row has not exactly one effect, ends in a state that is not true, or could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import Any

from deployments.sandbox.state import CHECKOUT, State
from tests.crash.opened import desk_of, sandbox_for, say

_TABLE = CHECKOUT / "docs" / "crash-table.md"
_KEPT = CHECKOUT / ".vigie" / "crash-table.json"


def main() -> int:
    """Measure what is missing, write the table; the exit code."""
    from tests.crash.report import load, write

    arguments = _arguments()
    todo = _todo(arguments, load(arguments.kept))
    failed = list[str]()
    if todo:
        with sandbox_for(arguments.home) as home:
            failed = _measure_all(home, todo, arguments.kept)
    rows = load(arguments.kept)
    write(_TABLE, rows)
    bad = [key for key, row in rows.items() if row["effects"] != 1 or row["untrue"]]
    say(f"{len(rows)} rows in {_TABLE.relative_to(CHECKOUT)}; wrong: {bad or 'none'}; not measured: {failed or 'none'}")
    return 1 if bad or failed else 0


def _todo(arguments: argparse.Namespace, known: dict[str, Any]) -> list[Any]:
    from tests.crash.rows import ROWS

    keys = {row.key for row in ROWS}
    if unknown := {*arguments.again, *arguments.only} - keys:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row.key for row in ROWS)}")
    wanted = [row for row in ROWS if not arguments.only or row.key in arguments.only]
    again = keys if arguments.all else set(arguments.again)
    return [row for row in wanted if row.key not in known or row.key in again]


def _measure_all(home: Path, todo: list[Any], kept: Path) -> list[str]:
    """Rows that could not be measured."""
    from tests.crash.measuring import make_ready, measure
    from tests.crash.parts import Parts
    from tests.crash.report import keep

    failed = list[str]()
    with desk_of(home) as desk:
        parts = Parts(State.at(home))
        for number, row in enumerate(todo, 1):
            say(f"[{number}/{len(todo)}] {row.key}")
            try:
                make_ready(desk, parts)
                found = measure(desk, parts, row, say)
            except Exception:  # noqa: BLE001  the other rows are measured all the same
                say(traceback.format_exc())
                failed.append(row.key)
                continue
            keep(kept, found)
            say(f"{row.key}: {found}")
    return failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--again", nargs="*", default=[], metavar="ROW", help="measure these anew")
    parser.add_argument("--only", nargs="*", default=[], metavar="ROW", help="measure no others")
    parser.add_argument("--all", action="store_true", help="measure every row anew")
    parser.add_argument("--home", type=Path, default=None, help="a sandbox that is up already, and stays")
    parser.add_argument("--kept", type=Path, default=_KEPT, help="where measured rows are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
