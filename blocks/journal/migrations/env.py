"""How Alembic reaches the journal: through the connection that `upgrade` opened and locked, never by itself."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
