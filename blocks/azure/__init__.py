"""Azure, looked at and never changed: the block, the prober, and what they say when Azure fails."""
