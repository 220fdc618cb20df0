"""The first tables, and the full-text index over messages."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_messages()
    _create_decisions()
    _create_outcomes()
    _create_dead()
    _create_positions()
    _create_search_index()


def _create_messages() -> None:
    op.create_table(
        "messages",
        *(
            sa.Column(n, sa.Text, primary_key=n == "id", nullable=False)
            for n in ("id", "brand", "channel", "source", "conversation", "sender", "subject")
        ),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("messages_conversation", "messages", ["conversation"])
    op.create_index("messages_received", "messages", ["received_ms"])


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("message", sa.Text, primary_key=True),
        sa.Column("hops", sa.Integer, primary_key=True),
        *(
            sa.Column(n, sa.Text, nullable=False)
            for n in ("conversation", "channel", "department", "intent", "language", "action")
        ),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("decided_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("decisions_decided", "decisions", ["decided_ms"])
    op.create_index("decisions_department", "decisions", ["department", "decided_ms"])


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        *(
            sa.Column(n, sa.Text, primary_key=n == "id", nullable=False)
            for n in ("id", "kind", "conversation", "item", "department", "agent")
        ),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("outcomes_conversation", "outcomes", ["conversation"])
    op.create_index("outcomes_at", "outcomes", ["at_ms"])


def _create_dead() -> None:
    op.create_table(
        "dead",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        *(
            sa.Column(n, sa.Text, nullable=False)
            for n in ("stage", "source", "code", "position", "message")
        ),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("dead_at", "dead", ["at_ms"])
    op.create_index("dead_message", "dead", ["message"])


def _create_positions() -> None:
    op.create_table(
        "arrivals",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.Text, primary_key=True),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table(
        "positions",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        *(
            sa.Column(n, sa.BigInteger, nullable=False)
            for n in ("next_offset", "records", "kept", "undecodable")
        ),
    )


def _create_search_index() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # The words are folded before they are indexed: the tokenizer knows no Turkish.
        op.execute(
            "CREATE VIRTUAL TABLE messages_text USING fts5(words, detail=none, columnsize=0)"
        )
    else:
        op.execute("CREATE TABLE messages_text (message text PRIMARY KEY, words tsvector NOT NULL)")
        op.execute("CREATE INDEX messages_text_words ON messages_text USING gin (words)")


def downgrade() -> None:
    for name in (
        "messages_text",
        "positions",
        "arrivals",
        "dead",
        "outcomes",
        "decisions",
        "messages",
    ):
        op.execute(f"DROP TABLE {name}")
