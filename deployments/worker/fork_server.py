"""Who has imported everything already, and becomes a run when asked?

A program of one thread: it imports (`preloads.py`), freezes, and waits on the socket that it inherited
from the worker. It opens no client, keeps no log and sends no event, because every run would inherit
them. It parses nothing: a request is a handful of descriptors, read by the fork that becomes the run.
That fork belongs to the worker (its child by adoption), so this process may die and no run notices; when
the worker goes, the socket ends, and so does this.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from deployments.worker import prefect_private
from deployments.worker.child import become, project_modules, remember_installed
from deployments.worker.preloads import preloads

_NOWHERE = "/"  # no run's folder: what lies in one is read by its own run
_YOUNG_OBJECTS = 20_000  # as a sweep has it; tasks/core/loop.py, which says why, may not be imported here
_DESCRIPTORS = 4  # the request, the line to the worker, standard output, standard error


def main() -> None:
    """Serve forks until the worker is gone."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # ends with the worker, never before it
    ready = _prepare()
    try:
        orders.send(json.dumps(ready).encode())
        while _serve_one(orders):
            pass
    except (BrokenPipeError, ConnectionResetError):
        return  # the worker is gone


def _prepare() -> dict[str, object]:
    """Import what runs need, and say what came of it."""
    began = time.monotonic()
    absent: list[str] = []
    for name in preloads():
        try:
            importlib.import_module(name)
        except ImportError:
            absent.append(name)
    project = [name for name in project_modules() if not name.startswith("deployments")]
    remember_installed()
    prefect_private.complete_models()
    os.chdir(_NOWHERE)
    prefect_private.refresh(_NOWHERE)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    return {
        "seconds": round(time.monotonic() - began, 2),
        "absent": absent,
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "project": project,
    }


def _serve_one(orders: socket.socket) -> bool:
    """Fork once; False when nobody can ask any more."""
    message, descriptors, _, _ = socket.recv_fds(orders, 1, _DESCRIPTORS)
    if not message:
        return False
    try:
        between = os.fork()
        if between == 0:
            _leave_a_child(descriptors, orders)
        os.waitpid(between, 0)
    except OSError as error:  # no memory, no process: the worker sees its line end, and starts the run cold
        sys.stderr.write(f"the fork server could not fork: {error}\n")
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


def _leave_a_child(descriptors: list[int], orders: socket.socket) -> None:
    """Fork again and go: the grandchild has lost its parent and is adopted by the worker."""
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        os._exit(1)
    orders.close()
    become(*descriptors)


if __name__ == "__main__":
    main()
