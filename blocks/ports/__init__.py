"""The boundaries: what steps see of outside systems, pure."""
