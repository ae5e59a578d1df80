"""The worker whose runs start warm: Prefect's process worker, with only the start of a run replaced."""
