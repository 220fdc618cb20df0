"""Posts of customers, their edits and deletions, and ignored calls of the Discourse channel."""

import hmac
import json
from hashlib import sha256

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.discourse import Account, Discourse
from ingest.webhook import WebhookContext, WebhookRequest
from schemas.errors import Rejected
from schemas.message import Message
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS

ACCOUNT = Account(
    secret="sir-forum", url="https://forum.example", username="destek", categories=(4,)
)
CONTEXT = WebhookContext(now=SAMPLED_AT, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
POST = SAMPLES["discourse"].document


def call(payload: JsonBody, event: str = "post_created") -> WebhookRequest:
    raw = json.dumps(payload).encode()
    digest = hmac.new(b"sir-forum", raw, sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-discourse-event": event,
        "x-discourse-event-id": "1",
        "x-discourse-event-signature": f"sha256={digest}",
    }
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=raw)


async def _parsed(payload: JsonBody, event: str = "post_created") -> Message:
    (raw_post,) = (await Discourse().receive(call(payload, event), ACCOUNT, CONTEXT)).deliveries
    delivery = Delivery(raw=raw_post, account="a", received_at=SAMPLED_AT)
    return Discourse().parse(delivery, Context(brand="d", settings=ACCOUNT)).message


async def test_a_post_an_edit_and_a_deletion() -> None:
    first = await _parsed(POST)
    assert (first.text, first.subject, first.sender.name) == (WORDS, "Kargo", "Ayşe")
    assert first.post is not None
    assert first.post.url == "https://forum.example/t/kargo/3/2"
    edited = with_fields(POST, {"post.version": 2, "post.raw": "yeni"})
    edit = await _parsed(edited, "post_edited")
    deletion = await _parsed(POST, "post_destroyed")
    for message, kind in ((edit, "edited"), (deletion, "deleted")):
        assert message.event is not None
        assert (message.event.kind, message.event.of) == (kind, first.id)
        assert message.conversation == first.conversation
    other = await _parsed(with_fields(POST, {"post.id": 10, "post.user_id": 32}))
    assert other.conversation != first.conversation
    old = await _parsed(
        with_fields(POST, {"post.raw": None, "post.cooked": "<p>Eski <b>sürüm</b></p>"})
    )
    assert old.text == "Eski sürüm"


@pytest.mark.parametrize(
    "fields",
    [
        {"post.post_type": 4},
        {"post.username": "destek"},
        {"post.user_id": -1},
        {"post.category_id": 5},
        {"post.post_type": 3},
    ],
)
async def test_our_own_posts_whispers_and_other_categories_are_ignored(
    fields: dict[str, object],
) -> None:
    with pytest.raises(Rejected) as error:
        await _parsed(with_fields(POST, fields))
    assert error.value.code == "delivery.ignored"


async def test_pings_and_other_events_are_ignored_with_a_reason() -> None:
    for payload, event, reason in (
        (read_payload("discourse", "ping"), "ping", "ping"),
        (read_payload("discourse", "topic"), "topic_created", "other_event"),
        (POST, "post_liked", "other_event"),
    ):
        result = await Discourse().receive(call(payload, event), ACCOUNT, CONTEXT)
        assert result.ignored == (reason,)


def test_an_archived_event_with_an_unknown_name_is_refused() -> None:
    archived = json.dumps({"event": "post_liked", **POST}).encode()
    with pytest.raises(Rejected, match="not an event of a post"):
        Discourse().parse(
            Delivery(raw=archived, account="a", received_at=SAMPLED_AT),
            Context(brand="d", settings=ACCOUNT),
        )
