"""The search index without personal numbers: emptied here, filled again by the recorder.

What hashes the numbers is a key that only the running stages have.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE search_state (name text PRIMARY KEY, value text NOT NULL)")
    if op.get_bind().dialect.name == "sqlite":
        # Freed pages are overwritten: numbers would stay in them.
        op.execute("PRAGMA secure_delete=ON")
        op.execute("DROP TABLE messages_text")
        op.execute(
            "CREATE VIRTUAL TABLE messages_text USING fts5(words, detail=none, columnsize=0)"
        )
    else:
        op.execute("TRUNCATE TABLE messages_text")


def downgrade() -> None:
    op.execute("DROP TABLE search_state")
