"""The tables of the store: Kafka's records, in a form that pages and reports can query.

`body` is the record's JSON as Kafka has it, and the other columns are for look-ups. Times are
milliseconds since 1970 in UTC.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

METADATA = MetaData()

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("messages_conversation", "conversation"),
    Index("messages_received", "received_ms"),
)
"""The messages, each once; a repeated record changes nothing."""

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("message", Text, primary_key=True),
    Column("hops", Integer, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("decided_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("decisions_decided", "decided_ms"),
    Index("decisions_department", "department", "decided_ms"),
)
"""The decisions on each message; `hops` counts how often people moved its item."""

OUTCOMES = Table(
    "outcomes",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("outcomes_conversation", "conversation"),
    Index("outcomes_at", "at_ms"),
)
"""The outcomes that people give to items."""

DEAD = Table(
    "dead",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("position", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("dead_at", "at_ms"),
    Index("dead_message", "message"),
)
"""The dead letters; `attempt` counts the re-drives of one."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("incidents_at", "at_ms"),
)
"""Every record of every incident; schemas/incident.py folds them."""

INCIDENT_MESSAGES = Table(
    "incident_messages",
    METADATA,
    Column("incident", Text, primary_key=True),
    Column("message", Text, primary_key=True),
    Index("incident_messages_message", "message"),
)
"""The messages that belong to an incident."""

HANDLES = Table(
    "handles",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("message", Text, primary_key=True),
    Column("said_by", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("handles_message", "message"),
    sqlite_with_rowid=False,
)
"""The handles that a message names. `said_by` is `source` for a handle that the channel verifies,
`sender` for one that the sender entered, and `text` for one in the text."""

LINKS = Table(
    "links",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("a", Text, nullable=False),
    Column("b", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("links_a", "a"),
    Index("links_b", "b"),
)
"""Every verdict of people on two handles; the newest of an id counts."""

SEARCH_STATE = Table(
    "search_state",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""The rules and key of the search index (`made_by`), and the progress of a refill (`filled_to`,
a message's id)."""

ARRIVALS = Table(
    "arrivals",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("position", Text, primary_key=True),
    Column("message", Text, nullable=False),
)
"""The message that each position of a source became, for the ledger."""

LOGS = Table(
    "logs",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("topic_id", Text, nullable=False),
    Column("adoptions", Integer, nullable=False),
)
"""The id of the log that `positions` belongs to, by topic, and how often `santral store adopt`
replaced it (topic_logs.py)."""

STORE_STATE = Table(
    "store_state",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""The version of Santral that migrated the store last (`santral`; runtime/store.py)."""

POSITIONS = Table(
    "positions",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("undecodable", BigInteger, nullable=False),
)
"""The next offset of each partition, written in the transaction of its records. `kept` counts the
records that made a new row; the others were repeats."""
