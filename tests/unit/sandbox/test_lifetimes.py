"""A process is ended when it is proved ours, and never because of its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.sandbox.lifetimes import HOME_MARK, RUN_MARK, Identity, end_marked, is_there, marked

ROOT = Path(__file__).resolve().parents[3]
_SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
_DEAF = [
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]
_SUPERVISOR = """
import os, subprocess, sys, time
from pathlib import Path
from deployments.sandbox.lifetimes import HOME_MARK, RUN_MARK, start_guardian
home = Path(sys.argv[1])
start_guardian(home, "r1")
sleep = [sys.executable, "-S", "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"]
child = subprocess.Popen(sleep, env={HOME_MARK: str(home), RUN_MARK: "r1"}, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


_BURIES = """
import os, subprocess, sys, time
from deployments.sandbox.lifetimes import adopt_orphans, bury_orphans, is_there
adopt_orphans()
ours = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"])
made = "import os, subprocess, sys; print(subprocess.Popen([sys.executable, '-S', '-c', '']).pid, flush=True); os._exit(0)"
between = subprocess.Popen([sys.executable, "-S", "-c", made], stdout=subprocess.PIPE)
orphan = int(between.stdout.readline())
between.wait()
os.waitid(os.P_PID, ours.pid, os.WEXITED | os.WNOWAIT)
for _ in range(600):
    bury_orphans({ours.pid})
    if not is_there(orphan):
        break
    ours.poll()  # else it stands before the orphan
    time.sleep(0.05)
print(is_there(orphan), ours.wait())
"""


@pytest.fixture
def start(tmp_path):
    started: list[subprocess.Popen[bytes]] = []

    def begin(home: Path | None = tmp_path, run: str = "r1", command: list[str] = _SLEEP) -> subprocess.Popen[bytes]:
        environment = {HOME_MARK: str(home), RUN_MARK: run} if home else {}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_an_identity_is_a_process_and_its_start_time(start):
    process = start()
    identity = Identity.of(process.pid)
    assert identity is not None
    assert identity.alive()
    assert not Identity(process.pid, identity.started - 10).alive()


def test_a_process_of_another_time_is_not_signalled(start):
    process = start()
    identity = Identity.of(process.pid)
    assert identity is not None
    Identity(process.pid, identity.started - 10).send(signal.SIGKILL)
    time.sleep(0.1)
    assert process.poll() is None


def test_a_process_is_there_until_it_is_buried(start):
    process = start()
    assert is_there(process.pid)
    assert is_there(1)  # another user's, perhaps
    process.kill()
    process.wait()
    assert not is_there(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="nobody is adopted elsewhere")
def test_an_orphan_is_buried_and_our_own_is_left_to_us():
    said = subprocess.run([sys.executable, "-c", _BURIES], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "7"], said.stderr


def test_a_dead_process_and_a_zombie_have_no_life(start):
    process = start()
    identity = Identity.of(process.pid)
    assert identity is not None
    process.kill()
    deadline = time.monotonic() + 5
    while identity.alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not identity.alive()  # not waited for yet: a zombie
    process.wait()
    assert Identity.of(process.pid) is None


def test_only_this_folders_processes_are_ended(start, tmp_path):
    mine, unmarked, other = start(), start(home=None), start(home=tmp_path / "other")
    assert end_marked(tmp_path) == 1
    assert mine.wait(5) == -signal.SIGTERM
    assert unmarked.poll() is None
    assert other.poll() is None


def test_a_run_is_told_from_another_run_of_the_same_folder(start, tmp_path):
    first, second = start(run="r1"), start(run="r2")
    assert [process.pid for process in marked(tmp_path, run="r2")] == [second.pid]
    end_marked(tmp_path, other_than="r2")
    assert first.wait(5) == -signal.SIGTERM
    assert second.poll() is None


def test_who_does_not_listen_is_killed(start, tmp_path):
    deaf = start(command=_DEAF)
    assert deaf.stdout is not None
    deaf.stdout.readline()
    end_marked(tmp_path, grace_s=0.3)
    assert deaf.wait(5) == -signal.SIGKILL


def test_the_guardian_ends_what_a_killed_supervisor_left(tmp_path):
    supervisor = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ}
    )
    assert supervisor.stdout is not None
    child = Identity.of(int(supervisor.stdout.readline()))
    assert child is not None
    assert child.alive()
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    deadline = time.monotonic() + 10
    while child.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.alive()
