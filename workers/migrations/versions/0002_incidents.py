"""Incidents and their messages."""

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


def downgrade() -> None:
    op.drop_table("incident_messages")
    op.drop_table("incidents")
