"""Mentions on Instagram and Facebook, whose words ingest fetches."""

import json
from datetime import timedelta
from urllib.parse import unquote

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.instagram import Instagram
from ingest.channels.messenger import Messenger
from ingest.intake.media import PATIENCE, fetch_content
from runtime.http.public_client import PublicClient
from schemas.errors import Retry
from schemas.message import Message
from tests.support.json_body import JsonBody
from tests.support.samples.registry import SAMPLED_AT
from tests.support.servers.vendor import Vendor


def _mentions(value: dict[str, str]) -> bytes:
    """Return Instagram's call about a mention, which names only what to fetch."""
    entry = {"id": "178", "time": 1795162800, "changes": [{"field": "mentions", "value": value}]}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


async def test_a_mention_in_a_comment_on_instagram_gets_its_words_and_its_author(
    vendor: Vendor, web: PublicClient
) -> None:
    comment = {
        "text": "@marka kargom nerede?",
        "username": "ada",
        "timestamp": "2026-11-20T08:00:00+0000",
    }
    vendor.says("/178", {"mentioned_comment": comment, "id": "178"})
    body = _mentions({"media_id": "m1", "comment_id": "c9"})
    message = await _mention(Instagram(), body, vendor, web)
    assert (message.text, message.sender.name) == ("@marka kargom nerede?", "ada")
    assert message.sender.handle("handle") == "instagram:@ada"
    assert message.reply_to == "mention:178/m1/c9"
    assert message.sent_at is not None
    assert message.repaired == ()
    assert "mentioned_comment.comment_id(c9)" in unquote(vendor.requests[0].path)
    assert vendor.requests[0].headers["authorization"] == "Bearer meta-token"


async def test_a_mention_in_a_post_on_instagram_gets_the_address_of_the_post(
    vendor: Vendor, web: PublicClient
) -> None:
    address = "https://www.instagram.com/p/x"
    post = {"caption": "Bu @marka berbat", "username": "bora", "permalink": address}
    vendor.says("/178", {"mentioned_media": post, "id": "178"})
    message = await _mention(Instagram(), _mentions({"media_id": "m1"}), vendor, web)
    assert (message.text, message.sender.name) == ("Bu @marka berbat", "bora")
    assert message.reply_to == "mention:178/m1/"
    assert message.post is not None
    assert message.post.url == address
    assert "mentioned_media.media_id(m1)" in unquote(vendor.requests[0].path)


async def test_only_a_mention_on_facebook_without_words_is_fetched(
    vendor: Vendor, web: PublicClient
) -> None:
    value = {
        "item": "comment",
        "post_id": "9_1",
        "comment_id": "9_2",
        "sender_id": "77",
        "verb": "add",
    }
    vendor.says(
        "/9_2",
        {
            "message": "@Marka neredesiniz",
            "from": {"id": "77", "name": "Ada"},
            "permalink_url": "https://www.facebook.com/9_2",
        },
    )
    message = await _mention(Messenger(), _page(value), vendor, web)
    assert (message.text, message.sender.name, message.reply_to) == (
        "@Marka neredesiniz",
        "Ada",
        "comment:9_2",
    )
    written = await _mention(Messenger(), _page(value | {"message": "Merhaba"}), vendor, web)
    assert (written.text, len(vendor.requests)) == ("Merhaba", 1)


async def test_a_mention_without_words_is_a_message(vendor: Vendor, web: PublicClient) -> None:
    value = {"item": "post", "post_id": "9_1", "sender_id": "77", "verb": "add"}
    vendor.says("/9_1", {"error": {"code": 10}}, status=403)
    message = await _mention(Messenger(), _page(value), vendor, web)
    assert (message.text, message.repaired) == ("", ("text.not_told",))
    vendor.forget()
    vendor.says("/9_1", b"<html>")
    with pytest.raises(Retry):
        await _mention(Messenger(), _page(value), vendor, web)
    late = await _mention(
        Messenger(), _page(value), vendor, web, waited=PATIENCE + timedelta(seconds=1)
    )
    assert late.repaired == ("text.not_told",)


def _page(value: JsonBody) -> bytes:
    change = {"field": "mention", "value": value}
    return json.dumps(
        {"object": "page", "entry": [{"id": "5", "time": 1795162800, "changes": [change]}]}
    ).encode()


async def _mention(
    channel: Messenger | Instagram,
    body: bytes,
    vendor: Vendor,
    web: PublicClient,
    waited: timedelta = timedelta(),
) -> Message:
    """Return the Message of a mention, asked for as accept does."""
    settings = channel.account(token="meta-token", api=vendor.url)
    (raw,) = channel.take(body).deliveries
    context = Context(brand="default", settings=settings)
    parsed = channel.parse(Delivery(raw=raw, account="a", received_at=SAMPLED_AT), context)
    if parsed.notice is not None:
        content = await fetch_content(channel, parsed.notice, raw, settings, web, waited=waited)
        if content is not None:
            parsed = channel.parse(
                Delivery(raw=content, account="a", received_at=SAMPLED_AT), context
            )
    return parsed.message
