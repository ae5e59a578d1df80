"""The outside world: ports, adapters and saved blocks."""
