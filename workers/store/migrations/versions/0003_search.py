"""The search index without personal numbers: this empties it, and the recorder fills it again.

Only the running stages have the key that hashes the numbers.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE search_state (name text PRIMARY KEY, value text NOT NULL)")
    if op.get_bind().dialect.name == "sqlite":
        # Overwrite freed pages, or the numbers would stay in them.
        op.execute("PRAGMA secure_delete=ON")
        op.execute("DROP TABLE messages_text")
        op.execute(
            "CREATE VIRTUAL TABLE messages_text USING fts5(words, detail=none, columnsize=0)"
        )
    else:
        op.execute("TRUNCATE TABLE messages_text")


def downgrade() -> None:
    op.execute("DROP TABLE search_state")
