"""When may a run not be forked, because it would not be what a fresh process is?

A fork has imported what the fork server imported, with the fork server's environment. So a run that wants
another command, another set of packages, or another value of a variable that acts while Python or a
library is loaded, starts cold: in a process of its own, as Prefect's process worker would start it. In
doubt it starts cold. The reason is a sentence for the run's log.
"""

from __future__ import annotations

import shlex
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

# Read by the loader, by Python or by a library while it is imported: too late for a fork.
ACTS_AT_IMPORT = (
    "LD_", "DYLD_", "PYTHON", "LC_", "LANG", "GLIBC_", "MALLOC_",
    "OMP_", "OPENBLAS_", "GOTO_", "MKL_", "KMP_", "NUMEXPR_", "BLIS_", "VECLIB_",
    "PANDAS_", "NUMPY_", "NPY_", "ARROW_", "MPL",
)  # fmt: skip
_YES = {"1", "true", "yes", "on", "t", "y"}


def why_cold(command: str | None, environment: Mapping[str, str], forked_with: Mapping[str, str]) -> str | None:
    """Why this run may not be forked, as a clause; None when it may.

    `command` is the job's, `environment` what the run is to have, `forked_with` what the worker gave its fork server.
    """
    if command and shlex.split(command) != [sys.executable, "-m", "prefect.engine"]:
        return "its command is its own"
    if environment.get("PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES", "").strip().lower() in _YES:
        return "its packages are installed for it (PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES)"
    if different := differing(environment, forked_with):
        return f"{', '.join(different)} would be set too late for a fork"
    return None


def differing(environment: Mapping[str, str], forked_with: Mapping[str, str]) -> list[str]:
    """Names of variables that act at import and are not the same on both sides."""
    names = {name for name in (*environment, *forked_with) if name.startswith(ACTS_AT_IMPORT)}
    return sorted(name for name in names if environment.get(name) != forked_with.get(name))


def installed_packages() -> frozenset[tuple[str, int]]:
    """What is installed now, to be compared with a former answer: each distribution and when it came (ns)."""
    found: set[tuple[str, int]] = set()
    for folder in third_party_folders():
        for entry in (*folder.glob("*.dist-info"), *folder.glob("*.egg-info"), *folder.glob("*.pth")):
            try:
                found.add((str(entry), entry.stat().st_mtime_ns))
            except FileNotFoundError:
                found.add((str(entry), 0))  # being replaced at this moment
    return frozenset(found)


def third_party_folders() -> list[Path]:
    """Where packages of others are installed."""
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    paths |= {site.getusersitepackages()} if site.ENABLE_USER_SITE else set()
    return sorted(Path(path) for path in paths if Path(path).is_dir())
