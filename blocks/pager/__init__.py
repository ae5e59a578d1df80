"""Pagers: what rings somebody at night."""
