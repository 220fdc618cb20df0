"""Alembic's entry: runtime/store.py hands the connection over."""

from alembic import context

from workers.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
