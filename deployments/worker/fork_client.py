"""Is there a process that can be forked, and what became of the forks?

The worker's side of `fork_server.py`. A fork says its process id and waits; only "go" lets it begin, so a
request that came to nothing may be started elsewhere without running twice. When the fork server dies, or
the installed packages change, another is started, and until that one is ready runs start cold.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from deployments.worker.child import GO
from deployments.worker.coldness import installed_packages
from deployments.worker.prefect_private import settings_as_variables
from deployments.worker.preloads import ONE_THREAD

_FORK_PATIENCE_S = 10.0
_RESTART_PAUSE_S = 1.0
_BURY_EVERY_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36
_P_PIDFD = 3


class Fork:
    """One forked process, a child of this one by adoption."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._line = line
        self._ended = asyncio.Event()
        self._watched = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._watched, self._look)

    def go(self) -> None:
        """Let it begin."""
        with contextlib.suppress(OSError):  # it died meanwhile: `wait` tells how
            self._line.send(GO)
        self._line.close()

    def give_up(self) -> None:
        """Let it end without having begun."""
        self._line.close()

    async def wait(self) -> int:
        """Its exit code, negative for a signal."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _look(self) -> None:
        try:
            ended = os.waitid(_P_PIDFD, self._watched, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            ended = None  # not ours yet: the process between us is about to end
            if not _exists(self.pid):
                self._end(-signal.SIGKILL)
        if ended is not None:
            exited = ended.si_code == os.CLD_EXITED
            self._end(ended.si_status if exited else -ended.si_status)

    def _end(self, code: int) -> None:
        self.returncode = code
        asyncio.get_running_loop().remove_reader(self._watched)
        os.close(self._watched)
        self._ended.set()


class ForkServer:
    """The one process that is ready to be forked, while there is one."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._logger = logger
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._ready = asyncio.Event()
        self._packages: frozenset[tuple[str, int]] = frozenset()
        self._environment: Mapping[str, str] = {}
        self._keeping: list[asyncio.Task[None]] = []
        self._forks: list[Fork] = []
        self.first = asyncio.Event()  # the first has become ready, or failed to

    @property
    def pid(self) -> int | None:
        """Its process id while it is ready."""
        return self._process.pid if self._process is not None and self._ready.is_set() else None

    @property
    def environment(self) -> Mapping[str, str]:
        """With which variables it was started (those of one thread aside)."""
        return self._environment

    def start(self) -> None:
        """Begin to keep one; needs Linux, and becomes the adopting parent of every orphan below this process."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "this process cannot adopt forked runs")
        self._keeping = [asyncio.create_task(self._keep()), asyncio.create_task(self._bury())]

    async def stop(self) -> None:
        """Let it end; runs that were forked stay."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._put_away()

    def why_not(self) -> str | None:
        """Why nothing can be forked now, as a clause; None when it can."""
        if not self._ready.is_set():
            return "the fork server is not ready"
        if installed_packages() != self._packages:
            self._replace()
            return "the installed packages have changed, and the fork server is being replaced"
        return None

    async def fork(self, request: dict[str, Any], output: int, errors: int) -> Fork | None:
        """A process that will do `request` when told to go; None when there is none to be had.

        `output` and `errors` are descriptors that become its standard output and error.
        """
        orders = self._orders
        if orders is None:
            return None
        mine, theirs = socket.socketpair()
        mine.setblocking(False)  # noqa: FBT003
        content = os.memfd_create("request")
        try:
            os.write(content, json.dumps(request).encode())
            os.lseek(content, 0, os.SEEK_SET)
            socket.send_fds(orders, [b"f"], [content, theirs.fileno(), output, errors])
            theirs.close()
            said = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(mine, 32), _FORK_PATIENCE_S)
        except (OSError, TimeoutError) as error:
            self._logger.warning("The fork server does not fork (%s): another is started", type(error).__name__)
            mine.close()
            self._replace()
            return None
        finally:
            theirs.close()
            os.close(content)
        if not said:
            mine.close()
            return None
        fork = Fork(int(said), mine)
        self._forks = [*(each for each in self._forks if each.returncode is None), fork]
        return fork

    # -- keeping one -------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            try:
                await self._one_life()
            except OSError as error:
                self._logger.warning("No fork server could be started (%s)", error)
            self._ready.clear()
            self.first.set()
            self._put_away()
            await asyncio.sleep(_RESTART_PAUSE_S)

    async def _one_life(self) -> None:
        """From start to end of one fork server."""
        mine, theirs = socket.socketpair()
        mine.setblocking(False)  # noqa: FBT003
        self._orders, self._packages = mine, installed_packages()
        self._environment = {**os.environ, **settings_as_variables()}
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603  starting takes a moment, waiting is done below
                [sys.executable, "-m", "deployments.worker.fork_server", str(theirs.fileno())],
                env=self._environment | ONE_THREAD,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        loop = asyncio.get_running_loop()
        if said := await loop.sock_recv(mine, 1 << 16):
            self._become_ready(json.loads(said))
            await loop.sock_recv(mine, 1)  # it says nothing more: this is its end
        self._logger.warning("The fork server has ended; runs start cold until another is ready")

    def _become_ready(self, said: dict[str, Any]) -> None:
        if said["threads"] != 1 or said["project"]:
            self._logger.error(
                "The fork server has %s threads and project modules %s: nothing is forked, runs start cold",
                said["threads"], said["project"],
            )  # fmt: skip
        else:
            self._logger.info("Runs start warm: the fork server was ready after %s s", said["seconds"])
            self._ready.set()
        self.first.set()

    def _replace(self) -> None:
        """End this one; the keeper starts another."""
        self._ready.clear()
        if self._process is not None:
            self._process.kill()

    def _put_away(self) -> None:
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def _bury(self) -> None:
        """What a run's own processes leave behind is ours by adoption: their remains are taken away."""
        seen = 0
        while True:
            await asyncio.sleep(_BURY_EVERY_S)
            with contextlib.suppress(ChildProcessError):
                pid = _one_that_ended()
                if pid == seen != 0 and pid not in {fork.pid for fork in self._forks}:  # nobody waits for it
                    _take_away(pid)
                seen = pid


def _one_that_ended() -> int:
    """A child whose end nobody has asked about yet, left as it is; 0 when there is none."""
    remains = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return remains.si_pid if remains is not None else 0


def _take_away(pid: int) -> None:
    os.waitpid(pid, os.WNOHANG)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
