"""Prefect as an outside system: runs that are started, resumed, retried and looked at."""
