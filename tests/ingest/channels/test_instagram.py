"""Direct messages, comments and mentions of the Instagram channel."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.instagram import Account, Instagram
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLES

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(app_secret="sir-meta", instagram_secret="sir-insta")
US, PERSON = "178", "66"
COMMENT = read_payload("instagram", "comment")
VALUE = "entry.0.changes.0.value"


def sign_call(secret: bytes) -> WebhookRequest:
    """Return the call of the sample, signed with a secret."""
    body = SAMPLES["instagram"].payload
    digest = hmac.new(secret, body, sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body)


def _take(call: JsonBody) -> WebhookResult:
    return Instagram().take(json.dumps(call).encode())


def _parsed(call: JsonBody) -> Parsed:
    (archived,) = _take(call).deliveries
    delivery = Delivery(raw=archived, account="a", received_at=NOW)
    return Instagram().parse(delivery, Context(brand="default", settings=ACCOUNT))


async def test_either_secret_of_an_app_proves_a_call() -> None:
    context = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
    for secret in (b"sir-meta", b"sir-insta"):
        assert (await Instagram().receive(sign_call(secret), ACCOUNT, context)).deliveries
    only = Account(instagram_secret="sir-insta")
    assert (await Instagram().receive(sign_call(b"sir-insta"), only, context)).deliveries


def test_a_story_that_mentions_us_has_its_file_and_a_limit_in_bytes() -> None:
    parsed = _parsed(read_payload("instagram", "story_mention"))
    assert [m.ref for m in parsed.media] == ["https://cdn.example/s"]
    assert parsed.message.sent_at == NOW, "seconds where milliseconds are documented"
    assert parsed.message.answering is not None
    assert (parsed.message.answering.limit, parsed.message.answering.unit) == (1000, "bytes")


@pytest.mark.parametrize("name", ["comment", "comment_without_changes"])
def test_a_comment_is_in_the_changes_or_in_the_entry_itself(name: str) -> None:
    message = _parsed(read_payload("instagram", name)).message
    assert (message.text, message.kind, message.native_id) == ("Fiyatı ne?", "post", "c1")
    assert message.sender.handle("handle") == f"instagram:{PERSON}"
    assert message.sent_at == NOW
    other = with_fields(COMMENT, {f"{VALUE}.id": "c2", f"{VALUE}.from.id": "67"})
    assert _parsed(other).message.conversation != message.conversation


@pytest.mark.parametrize("number", [0, 1])
def test_an_edit_without_a_text_is_ignored(number: int) -> None:
    edit = read_payload("instagram", "edit_without_text")
    numbered = with_fields(edit, {"entry.0.messaging.0.message_edit.num_edit": number})
    assert _take(numbered).ignored == ("edit_without_text",)


def test_echoes_of_our_own_messages_are_ignored() -> None:
    assert _take(with_fields(COMMENT, {f"{VALUE}.from": {"id": US}})).ignored == ("echo",)
    assert _take(read_payload("instagram", "echo")).ignored == ("echo",)
    own = {"id": "9", "self_ig_scoped_id": "178"}
    assert _take(with_fields(COMMENT, {f"{VALUE}.from": own})).ignored == ("echo",)


def test_a_mention_without_its_text_is_marked_as_such() -> None:
    mention = read_payload("instagram", "mention")
    nulls = with_fields(mention, {f"{VALUE}.text": None, f"{VALUE}.id": "", f"{VALUE}.from": None})
    for call in (mention, nulls):
        message = _parsed(call).message
        assert message.native_id == "mention:c9", "the comment may still come, with its text"
        assert message.repaired == ("text.not_told",)
