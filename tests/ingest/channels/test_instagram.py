"""Direct messages, comments and mentions of the Instagram channel."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.instagram import Account, Instagram
from ingest.webhook import WebhookContext, WebhookRequest

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ACCOUNT = Account(app_secret="sir-meta", instagram_secret="sir-insta")
US, PERSON = "178", "66"


def direct(**more: Any) -> bytes:
    item = {"sender": {"id": PERSON}, "recipient": {"id": US}, "timestamp": SECONDS} | more
    entry = {"id": US, "time": SECONDS, "messaging": [item]}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


def comment(*, bare: bool = False, field: str = "comments", **value: Any) -> bytes:
    comment_value = {
        "id": "c1",
        "from": {"id": PERSON, "username": "ayse"},
        "media": {"id": "m"},
        "text": "Fiyatı ne?",
    } | value
    change = {"field": field, "value": comment_value}
    inner = change if bare else {"changes": [change]}
    entry = {"id": US, "time": SECONDS} | inner
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


def signed(secret: bytes) -> WebhookRequest:
    raw = direct(message={"mid": "m1", "text": "ışık"})
    digest = hmac.new(secret, raw, sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=raw)


def _parsed(raw: bytes) -> Parsed:
    (archived,) = Instagram().take(raw).deliveries
    delivery = Delivery(raw=archived, account="a", received_at=NOW)
    return Instagram().parse(delivery, Context(brand="default", settings=ACCOUNT))


async def test_either_secret_of_an_app_proves_a_call() -> None:
    context = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
    for secret in (b"sir-meta", b"sir-insta"):
        assert (await Instagram().receive(signed(secret), ACCOUNT, context)).deliveries
    only = signed(b"sir-insta")
    assert (
        await Instagram().receive(only, Account(instagram_secret="sir-insta"), context)
    ).deliveries


def test_a_story_that_mentions_us_has_its_file_and_a_limit_in_bytes() -> None:
    story = {"type": "story_mention", "payload": {"url": "https://cdn.example/s"}}
    parsed = _parsed(direct(message={"mid": "m1", "attachments": [story]}))
    assert [m.ref for m in parsed.media] == ["https://cdn.example/s"]
    assert parsed.message.sent_at == NOW, "seconds where milliseconds are documented"
    assert parsed.message.answering is not None
    assert (parsed.message.answering.limit, parsed.message.answering.unit) == (1000, "bytes")


@pytest.mark.parametrize("bare", [False, True])
def test_a_comment_is_in_the_changes_or_in_the_entry_itself(bare: bool) -> None:
    message = _parsed(comment(bare=bare)).message
    assert (message.text, message.kind, message.native_id) == ("Fiyatı ne?", "post", "c1")
    assert message.sender.handle("handle") == f"instagram:{PERSON}"
    assert message.sent_at == NOW
    other = _parsed(comment(id="c2", **{"from": {"id": "67"}})).message
    assert other.conversation != message.conversation


@pytest.mark.parametrize("edit", [{"mid": "m", "num_edit": 0}, {"mid": "m", "num_edit": 1}])
def test_an_edit_without_a_text_is_ignored(edit: dict[str, Any]) -> None:
    assert Instagram().take(direct(message_edit=edit)).ignored == ("edit_without_text",)


def test_echoes_of_our_own_messages_are_ignored() -> None:
    assert Instagram().take(comment(**{"from": {"id": US}})).ignored == ("echo",)
    echo = direct(sender={"id": US}, message={"mid": "m", "text": "a", "is_echo": True})
    assert Instagram().take(echo).ignored == ("echo",)
    own = {"id": "9", "self_ig_scoped_id": "178"}
    assert Instagram().take(comment(**{"from": own})).ignored == ("echo",)


def test_a_mention_without_its_text_is_marked_as_such() -> None:
    raw = comment(
        field="mentions", text=None, id="", media_id="m", comment_id="c9", **{"from": None}
    )
    message = _parsed(raw).message
    assert message.native_id == "mention:c9", "the comment itself may still come, with its text"
    assert message.repaired == ("text.not_told",)
