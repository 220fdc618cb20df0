"""The readers of an earlier commit take the records that this commit writes.

A rolling upgrade runs both at the same time. The commit is the first one whose lists of words are
open, so every later one must fit it.
"""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from bench.checkouts import HERE, checkout_environment
from router.decision.apply_outcome import apply_outcome
from router.decision.decide import decide_message
from schemas import envelope, topics
from schemas.base import Record
from schemas.outcome import Outcome, OutcomeKind, Reply
from schemas.state.conversation import ConversationState
from tests.support.future_records import RECORDS
from tests.support.messages import NOW, message, policy

OLDER = "9433be6fc7d0f8183626f26b1457be51ce73c42f"
"""`schemas: open every list of words in the records`."""

READER = """
import json, sys
from router.record_decision import decide_record
from router.watch.state import WatchState
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, policy
from workers.recorder.rows import Rows, add_record, fit_columns

names = {topic.name: topic for topic in topics.all_topics(("billing",))}
rows, watch, state, count = Rows(), WatchState(Settings()), None, 0
recorded = ("messages.v1", "decisions.v1", "outcomes.v1", "dead.v1", "incidents.v1", "links.v1")
for line in open(sys.argv[1], encoding="utf-8"):
    entry = json.loads(line)
    name, value = entry["topic"], entry["value"].encode()
    record = envelope.decode(names[name].struct, value)
    if isinstance(record, ConversationState):
        state = record
    if isinstance(record, Message | Outcome):
        result = decide_record(record, lambda: state, policy(), NOW, encoded=value)
        assert not result.faulted, record
    if name in recorded:
        add_record(rows, name, 0, count, value)
    if name == "queue.billing.v1":
        watch.see_item(value, (name, 0), 0.0)
    count += 1
fit_columns(rows)
assert not rows.undecodable, rows.undecodable
print(count)
"""


def _written() -> list[tuple[str, Record]]:
    """Return records of every topic and kind, as this commit writes them."""
    first = decide_message(message("Faturam yanlış"), None, policy(), NOW)
    assert first.item is not None
    outcome = RECORDS[topics.OUTCOMES.name]
    assert isinstance(outcome, Outcome)
    resolved = msgspec.structs.replace(
        outcome,
        kind="resolved",
        by="person",
        conversation=first.decision.conversation,
        messages=(first.decision.message,),
    )
    state = apply_outcome(resolved, first.state, policy().departments, NOW)
    assert isinstance(state, ConversationState)
    goodbye = decide_message(
        message("Çok teşekkürler", "2", received_at=NOW + timedelta(hours=1)), state, policy(), NOW
    )
    kinds: tuple[OutcomeKind, ...] = OutcomeKind.__args__  # type: ignore[attr-defined]  # the words
    reply = RECORDS[topics.REPLIES.name]
    assert isinstance(reply, Reply)
    return [
        *RECORDS.items(),
        (topics.CONVERSATIONS.name, first.state or state),
        (topics.CONVERSATIONS.name, state),
        (topics.DECISIONS.name, goodbye.decision),
        (topics.queue("billing").name, first.item),
        *((topics.OUTCOMES.name, msgspec.structs.replace(resolved, id=k, kind=k)) for k in kinds),
        (topics.REPLIES.name, msgspec.structs.replace(reply, by="holding")),
    ]


def test_the_readers_of_an_earlier_commit_take_every_record(tmp_path: Path) -> None:
    archive = subprocess.run(
        ["git", "-C", str(HERE), "archive", OLDER], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"no history with the commit {OLDER} here")
    older = tmp_path / "older"
    older.mkdir()
    subprocess.run(["tar", "-x", "-C", str(older)], input=archive.stdout, check=True)
    written = _written()
    lines = [
        msgspec.json.encode({"topic": name, "value": envelope.encode(record).decode()})
        for name, record in written
    ]
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(lines))
    result = subprocess.run(
        [sys.executable, "-P", "-c", READER, str(tmp_path / "records.jsonl")],
        env=checkout_environment(older, tmp_path) | {"PYTHONIOENCODING": "utf-8"},
        cwd=os.fspath(older),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert int(result.stdout.splitlines()[-1]) == len(written)
