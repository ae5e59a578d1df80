"""A process that does one thing to the journal, so that a test can run many at once or kill one.

python sweeper.py <what> <rest>; the journal's address comes from VIGIE_JOURNAL_DSN.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from uuid import UUID

from blocks.journal.opening import open_journal
from blocks.ports.notifications import Sent
from tests.contract.journal.words import assess, begin, closed, latency, opened


def open_same(processes: str, count: str) -> None:
    """Many processes that each sweep one platform several times and find the same roots broken."""
    starting, go = os.pipe()
    children = []
    for _ in range(int(processes)):
        if (child := os.fork()) == 0:
            os.close(go)
            os.read(starting, 1)  # ends for all at the same moment, when the parent closes its end
            _open_same(int(count))
            os._exit(0)
        children.append(child)
    os.close(go)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(any(ended))


def _open_same(count: int) -> None:
    with open_journal() as journal:
        for n in range(count):
            assess(journal, opened("device-api", f"attempt {n}", page=True), opened("hub", f"attempt {n}"))


def whole_sweep(sweep: str) -> None:
    """Every step of one sweep, saying each before it is made; its parent kills it at one of them."""
    with open_journal() as journal:
        wait_for_line()
        say("start")
        journal.start_sweep(UUID(sweep), "hearth", "digest")
        say("readings")
        journal.record_readings(UUID(sweep), "hearth", [latency(f"service-{n}") for n in range(300)])
        say("assess")
        assess(journal, opened(page=True), sweep=UUID(sweep))
        say("tell")
        for delivery in journal.claim_deliveries("hearth", limit_count=9, lease=timedelta(milliseconds=200)):
            say("sent")
            journal.mark_sent(delivery.id, Sent("reference"))
        say("finish")
        journal.finish_sweep(UUID(sweep))
        say("done")


def hold_lock(platform: str) -> None:
    """Hold the right to sweep until killed."""
    with open_journal() as journal, journal.sweep_lock(platform) as held:
        say(f"held {held}")
        time.sleep(600)


def many_sweeps(count: str) -> None:
    """Open and close in turn, for ever or until the database is gone."""
    from blocks.errors import Retryable

    with open_journal() as journal:
        for n in range(int(count)):
            try:
                sweep = begin(journal)
                journal.record_readings(sweep, "hearth", [latency(f"service-{k}") for k in range(200)])
                roots = [f"service-{k}" for k in range(20)]
                decide = opened if n % 2 == 0 else closed
                assess(journal, *(decide(root, f"{root} in round {n}") for root in roots), sweep=sweep)
                say(f"assessed {sweep}")
            except Retryable:
                say("lost")
                return


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def wait_for_line() -> None:
    say("ready")
    sys.stdin.readline()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
