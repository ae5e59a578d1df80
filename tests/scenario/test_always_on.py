"""Who notices when the sweeps stop, and who notices when vigie itself is gone?"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time

import pytest

from blocks.errors import Broken, Retryable
from blocks.journal.block import open_journal
from blocks.watch.block import NAME, OutsideWatch
from deployments.sandbox.authority import ensure_authority
from tests.deploy.told import apply, with_lantern
from tests.sandbox_fixture import quiet
from tests.scenario.watchers import watching

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect, Great Expectations and SDKs warn about each other
]

TOKEN = "planted-token-of-the-outside-watch"


def sweep(platform="lantern"):
    from flows.health_sweep import health_sweep

    return asyncio.run(health_sweep(platform))


@pytest.fixture
def lantern(sandbox, tmp_path):
    """A platform of hearth's that is to be swept every 4 s, and a worker that hangs, so that nothing is."""
    worker = sandbox.state.read_ready("worker").get("pid") or _pid_of(sandbox, "worker")
    os.killpg(os.getpgid(worker), signal.SIGSTOP)
    try:
        apply(with_lantern(tmp_path / "catalogue", every="4s"))
        yield sandbox
    finally:
        apply()
        quiet(sandbox)
        os.killpg(os.getpgid(worker), signal.SIGCONT)


def _pid_of(sandbox, name):
    from deployments.sandbox.lifecycle import look

    (found,) = (c.pid for c in look(sandbox.home).components if c.name == name)
    return found


def told(sandbox):
    """What was said of lantern's silence, in Slack and by the pager."""
    words = "lantern : aucune tournée terminée"
    chat = [m for m in sandbox.slack_messages() if words in json.dumps(m, ensure_ascii=False)]
    return chat, [e for e in sandbox.pager_events() if words in e["summary"]]


def test_when_no_sweep_finishes_the_server_itself_tells_until_one_does(lantern):
    sweep()  # the first imports everything
    before = sweep_for_a_while(lantern)

    # The worker hangs and nobody sweeps: told in chat and by the pager, and told again.
    silent_since = time.monotonic()
    while len(told(lantern)[0]) < before + 2:
        assert time.monotonic() - silent_since < 75, f"nobody was told enough: {told(lantern)}"
        time.sleep(0.5)
    chat, rings = told(lantern)
    assert {m["channel_name"] for m in chat} == {"hearth-ops"}
    assert "Personne ne surveille lantern" in json.dumps(chat[0], ensure_ascii=False)
    assert rings
    assert {e["severity"] for e in rings} == {"critical"}


def sweep_for_a_while(sandbox):
    """While sweeps finish nobody is told, for longer than three intervals; how often somebody was told before."""
    for _ in range(4):
        before, gaps = told(sandbox), [0.0]
        until = time.monotonic() + 14
        while time.monotonic() < until:
            began = time.monotonic()
            assert sweep().verdict == "ok"
            time.sleep(0.5)
            gaps.append(time.monotonic() - began)
        if max(gaps) < 5:  # else this machine was too slow to sweep every 4 s, and telling was right
            assert told(sandbox) == before
            return len(before[0])
    return pytest.fail("this machine is too busy for a sweep every 4 s")


def test_the_outside_watcher_is_called_at_every_finished_sweep_and_only_then(lantern):
    with watching() as watcher:
        OutsideWatch(url=f"{watcher.address}/{TOKEN}/{{platform}}").save(NAME, overwrite=True)
        try:
            sweep()
            assert watcher.called == [f"/{TOKEN}/lantern"]
            sweep()
            assert watcher.called == [f"/{TOKEN}/lantern"] * 2
            with open_journal() as journal, journal.sweep_lock("lantern") as granted:
                assert granted
                late = _in_another_process("lantern")
            assert "Another sweep of lantern is still running" in late
            assert len(watcher.called) == 2  # a sweep that did not happen is no sign of life

            watcher.status = 500
            assert sweep().verdict == "ok"
        finally:
            OutsideWatch.delete(NAME)
        assert len(watcher.called) == 3
        sweep()
        assert len(watcher.called) == 3  # without the block nobody is called


def test_a_watcher_that_is_down_harms_no_sweep_and_its_token_is_nowhere(lantern):
    with watching() as watcher:
        gone = watcher.address
    OutsideWatch(url=f"{gone}/{TOKEN}/{{platform}}").save(NAME, overwrite=True)
    try:
        report = sweep()
    finally:
        OutsideWatch.delete(NAME)
    assert report.verdict == "ok"
    logs = _logs_of(lantern, str(report.sweep), "the outside watcher was not reached")
    assert any("the outside watch does not answer" in line for line in logs)
    assert not any(TOKEN in line for line in logs)


def _logs_of(sandbox, run, awaited):
    """All lines of a run, once the awaited one has arrived: Prefect sends them in batches."""
    wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}
    deadline = time.monotonic() + 20
    while True:
        lines = [row["message"] for row in sandbox.call("/logs/filter", wanted)]
        if any(awaited in line for line in lines) or time.monotonic() > deadline:
            return lines
        time.sleep(0.3)


def _in_another_process(platform):
    """A sweep that is late; here it says why in its state."""
    from flows.health_sweep import health_sweep

    state = asyncio.run(health_sweep(platform, return_state=True))
    return state.message or ""


# -- the call itself ---------------------------------------------------------------------------


def beat(url, ca_file=None):
    asyncio.run(OutsideWatch(url=url, ca_file=ca_file).beat("hearth"))


def test_over_tls_only_a_watcher_whom_we_trust_is_called(tmp_path):
    authority = ensure_authority(tmp_path)
    with watching(str(authority.issue("127.0.0.1"))) as watcher:
        beat(f"{watcher.address}/{TOKEN}", str(authority.ca_file))
        assert watcher.called == [f"/{TOKEN}"]
        with pytest.raises(Retryable, match="does not answer") as refused:
            beat(f"{watcher.address}/{TOKEN}")
        assert TOKEN not in str(refused.value)
        assert watcher.called == [f"/{TOKEN}"]


@pytest.mark.parametrize(("status", "said"), [(500, "answered 500"), (404, "answered 404"), (304, "answered 304")])
def test_any_answer_but_yes_is_said(status, said):
    with watching() as watcher:
        watcher.status = status
        with pytest.raises(Retryable, match=said) as refused:
            beat(f"{watcher.address}/{TOKEN}")
    assert TOKEN not in repr(refused.value)


@pytest.mark.parametrize("url", [f"nothing/{TOKEN}", f"http://[::1/{TOKEN}", f"http://127.0.0.1:99999/{TOKEN}"])
def test_an_address_that_is_none_is_broken_and_not_repeated(url):
    with pytest.raises((Broken, Retryable)) as refused:
        beat(url)
    assert TOKEN not in repr(refused.value)
    assert refused.value.__cause__ is None  # the client's own words quote the address


def test_authorities_that_cannot_be_read_are_broken(tmp_path):
    with pytest.raises(Broken, match="certificate authorities cannot be read"):
        beat(f"https://127.0.0.1:9/{TOKEN}", str(tmp_path / "absent.pem"))


def test_a_called_address_is_not_logged_by_the_client_either(caplog):
    with watching() as watcher, caplog.at_level(logging.DEBUG):
        beat(f"{watcher.address}/{TOKEN}")
    assert TOKEN not in caplog.text


def test_the_token_is_not_shown_by_the_block_or_its_examination():
    watch = OutsideWatch(url=f"https://watch.example/{TOKEN}")
    (capability,) = asyncio.run(watch.examine())
    assert "watch.example" in capability.detail
    assert TOKEN not in f"{watch!r} {capability}"
