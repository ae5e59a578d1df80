"""Does every move and drill come to a true end, whatever is killed and wherever? The full real table, row by row.

Run: make crash-table, or python -m tests.crash.moves [--again ROW ...] [--only ROW ...] [--minutes N] [--home DIR]. It
brings up a sandbox of its own, measures what is not measured yet, keeps each row at once, and writes
docs/crash-table-moves.md. Exit 1 when a row is wrong or could not be measured; `--minutes` begins no row after so many.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from deployments.sandbox.state import CHECKOUT, State
from tests.crash.moves_rows import ROWS, MoveRow
from tests.crash.opened import desk_of, sandbox_for, say

_TABLE = CHECKOUT / "docs" / "crash-table-moves.md"
_KEPT = CHECKOUT / ".vigie" / "crash-table-moves.json"


def main() -> int:
    """Measure what is missing, write the table; the exit code."""
    from tests.crash.moves_report import is_wrong, write
    from tests.crash.report import load

    arguments = _arguments()
    todo, failed = _todo(arguments), list[str]()
    if todo:
        with sandbox_for(arguments.home) as home:
            failed = _measure_all(home, todo, arguments)
    rows = load(arguments.kept)
    write(_TABLE, rows)
    bad = [key for key, row in rows.items() if is_wrong(row)]
    left = [row.key for row in ROWS if row.key not in rows]
    say(f"{len(rows)} of {len(ROWS)} rows in {_TABLE.relative_to(CHECKOUT)}; wrong: {bad or 'none'}; failed: {failed}")
    say(f"not measured: {', '.join(left) or 'none'}")
    return 1 if bad or failed else 0


def _todo(arguments: argparse.Namespace) -> list[MoveRow]:
    from tests.crash.report import load

    known, keys = load(arguments.kept), {row.key for row in ROWS}
    if unknown := {*arguments.again, *arguments.only} - keys:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row.key for row in ROWS)}")
    wanted = [row for row in ROWS if not arguments.only or row.key in arguments.only]
    return [row for row in wanted if row.key not in known or row.key in arguments.again]


def _measure_all(home: Path, todo: list[MoveRow], arguments: argparse.Namespace) -> list[str]:
    """Rows that could not be measured."""
    from tests.crash.moves_measuring import make_ready, measure
    from tests.crash.parts import Parts
    from tests.crash.report import keep

    failed, give_up = list[str](), time.monotonic() + 60 * arguments.minutes
    with desk_of(home) as desk:
        parts = Parts(State.at(home))
        for number, row in enumerate(todo, 1):
            if time.monotonic() > give_up:
                say(f"{len(todo) - number + 1} rows are left for another time")
                break
            say(f"[{number}/{len(todo)}] {row.key}")
            try:
                make_ready(desk, parts, row, say)
                found = measure(desk, parts, row, say)
            except Exception:  # noqa: BLE001  the other rows are measured all the same
                say(traceback.format_exc())
                failed.append(row.key)
                continue
            keep(arguments.kept, found)
            say(f"{row.key}: {found}")
    return failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.moves", description=__doc__)
    parser.add_argument("--again", nargs="*", default=[], metavar="ROW", help="measure these anew")
    parser.add_argument("--only", nargs="*", default=[], metavar="ROW", help="measure no others")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="begin no row after so many")
    parser.add_argument("--home", type=Path, default=None, help="a sandbox that is up already, and stays")
    parser.add_argument("--kept", type=Path, default=_KEPT, help="where measured rows are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
