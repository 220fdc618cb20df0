"""X: the challenge, proofs, events, permission to answer, and the stream with its gaps."""

import asyncio
import base64
import hmac
import json
from dataclasses import replace
from hashlib import sha256

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.x import X
from ingest.channels.x.account import Account
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from schemas.errors import Rejected, Retry
from schemas.state.cursor import Cursor
from tests.support.ingest.source_contexts import source_context
from tests.support.json_body import JsonBody
from tests.support.messages import MemoryCursors
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES
from tests.support.servers.vendor import Vendor

NOW = SAMPLED_AT
ACCOUNT = Account(consumer_secret="sir-x", user_id="900")
CONTEXT = WebhookContext(now=NOW, fetch=lambda _url: None)  # type: ignore[arg-type,return-value]  # never called
MENTION = SAMPLES["x"].document
STREAM_POST = read_payload("x", "stream_post")


def _line(number: int | str, fields: JsonBody | None = None) -> bytes:
    """Return a line of the stream: its post with another id and other fields."""
    numbers = {"data.id": str(number), "data.edit_history_tweet_ids": [str(number)]}
    return json.dumps(with_fields(STREAM_POST, numbers | (fields or {}))).encode()


def sign(data: bytes, secret: bytes = b"sir-x") -> str:
    return "sha256=" + base64.b64encode(hmac.new(secret, data, sha256).digest()).decode()


def _take(payload: JsonBody) -> WebhookResult:
    return X().take(json.dumps(payload).encode())


def _parsed(payload: JsonBody, settings: Account = ACCOUNT) -> Parsed:
    (post,) = _take(payload).deliveries
    delivery = Delivery(raw=post, account="a", received_at=NOW)
    return X().parse(delivery, Context(brand="d", settings=settings))


async def cursors_at(position: int) -> MemoryCursors:
    cursors = MemoryCursors()
    await cursors.save(Cursor(source="x:a", epoch="id", position=position, at=NOW))
    return cursors


async def position_of(cursors: MemoryCursors) -> int:
    cursor = await cursors.load("x:a")
    assert cursor is not None
    return cursor.position


async def test_the_answer_to_a_challenge_is_its_signature() -> None:
    challenge = WebhookRequest(
        method="GET", path="/", query={"crc_token": "abc"}, headers={}, body=b""
    )
    result = await X().receive(challenge, ACCOUNT, CONTEXT)
    assert json.loads(result.response.body) == {"response_token": sign(b"abc")}
    body = SAMPLES["x"].payload.decode()
    for wrong, settings in (
        (replace(challenge, query={}), ACCOUNT),
        (challenge, Account()),
        (replace(challenge, query={"crc_token": body}), ACCOUNT),
        (replace(challenge, query={"crc_token": f" {body}"}), ACCOUNT),
        (replace(challenge, query={"crc_token": "a" * 201}), ACCOUNT),
    ):
        with pytest.raises(Rejected):
            await X().receive(wrong, settings, CONTEXT)


async def test_a_signed_challenge_never_proves_a_call() -> None:
    headers = {"x-twitter-webhooks-signature": sign(b"abc")}
    call = WebhookRequest(method="POST", path="/", query={}, headers=headers, body=b"abc")
    with pytest.raises(Rejected) as error:
        await X().receive(call, ACCOUNT, CONTEXT)
    assert error.value.code == "json.malformed"


def test_a_mention_has_its_text_author_reach_and_address() -> None:
    message = _parsed(read_payload("x", "mention_with_link")).message
    assert message.text == "@marka bak & gör https://ornek.example/1"
    assert (message.sender.name, message.sender.handle("handle")) == ("Ayşe", "x:31")
    assert message.post is not None
    assert (message.post.url, message.post.author_reach) == ("https://x.com/ayse/status/50", 900)
    assert message.sent_at == NOW
    long = _parsed(with_fields(STREAM_POST, {"data.note_tweet": {"text": "uzun metin"}})).message
    assert long.text == "uzun metin"


def test_the_same_post_as_mention_and_as_answer_is_one_message() -> None:
    answer = with_fields(MENTION, {"data.event_type": "post.reply.create"})
    assert _parsed(MENTION).message.id == _parsed(answer).message.id
    other = _parsed(with_fields(MENTION, {"data.payload.author_id": "32"})).message
    assert other.conversation != _parsed(MENTION).message.conversation


def test_an_edit_has_an_id_of_its_own_and_names_the_original() -> None:
    first = _parsed(MENTION).message
    numbers = {"data.payload.id": "51", "data.payload.edit_history_tweet_ids": ["50", "51"]}
    edit = _parsed(with_fields(MENTION, numbers)).message
    gone = _parsed(with_fields(MENTION, {"data.event_type": "post.delete"})).message
    for change, kind in ((edit, "edited"), (gone, "deleted")):
        assert change.event is not None
        assert (change.event.kind, change.event.of) == (kind, first.id)
        assert change.conversation == first.conversation


def test_most_apps_can_answer_only_authors_who_mention_the_account() -> None:
    keyword = with_fields(STREAM_POST, {"data.entities": {}, "data.text": "marka berbat"})
    mention = with_fields(
        MENTION, {"data.payload.entities": {}, "data.payload.text": "marka berbat"}
    )

    def forbidden(payload: JsonBody, settings: Account = ACCOUNT) -> bool:
        answering = _parsed(payload, settings).message.answering
        return bool(answering and answering.forbidden)

    assert forbidden(keyword)
    assert not forbidden(keyword, Account(user_id="900", answers_anybody=True))
    assert not forbidden(STREAM_POST)
    assert not forbidden(mention)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (read_payload("x", "follow"), "follow"),
        (with_fields(MENTION, {"data.event_type": "dm.received"}), "other_event"),
        (read_payload("x", "stream_disconnect"), "error"),
        ({}, "empty"),
        (
            with_fields(STREAM_POST, {"data.referenced_tweets.0.type": "retweeted"}),
            "repost",
        ),
    ],
)
def test_any_other_body_is_ignored_with_a_reason(payload: JsonBody, reason: str) -> None:
    assert _take(payload).ignored == (reason,)


def test_our_own_posts_are_no_messages() -> None:
    with pytest.raises(Rejected, match="our own"):
        _parsed(with_fields(MENTION, {"data.payload.author_id": "900"}))


async def test_the_stream_follows_the_mentions_since_the_cursor(vendor: Vendor) -> None:
    disconnect = json.dumps(read_payload("x", "stream_disconnect")).encode()
    vendor.says("/2/tweets/search/stream", b"\r\n".join((_line(62), b"", disconnect, b"")))
    pages = (read_payload("x", "mentions_page"), read_payload("x", "mentions_last_page"))
    vendor.says("/2/users/900/mentions", *pages)
    posts: list[str] = []

    async def accept(delivery: Delivery) -> None:
        posts.append(X().parse(delivery, Context(brand="d", settings=ACCOUNT)).message.native_id)

    cursors = await cursors_at(59)
    account = Account(bearer="b", user_id="900", stream=True, api=vendor.url)
    with pytest.raises(Retry, match="ended the stream"):
        await X().source("a", account, source_context(NOW)).run(accept, cursors)
    assert posts == ["60", "61", "62"], "each once, the oldest first"
    assert await position_of(cursors) == 62
    assert "since_id=59" in vendor.to("/2/users/900/mentions")[0].path


async def test_the_stream_waits_until_the_end_of_a_rate_limit(vendor: Vendor) -> None:
    reset = str(int(NOW.timestamp()) + 300)
    vendor.says("/2/tweets/search/stream", b"", status=429, headers={"x-rate-limit-reset": reset})
    account = Account(bearer="b", user_id="900", stream=True, api=vendor.url)
    source = X().source("a", account, source_context(NOW))
    with pytest.raises(Retry) as error:
        await source.run(lambda _delivery: asyncio.sleep(0), await cursors_at(59))
    assert error.value.after == 300


async def test_each_unreadable_line_becomes_a_dead_letter_of_its_own(vendor: Vendor) -> None:
    unreadable = [_line(number, {"data.entities": 5}) for number in (71, 72)]
    unreadable += [_line(73)[:40], b'{"data":"a text"}']
    without_number = [_line("x", {"data.text": "ilk"}), _line("x", {"data.text": "ikinci"})]
    lines = [*unreadable, *without_number, _line(10**30), _line(70)]
    vendor.says("/2/tweets/search/stream", b"\r\n".join(lines))
    page = without_fields(read_payload("x", "mentions_page"), "meta.next_token")
    page = with_fields(page, {"data.0.entities": 5, "data.1.entities": 6})
    vendor.says("/2/users/900/mentions", page)
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    cursors = await cursors_at(59)
    account = Account(bearer="b", user_id="900", stream=True, api=vendor.url)
    with pytest.raises(Retry, match="ended the stream"):
        await X().source("a", account, source_context(NOW)).run(accept, cursors)

    assert len({delivery.raw for delivery in deliveries}) == len(deliveries) == 10
    for delivery in deliveries[:6]:
        with pytest.raises(Rejected):
            X().parse(delivery, Context(brand="d", settings=ACCOUNT))
    readable = [X().parse(d, Context(brand="d", settings=ACCOUNT)).message for d in deliveries[6:]]
    assert [post.text for post in readable[:2]] == ["ilk", "ikinci"]
    assert readable[3].native_id == "70"
    assert await position_of(cursors) == 70


def test_an_unreadable_post_is_rejected_with_its_fault() -> None:
    with pytest.raises(Rejected, match=r"\$\.entities"):
        _parsed(with_fields(MENTION, {"data.payload.entities": 5}))


async def test_an_unreadable_page_of_mentions_is_read_again(vendor: Vendor) -> None:
    vendor.says("/2/tweets/search/stream", b"")
    vendor.says("/2/users/900/mentions", b"<html>")
    cursors = await cursors_at(59)
    account = Account(bearer="b", user_id="900", stream=True, api=vendor.url)
    with pytest.raises(Retry, match="no page of mentions"):
        await (
            X()
            .source("a", account, source_context(NOW))
            .run(lambda _delivery: asyncio.sleep(0), cursors)
        )
