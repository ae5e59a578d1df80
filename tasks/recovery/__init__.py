"""Move a platform to another site and bring it home, without losing a row or with every lost row counted."""
