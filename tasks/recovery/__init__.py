"""Move a platform to another site and home again: what is decided, and the steps that do it."""
