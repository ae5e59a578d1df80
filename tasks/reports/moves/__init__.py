"""Reports of moves and drills."""
