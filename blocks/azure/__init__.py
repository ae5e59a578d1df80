"""Azure, looked at and, on order, restarted: the blocks, the prober, the restarter, and what they say of failures."""
