"""A sandbox comes up once, goes down whole, and leaves nothing behind however it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
import typer
from typer.testing import CliRunner

from blocks.errors import Broken
from deployments.commands.sandbox import register
from deployments.sandbox.breaking import break_service
from deployments.sandbox.credentials import STANDS
from deployments.sandbox.lifecycle import bring_up, look, take_down
from deployments.sandbox.state import State, read_json
from tests.conftest import needs_program
from tests.scenario.sandbox.conftest import Client, eventually, left, soon_left

pytestmark = pytest.mark.scenario

ROOT = Path(__file__).resolve().parents[3]
_SMALL = ("shop", "relay", "nameserver")
_TIED = """
import sys, time
from pathlib import Path
from deployments.sandbox.lifecycle import bring_up
bring_up(Path(sys.argv[1]), only=("shop",), tied=True)
print("up", flush=True)
time.sleep(300)
"""
_ORDINARY = """
import json, sys
from pathlib import Path
from deployments.sandbox.lifecycle import bring_up, look, take_down
picture = bring_up(Path(sys.argv[1]), only=("sites",))
owners = {__import__("psutil").Process(each.pid).uids().real for each in picture.components}
print(json.dumps({"phase": picture.phase, "healthy": look(Path(sys.argv[1])).healthy, "owners": sorted(owners)}))
take_down(Path(sys.argv[1]))
"""


async def test_up_and_down_leave_no_process_and_no_address(new_home):
    picture = bring_up(new_home, only=_SMALL)
    assert picture.healthy
    assert {each.name for each in picture.components} == set(_SMALL)
    assert len(left(new_home)) >= 4
    assert take_down(new_home)
    assert left(new_home) == []
    assert look(new_home).phase == "stopped"
    assert not State.at(new_home).env_file.exists()
    assert not take_down(new_home)


async def test_a_second_up_leaves_the_running_one_alone(new_home):
    first = bring_up(new_home, only=_SMALL)
    second = bring_up(new_home)
    assert [each.pid for each in second.components] == [each.pid for each in first.components]


def test_two_ups_at_the_same_moment_make_one_sandbox(new_home):
    script = "import sys; from pathlib import Path; from deployments.sandbox.lifecycle import bring_up; "
    script += "print(sorted(c.pid for c in bring_up(Path(sys.argv[1]), only=('shop',)).components))"
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(new_home)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] != ""

    def supervisors() -> list[str]:
        return [line for line in left(new_home) if "deployments.sandbox.supervisor" in line]

    assert asyncio.run(eventually(lambda: len(supervisors()) == 2)), supervisors()  # one, and its guardian


async def test_two_folders_are_two_sandboxes(new_home):
    other = Path(tempfile.mkdtemp(prefix="vg-"))
    try:
        first, second = bring_up(new_home, only=_SMALL), bring_up(other, only=_SMALL)
        assert {each.address for each in first.components} & {each.address for each in second.components} == set()
        assert take_down(other)
        assert look(new_home).healthy
    finally:
        take_down(other)
        shutil.rmtree(other)


async def test_kill_9_of_the_supervisor_leaves_nothing_and_the_next_up_finds_its_data(new_home):
    bring_up(new_home, only=("sites",))
    client = Client(State.at(new_home))
    await client.get("api.hearth.example", "/devices/device-3/state", json={"heating": "kept"})
    os.kill(read_json(State.at(new_home).record)["supervisor"]["pid"], signal.SIGKILL)
    assert await soon_left(new_home) == []
    assert look(new_home).phase == "killed"
    assert bring_up(new_home, only=("sites",)).healthy
    assert (await client.get("api.hearth.example", "/devices/device-3/state"))[1] == {"heating": "kept"}


async def test_kill_9_of_everything_at_once_is_swept_by_the_next_up(new_home):
    bring_up(new_home, only=_SMALL)
    supervisor = psutil.Process(read_json(State.at(new_home).record)["supervisor"]["pid"])
    for process in [*supervisor.children(), supervisor]:
        process.kill()
    assert await soon_left(new_home) == []
    assert bring_up(new_home, only=_SMALL).healthy


def test_a_tied_sandbox_ends_with_whoever_started_it(new_home):
    starter = subprocess.Popen(
        [sys.executable, "-c", _TIED, str(new_home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == "up\n"
    assert left(new_home) != []
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert asyncio.run(soon_left(new_home)) == []


async def test_a_component_that_cannot_start_is_named_with_its_log_and_nothing_stays(new_home):
    state = State.at(new_home)
    (state.home / "tls").mkdir()
    for name in ("ca.pem", "ca.key.pem"):
        (state.home / "tls" / name).write_text("not a certificate")
    with pytest.raises(Broken) as failed:
        bring_up(new_home, only=("shop",))
    assert str(state.log("shop")) in str(failed.value)
    assert look(new_home).phase == "failed"
    assert await soon_left(new_home) == []


def test_the_commands_show_break_and_mend(new_home):
    app = typer.Typer()
    register(app)

    def vigie(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words), env={"VIGIE_HOME": str(new_home), "COLUMNS": "200"})
        return result.exit_code, result.output

    assert vigie("status")[0] == 1
    assert "No sandbox was running" in vigie("down")[1]
    assert "no sandbox is running" in vigie("sandbox", "break", "web-balancer", "--how", "kill")[1]
    assert vigie("sandbox", "mend", "--all") == (0, "Nothing was broken.\n")
    code, said = vigie("up", "--only", "shop,relay")
    assert (code, "All ready" in said) == (0, True)
    assert "already running" in vigie("up")[1]
    assert "web-balancer" in vigie("sandbox", "break")[1]
    assert vigie("sandbox", "break", "web-balancer", "--how", "melt")[0] == 1
    assert vigie("sandbox", "break", "storefront/web-balancer", "--how", "kill")[0] == 0
    code, said = vigie("status", "--json")
    assert code == 1
    told = json.loads(said)
    assert [(each["service"], each["how"]) for each in told["broken"]] == [("web-balancer", "kill")]
    assert [each["healthy"] for each in told["components"] if each["name"] == "shop"] == [False]
    assert "web-balancer is mended" in vigie("sandbox", "mend", "--all")[1]
    assert vigie("status")[0] == 0
    assert vigie("sandbox", "logs", "shop")[0] == 0
    assert vigie("sandbox", "logs", "../sandbox")[0] == 2
    assert "stopped" in vigie("down")[1]


@pytest.mark.long
def test_a_second_start_tells_prefect_only_what_it_does_not_know(new_home):
    state = State.at(new_home)

    def ask(path, method="POST"):
        url = f"{state.environment()['PREFECT_API_URL']}{path}"
        request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def known():
        return {(each["name"], each["enabled"]) for each in ask("/automations/filter")}

    def start_anew():
        take_down(new_home)
        state.log("registration").unlink()
        bring_up(new_home, only=("registration",))
        return STANDS in state.log("registration").read_text()

    bring_up(new_home, only=("registration",))
    first, address = known(), state.environment()["PREFECT_API_URL"]
    assert first
    assert start_anew()
    assert (known(), state.environment()["PREFECT_API_URL"]) == (first, address)
    ask(f"/automations/{ask('/automations/filter')[0]['id']}", "DELETE")
    assert len(known()) == len(first) - 1
    assert not start_anew()
    assert known() == first


def test_a_stranger_gives_no_orders(new_home):
    bring_up(new_home, only=("shop",))
    address = State.at(new_home).address("supervisor")
    for path in ("/stop", "/kill/shop"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", b"{}", method="POST"), timeout=5)
        assert refused.value.code == 403
        refused.value.close()
    assert look(new_home).healthy


def test_an_ordinary_user_runs_it_too():
    """As root: under the account every system has, with an interpreter that it may use. Else: as who we are."""
    home = Path(tempfile.mkdtemp(prefix="vg-"))
    interpreter, identity = sys.executable, {}
    if os.geteuid() == 0:
        interpreter = shutil.which("python3.11", path="/usr/bin:/usr/local/bin") or needs_program(
            "everybody's python3.11"
        )
        identity = {"user": 65534, "group": 65534, "extra_groups": []}
        os.chown(home, 65534, 65534)
    packages = [each for each in sys.path if each.endswith("site-packages")]
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join([str(ROOT), *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            [interpreter, "-W", "always::ResourceWarning", "-c", _ORDINARY, str(home / "vigie")],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False, **identity,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "is still running" not in done.stderr, "a supervisor was never waited for"
        assert json.loads(done.stdout) == {
            "phase": "ready",
            "healthy": True,
            "owners": [identity.get("user", os.geteuid())],
        }
        assert left(home) == []
    finally:
        shutil.rmtree(home)


def test_breaking_needs_a_running_sandbox(new_home):
    with pytest.raises(Broken, match="vigie up"):
        break_service(State.at(new_home), "device-api", "kill")
