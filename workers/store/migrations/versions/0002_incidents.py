"""Incidents and their messages; handles and what people say of them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        sa.Column("status", sa.Text, primary_key=True),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("incidents_at", "incidents", ["at_ms"])
    op.create_table(
        "incident_messages",
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("message", sa.Text, primary_key=True),
    )
    op.create_index("incident_messages_message", "incident_messages", ["message"])
    op.create_table(
        "handles",
        *(sa.Column(n, sa.Text, primary_key=True) for n in ("node", "message", "said_by")),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("brand", "conversation", "channel")),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("handles_message", "handles", ["message"])
    op.create_table(
        "links",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("a", "b", "body")),
    )
    op.create_index("links_a", "links", ["a"])
    op.create_index("links_b", "links", ["b"])


def downgrade() -> None:
    op.drop_table("links")
    op.drop_table("handles")
    op.drop_table("incident_messages")
    op.drop_table("incidents")
