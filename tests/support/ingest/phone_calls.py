"""Transcripts of one invented call, as each vendor writes them, and the Message of a transcript."""

import json
from datetime import UTC, datetime
from pathlib import Path

from ingest.channel import Context, Delivery
from ingest.channels.phone import Phone
from ingest.channels.phone.account import Account
from schemas.message import Message
from tests.support.json_body import JsonBody

CALL_ACCEPTED_AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
_FOLDER = Path(__file__).parent / "transcripts"
TRANSCRIPT_NAMES = sorted(path.stem for path in _FOLDER.glob("*.json"))


def read_transcript(name: str) -> JsonBody:
    """Return the transcript of a vendor; the agent says "Buyurun", the customer "Kargom gelmedi"."""
    document: JsonBody = json.loads((_FOLDER / f"{name}.json").read_bytes())
    return document


def parse_call(
    transcript: bytes | str | JsonBody | list[JsonBody],
    file_name: str | None = None,
    settings: Account | None = None,
) -> Message:
    """Return the phone channel's Message of a transcript; raise Rejected."""
    match transcript:
        case bytes():
            raw = transcript
        case str():
            raw = transcript.encode()
        case _:
            raw = json.dumps(transcript).encode()
    delivery = Delivery(raw=raw, account="a", received_at=CALL_ACCEPTED_AT, hint=file_name)
    context = Context(brand="default", settings=settings or Account())
    return Phone().parse(delivery, context).message


def spoken_by(message: Message) -> list[tuple[str, str]]:
    """Return role and text of each turn."""
    assert message.call is not None
    return [(turn.role, turn.text) for turn in message.call.turns]


def timed_turns(message: Message) -> list[tuple[str, float, float, str]]:
    """Return role, start, end and text of each turn."""
    assert message.call is not None
    return [(turn.role, turn.start, turn.end, turn.text) for turn in message.call.turns]
