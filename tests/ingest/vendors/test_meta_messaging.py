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
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT
from tests.support.servers.vendor import Vendor

VALUE = "entry.0.changes.0.value"


async def test_a_mention_in_a_comment_on_instagram_gets_its_words_and_its_author(
    vendor: Vendor, web: PublicClient
) -> None:
    vendor.says("/178", read_payload("instagram", "mentioned_comment"))
    message = await _mention(Instagram(), read_payload("instagram", "mention"), vendor, web)
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
    vendor.says("/178", read_payload("instagram", "mentioned_media"))
    mention = without_fields(read_payload("instagram", "mention"), f"{VALUE}.comment_id")
    message = await _mention(Instagram(), mention, vendor, web)
    assert (message.text, message.sender.name) == ("Bu @marka berbat", "bora")
    assert message.reply_to == "mention:178/m1/"
    assert message.post is not None
    assert message.post.url == "https://www.instagram.com/p/x"
    assert "mentioned_media.media_id(m1)" in unquote(vendor.requests[0].path)


async def test_only_a_mention_on_facebook_without_words_is_fetched(
    vendor: Vendor, web: PublicClient
) -> None:
    mention = read_payload("messenger", "mention_in_comment")
    vendor.says("/9_2", read_payload("messenger", "mentioned_comment"))
    message = await _mention(Messenger(), mention, vendor, web)
    assert (message.text, message.sender.name, message.reply_to) == (
        "@Marka neredesiniz",
        "Ada",
        "comment:9_2",
    )
    with_words = with_fields(mention, {f"{VALUE}.message": "Merhaba"})
    written = await _mention(Messenger(), with_words, vendor, web)
    assert (written.text, len(vendor.requests)) == ("Merhaba", 1)


async def test_a_mention_without_words_is_a_message(vendor: Vendor, web: PublicClient) -> None:
    mention = read_payload("messenger", "mention_in_post")
    vendor.says("/9_1", {"error": {"code": 10}}, status=403)
    message = await _mention(Messenger(), mention, vendor, web)
    assert (message.text, message.repaired) == ("", ("text.not_told",))
    vendor.forget()
    vendor.says("/9_1", b"<html>")
    with pytest.raises(Retry):
        await _mention(Messenger(), mention, vendor, web)
    late = await _mention(Messenger(), mention, vendor, web, waited=PATIENCE + timedelta(seconds=1))
    assert late.repaired == ("text.not_told",)


async def _mention(
    channel: Messenger | Instagram,
    call: JsonBody,
    vendor: Vendor,
    web: PublicClient,
    waited: timedelta = timedelta(),
) -> Message:
    """Return the Message of a mention, asked for as accept does."""
    settings = channel.account(token="meta-token", api=vendor.url)
    (raw,) = channel.take(json.dumps(call).encode()).deliveries
    context = Context(brand="default", settings=settings)
    parsed = channel.parse(Delivery(raw=raw, account="a", received_at=SAMPLED_AT), context)
    if parsed.notice is not None:
        content = await fetch_content(channel, parsed.notice, raw, settings, web, waited=waited)
        if content is not None:
            parsed = channel.parse(
                Delivery(raw=content, account="a", received_at=SAMPLED_AT), context
            )
    return parsed.message
