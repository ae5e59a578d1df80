"""A worker is told to stop, is killed, loses its event stream: no run is lost, and none is called what it is not."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import psutil
import pytest

from deployments.worker.preloads import PREFECT
from tests.scenario.worker.conftest import seen_by, until, worker_of

pytestmark = pytest.mark.scenario
QUICKLY = {"VIGIE_PRELOADS": ",".join(PREFECT)}  # what a run finds imported changes nothing of how one ends


def test_told_to_stop_it_takes_nothing_more_and_waits(prefect_server, tmp_path):
    with worker_of("warm", prefect_server, tmp_path, **QUICKLY) as worker:
        deployment = prefect_server.deploy("long", worker.pool)
        run = prefect_server.start(deployment, seconds=3)
        prefect_server.began(run)
        worker.tell(signal.SIGTERM)
        worker.says("Draining")
        late = prefect_server.start(deployment, seconds=0)
        worker.process.wait(30)
        assert prefect_server.run(run)["state"]["type"] == "COMPLETED"
        assert prefect_server.run(late)["state"]["type"] == "SCHEDULED"
        worker.begin()  # and the next one takes it
        assert prefect_server.ends(late)["type"] == "COMPLETED"


def test_what_does_not_end_in_time_is_ended_and_called_crashed(prefect_server, tmp_path):
    with worker_of("warm", prefect_server, tmp_path, "--drain", "0.5", **QUICKLY) as worker:
        run = prefect_server.start(prefect_server.deploy("long", worker.pool))
        pid = prefect_server.began(run)
        worker.tell(signal.SIGTERM)
        worker.process.wait(30)
        assert prefect_server.run(run)["state"]["type"] == "CRASHED"
        assert not psutil.pid_exists(pid)


def test_a_killed_worker_loses_no_run(prefect_server, tmp_path):
    with worker_of("warm", prefect_server, tmp_path, **QUICKLY) as worker:
        deployment = prefect_server.deploy("long", worker.pool)
        lives, dies = (prefect_server.start(deployment, seconds=seconds) for seconds in (8, 60))
        pids = [prefect_server.began(run) for run in (lives, dies)]
        os.kill(worker.pid, signal.SIGKILL)
        worker.process.wait(10)
        os.kill(pids[1], signal.SIGKILL)
        later = prefect_server.start(deployment, seconds=0)
        worker.begin()
        assert prefect_server.ends(later)["type"] == "COMPLETED"
        assert prefect_server.ends(dies)["type"] == "CRASHED"
        assert prefect_server.ends(lives)["type"] == "COMPLETED"


def test_a_run_of_a_former_life_can_be_cancelled(prefect_server, tmp_path):
    with worker_of("warm", prefect_server, tmp_path, **QUICKLY) as worker:
        run = prefect_server.start(prefect_server.deploy("long", worker.pool))
        pid = prefect_server.began(run)
        os.kill(worker.pid, signal.SIGKILL)
        worker.process.wait(10)
        worker.begin()
        prefect_server.ask(run, "CANCELLING")
        until(lambda: prefect_server.run(run)["state"]["type"] == "CANCELLED", "it is called Cancelled")
        until(lambda: not psutil.pid_exists(pid), "its process is gone")


def test_two_workers_on_one_pool_run_each_run_once(prefect_server, tmp_path):
    name = f"shared-{tmp_path.name}"
    prefect_server.pool(name)
    here, there = (worker_of(kind, prefect_server, tmp_path, pool=name, **QUICKLY) for kind in ("warm", "process"))
    with here as one, there as other:
        deployment = prefect_server.deploy("look", name)
        runs = [prefect_server.start(deployment) for _ in range(6)]
        assert [prefect_server.ends(run)["type"] for run in runs] == ["COMPLETED"] * 6
        assert [prefect_server.run(run)["run_count"] for run in runs] == [1] * 6
        assert one.lives
        assert other.lives


def test_it_serves_and_drains_under_prefects_own_command(prefect_server, tmp_path):
    with worker_of("vigie", prefect_server, tmp_path, **QUICKLY) as worker:
        assert seen_by(prefect_server, worker, tmp_path)["parent"] == worker.pid  # warm
        run = prefect_server.start(prefect_server.deploy("long", worker.pool), seconds=2)
        prefect_server.began(run)
        worker.tell(signal.SIGTERM)
        worker.process.wait(30)
        assert prefect_server.run(run)["state"]["type"] == "COMPLETED"


class Gate:
    """Stands before the server's port; while `shut`, nobody gets a WebSocket through."""

    def __init__(self, address: str) -> None:
        there = urlsplit(address)
        self._host, self._port = there.hostname, there.port
        self.shut = False
        self._loop = asyncio.new_event_loop()
        self._sockets: set[asyncio.StreamWriter] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def close(self) -> None:
        """Shut it, and cut what is open."""
        self.shut = True
        self._loop.call_soon_threadsafe(lambda: [each.transport.abort() for each in list(self._sockets)])

    def end(self) -> None:
        self.close()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        server = self._loop.run_until_complete(asyncio.start_server(self._pass, sock=listening))
        ready.set()
        self._loop.run_forever()
        server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(1 << 14)
        stream = b"upgrade: websocket" in head.lower()
        if stream and self.shut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._host, self._port)
        back.write(head)
        if stream:
            self._sockets.add(writer)
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        self._sockets.discard(writer)

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(1 << 16):
                writer.write(content)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


def test_a_lost_event_stream_is_replaced_by_looking(prefect_server, tmp_path):
    gate = Gate(prefect_server.environment["PREFECT_API_URL"])
    try:
        there = {"PREFECT_API_URL": f"http://127.0.0.1:{gate.port}/api"}
        with worker_of("warm", prefect_server, tmp_path, **there, **QUICKLY) as worker:
            seen_by(prefect_server, worker, tmp_path)
            gate.close()
            worker.says("The event stream is lost")
            began = time.monotonic()
            assert seen_by(prefect_server, worker, tmp_path)["parent"] == worker.pid
            assert time.monotonic() - began < 10
            run = prefect_server.start(prefect_server.deploy("long", worker.pool))
            prefect_server.began(run)
            prefect_server.ask(run, "CANCELLING")
            assert prefect_server.ends(run)["type"] == "CANCELLED"
            gate.shut = False
            worker.says("The event stream is back")
            assert seen_by(prefect_server, worker, tmp_path)["parent"] == worker.pid
    finally:
        gate.end()
