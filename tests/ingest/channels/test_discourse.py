"""Posts of customers, their edits and deletions, and ignored calls of the Discourse channel."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.discourse import Account, Discourse
from ingest.webhook import WebhookContext, WebhookRequest
from schemas.errors import Rejected
from schemas.message import Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(
    secret="sir-forum", url="https://forum.example", username="destek", categories=(4,)
)
CONTEXT = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called


def body(**more: Any) -> bytes:
    post = {
        "id": 9,
        "topic_id": 3,
        "topic_slug": "kargo",
        "topic_title": "Kargo",
        "category_id": 4,
        "post_number": 2,
        "user_id": 31,
        "username": "ayse",
        "name": "Ayşe",
        "raw": "Kargom gelmedi",
        "cooked": "<p>x</p>",
        "created_at": "2026-11-20T09:00:00Z",
        "updated_at": "2026-11-20T09:05:00Z",
        "version": 1,
        "post_type": 1,
    } | more
    return json.dumps({"post": post}).encode()


def call(raw: bytes, event: str = "post_created", **headers: str) -> WebhookRequest:
    digest = hmac.new(b"sir-forum", raw, sha256).hexdigest()
    own_headers = {
        "content-type": "application/json",
        "x-discourse-event": event,
        "x-discourse-event-id": "1",
        "x-discourse-event-signature": f"sha256={digest}",
    }
    return WebhookRequest(
        method="POST", path="/", query={}, headers=own_headers | headers, body=raw
    )


async def _parsed(raw: bytes, event: str = "post_created", settings: Account = ACCOUNT) -> Message:
    (raw_post,) = (await Discourse().receive(call(raw, event), ACCOUNT, CONTEXT)).deliveries
    delivery = Delivery(raw=raw_post, account="a", received_at=NOW)
    return Discourse().parse(delivery, Context(brand="d", settings=settings)).message


async def test_a_post_an_edit_and_a_deletion() -> None:
    first = await _parsed(body())
    assert (first.text, first.subject, first.sender.name) == ("Kargom gelmedi", "Kargo", "Ayşe")
    assert first.post is not None
    assert first.post.url == "https://forum.example/t/kargo/3/2"
    edit = await _parsed(body(version=2, raw="yeni"), "post_edited")
    deletion = await _parsed(body(), "post_destroyed")
    for message, kind in ((edit, "edited"), (deletion, "deleted")):
        assert message.event is not None
        assert (message.event.kind, message.event.of) == (kind, first.id)
        assert message.conversation == first.conversation
    other = await _parsed(body(id=10, user_id=32))
    assert other.conversation != first.conversation
    old = await _parsed(body(raw=None, cooked="<p>Eski <b>sürüm</b></p>"))
    assert old.text == "Eski sürüm"


@pytest.mark.parametrize(
    "more",
    [
        {"post_type": 4},
        {"username": "destek"},
        {"user_id": -1},
        {"category_id": 5},
        {"post_type": 3},
    ],
)
async def test_our_own_posts_whispers_and_other_categories_are_ignored(
    more: dict[str, Any],
) -> None:
    with pytest.raises(Rejected) as error:
        await _parsed(body(**more))
    assert error.value.code == "delivery.ignored"


async def test_pings_and_other_events_are_ignored_with_a_reason() -> None:
    for raw, event, reason in (
        (b'{"ping":"OK"}', "ping", "ping"),
        (b'{"topic":{}}', "topic_created", "other_event"),
        (body(), "post_liked", "other_event"),
    ):
        assert (await Discourse().receive(call(raw, event), ACCOUNT, CONTEXT)).ignored == (reason,)


def test_an_archived_event_with_an_unknown_name_is_refused() -> None:
    archived = b'{"event": "post_liked", ' + body()[1:]
    with pytest.raises(Rejected, match="not an event of a post"):
        Discourse().parse(
            Delivery(raw=archived, account="a", received_at=NOW),
            Context(brand="d", settings=ACCOUNT),
        )
