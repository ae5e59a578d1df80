"""How does a fork become what a fresh process would be, run, and leave?

Whatever it inherited that a fresh process has not is put away: signals, descriptors, environment, random
numbers, remembered folders, project code. Nothing of the run happens before the worker has said "go":
a worker that has given up on this fork starts the run elsewhere, and it must not run twice.
"""

from __future__ import annotations

import atexit
import importlib
import json
import linecache
import os
import random
import signal
import site
import socket
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from deployments.worker import prefect_private

GO = b"g"
_CODE_OF_FAILURE = 1
_MOST_DESCRIPTORS = 1 << 16
_NOT_OURS = {"__main__", "__mp_main__"}


def become(request: int, line: int, output: int, errors: int) -> NoReturn:
    """Be the run that `request` (an open file of JSON) describes; `line` leads to the worker."""
    os.setsid()
    worker = socket.socket(fileno=line)
    worker.send(str(os.getpid()).encode())
    with os.fdopen(request, encoding="utf-8") as file:
        wanted: dict[str, Any] = json.load(file)
    _take_descriptors(output, errors, keep=line)
    _be_fresh(wanted["environment"], wanted["folder"])
    if worker.recv(1) != GO:
        os._exit(0)  # given up: somebody else runs it
    worker.close()
    does: dict[str, Callable[..., int]] = {"run": prefect_private.run_flow, "hook": prefect_private.run_hook}
    leave(_code_of(does[wanted["what"]], wanted["arguments"]))


def leave(code: int) -> NoReturn:
    """End as Python ends: threads are awaited, exit functions run, what was printed is written; then at once."""
    try:
        threading._shutdown()  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue]
        atexit._run_exitfuncs()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def project_modules() -> list[str]:
    """Modules that are neither Python's nor installed by others: a run must import them itself."""
    roots = _installed_roots()
    loaded = [each for each in list(sys.modules.items()) if each[0] not in _NOT_OURS]
    return [name for name, module in loaded if not _within(module, roots)]


def remember_installed() -> None:
    """What is loaded now and no project's need not be looked at in every fork: that takes as long as a request."""
    _NOT_OURS.update(sys.modules.keys() - set(project_modules()))


def forget_project() -> None:
    """Leave no project code in memory: what runs is what is on the disk now."""
    for name in project_modules():
        del sys.modules[name]
    importlib.invalidate_caches()
    linecache.clearcache()


# -- pieces ------------------------------------------------------------------------------------


def _code_of(work: Callable[..., int], arguments: dict[str, Any]) -> int:
    """The exit code a fresh Python would give."""
    try:
        return work(**arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return _CODE_OF_FAILURE
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001  a fresh Python would print it and end with 1
        traceback.print_exc()
        return _CODE_OF_FAILURE


def _take_descriptors(output: int, errors: int, *, keep: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(descriptor, place)
    os.closerange(3, keep)
    os.closerange(keep + 1, _MOST_DESCRIPTORS)


def _be_fresh(environment: dict[str, str], folder: str) -> None:
    """Signals, environment, folder, chance, time zone, settings and logging as of now."""
    _reset_signals()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["prefect.engine"]
    prefect_private.place_paths(folder)
    tempfile.tempdir = None
    time.tzset()
    _reseed()
    forget_project()
    prefect_private.refresh_if_other(folder)


def _reset_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python itself sets them
    if hasattr(signal, "SIGXFSZ"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _reseed() -> None:
    random.seed()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _installed_roots() -> tuple[str, ...]:
    """Folders of Python and of installed packages, as they are written and as they really are."""
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= set(site.getsitepackages()) | {site.getusersitepackages(), str(Path(os.__file__).parent)}
    return tuple(f"{form}{os.sep}" for path in paths for form in (path, os.path.realpath(path)))


def _within(module: ModuleType, roots: tuple[str, ...]) -> bool:
    file = getattr(module, "__file__", None)
    return all(place.startswith(roots) for place in ([str(file)] if file else _paths_of(module)))


def _paths_of(module: ModuleType) -> list[str]:
    try:
        return [str(path) for path in getattr(module, "__path__", ())]
    except (TypeError, KeyError):  # a namespace whose parent is gone
        return []
