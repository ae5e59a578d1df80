"""Evidence: where everything that a sweep measured is kept."""
