"""Slack: what people read about a platform, and how it gets there."""
