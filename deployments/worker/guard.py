"""Is this the Prefect whose inner parts we know?

`prefect_private.py` uses what Prefect does not promise to keep. It was read and tested with the versions
named here; with any other every run starts cold, and the worker says so: a guess could lose a run.
"""

from __future__ import annotations

KNOWN_VERSIONS = ("3.8.8",)


def why_not_known(version: str | None = None) -> str | None:
    """A sentence when this Prefect (or `version`) is not one we know from inside; None when it is."""
    import prefect

    version = version or prefect.__version__
    if version in KNOWN_VERSIONS:
        return None
    known = ", ".join(KNOWN_VERSIONS)
    return f"Prefect {version} is not known from inside (only {known}): every run starts cold, in a process of its own"
