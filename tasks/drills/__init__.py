"""How a recovery is rehearsed on an isolated copy, and how everything that a rehearsal made goes away."""
