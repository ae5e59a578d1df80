"""How a run begins, waits, stops, goes on after a crash and ends."""
