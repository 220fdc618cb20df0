"""Invented messages for tests, the policy that decides them, and cursors in memory."""

from datetime import UTC, datetime

import msgspec

from router.decision.policy import Policy
from router.text import pack_files
from schemas.base import conversation_id, message_id
from schemas.message import Handle, Message, Party
from schemas.routing.departments import DEFAULT
from schemas.state.cursor import Cursor

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACK = pack_files.read_pack(pack_files.PACKS / "default")


def policy(threshold: float = 0.5) -> Policy:
    """Return the default rules and departments."""
    return Policy(pack=PACK, threshold=threshold, departments=DEFAULT)


def message(text: str, native: str = "1", root: str = "r", **changes: object) -> Message:
    """Return a message of an invented customer; `changes` replace fields of it."""
    sent = Message(
        id=message_id("api", "api:test", native),
        brand="default",
        channel="api",
        source="api:test",
        native_id=native,
        conversation=conversation_id("default", "api", root),
        kind="form",
        sender=Party(name="Ada", handles=(Handle(kind="email", value="ada@ornek.example"),)),
        text=text,
        full_text=text,
        received_at=NOW,
    )
    return msgspec.structs.replace(sent, **changes)


class MemoryCursors:
    """Cursors in memory, as cursors.v1 keeps them."""

    def __init__(self) -> None:
        self.saved: dict[str, Cursor] = {}

    async def load(self, source: str) -> Cursor | None:
        """Return the newest cursor of a source."""
        return self.saved.get(source)

    async def save(self, cursor: Cursor) -> None:
        """Save a cursor."""
        self.saved[cursor.source] = cursor
