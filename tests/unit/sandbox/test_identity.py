"""A process is known again whatever happens to the system's clock, and a later one with its number is not it."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from deployments.sandbox.lifetimes import Identity


def test_a_corrected_clock_kills_nobody(monkeypatch):
    me = Identity.of(os.getpid())
    assert me is not None
    before = psutil.boot_time()
    for module in (psutil, psutil._psplatform):
        monkeypatch.setattr(module, "boot_time", lambda: before + 1)
    assert psutil.Process().create_time() != 0
    assert me.alive()
    assert Identity.of(os.getpid()) == me


def test_a_later_process_with_the_same_number_is_another():
    me = Identity.of(os.getpid())
    assert not Identity(me.pid, me.started - 1).alive()


def test_an_ended_process_is_gone_even_unburied():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = Identity.of(child.pid)
    assert identity.alive()
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.alive()
    child.wait()
    assert not identity.alive()
    assert Identity.of(child.pid) is None
