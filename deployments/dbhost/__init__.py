"""The database host's own door: placed beside a PostgreSQL that people run themselves (docs/recovery-postgres.md)."""
