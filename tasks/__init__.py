"""Decisions, and the steps that make them."""
