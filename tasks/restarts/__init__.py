"""Restart a service, one thing at a time, and prove it."""
