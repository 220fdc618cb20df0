"""Direct messages of the Messenger channel, and a Page's comments, posts and mentions."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.messenger import Messenger
from ingest.vendors.meta_messaging.account import Account
from ingest.webhook import WebhookResult
from schemas.base import message_id
from schemas.errors import Rejected
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import WORDS

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(app_secret="sir-meta")
PAGE, PERSON = "900", "31"
TEXT = read_payload("messenger", "text")
EVENT = "entry.0.messaging.0"
COMMENT = read_payload("messenger", "comment")
CHANGE = "entry.0.changes.0"
VALUE = f"{CHANGE}.value"


def _take(call: JsonBody) -> WebhookResult:
    return Messenger().take(json.dumps(call).encode())


def _parsed(call: JsonBody) -> Parsed:
    return _parse_body(json.dumps(call).encode())


def _parse_body(body: bytes) -> Parsed:
    (archived,) = Messenger().take(body).deliveries
    delivery = Delivery(raw=archived, account="a", received_at=NOW)
    return Messenger().parse(delivery, Context(brand="default", settings=ACCOUNT))


def test_a_direct_message_with_a_file_and_a_postback() -> None:
    parsed = _parsed(read_payload("messenger", "picture"))
    assert (parsed.message.text, parsed.message.native_id) == ("kırık", "m1")
    assert [m.ref for m in parsed.media] == ["https://cdn.example/a.jpg"]
    assert parsed.message.reply_to == f"{PAGE}/{PERSON}"
    assert parsed.message.sent_at == NOW
    assert parsed.message.answering is not None
    assert parsed.message.answering.until == NOW + timedelta(hours=24)
    tap = _parsed(read_payload("messenger", "postback")).message
    assert (tap.text, tap.conversation) == ("Sipariş", parsed.message.conversation)
    link = _parsed(read_payload("messenger", "shared_link")).message
    assert (link.text, link.full_text) == ("", "Ürün https://magaza.example/1")
    assert link.attachments == ()


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("edited_message", "edited", "yeni"),
        ("deleted_message", "deleted", ""),
        ("reaction", "reaction", "❤"),
    ],
)
def test_edits_withdrawals_and_reactions_name_their_message(
    name: str, kind: str, text: str
) -> None:
    message = _parsed(read_payload("messenger", name)).message
    assert message.event is not None
    assert (message.event.kind, message.text) == (kind, text)
    assert message.event.of == message_id("messenger", "messenger:a", "m1")
    assert message.native_id != "m1"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (read_payload("messenger", "echo"), "echo"),
        (with_fields(TEXT, {f"{EVENT}.message.is_echo": True}), "echo"),
        (with_fields(TEXT, {f"{EVENT}.sender.id": PAGE}), "echo"),
        (read_payload("messenger", "read"), "receipt"),
        (read_payload("messenger", "delivered"), "receipt"),
        (read_payload("messenger", "optin"), "optin"),
        (read_payload("messenger", "referral"), "referral"),
        (without_fields(TEXT, f"{EVENT}.message"), "other_kind"),
        (with_fields(COMMENT, {f"{VALUE}.item": "reaction"}), "reaction"),
        (
            with_fields(COMMENT, {f"{VALUE}.item": "share", f"{VALUE}.message": ""}),
            "other_kind",
        ),
        (with_fields(COMMENT, {f"{VALUE}.verb": "hide"}), "other_verb"),
        (with_fields(COMMENT, {f"{VALUE}.from.id": PAGE}), "echo"),
        (with_fields(COMMENT, {f"{CHANGE}.field": "ratings"}), "other_field"),
    ],
)
def test_an_ignored_item_has_a_reason(call: JsonBody, reason: str) -> None:
    assert _take(call).ignored == (reason,)
    assert _take(call).deliveries == ()


def test_strangers_under_one_post_share_no_conversation() -> None:
    ali = _parsed(COMMENT).message
    fields = {f"{VALUE}.comment_id": "70_3", f"{VALUE}.from.id": "45"}
    veli = _parsed(with_fields(COMMENT, fields)).message
    fields = {f"{VALUE}.comment_id": "70_4", f"{VALUE}.parent_id": "70_2"}
    answer = _parsed(with_fields(COMMENT, fields)).message
    assert ali.kind == "post"
    assert ali.conversation != veli.conversation
    assert ali.conversation == answer.conversation, "Ali under his own comment"
    assert (ali.sender.name, ali.reply_to) == ("Ali", "comment:70_2")
    assert ali.answering is not None
    assert ali.answering.public


def test_an_edited_or_removed_comment_names_the_first_one() -> None:
    first = _parsed(COMMENT).message
    for verb, kind in (("edited", "edited"), ("remove", "deleted")):
        message = _parsed(with_fields(COMMENT, {f"{VALUE}.verb": verb})).message
        assert message.event is not None
        assert (message.event.kind, message.event.of) == (kind, first.id)
        assert message.conversation == first.conversation


def test_null_counts_as_absent_and_a_faulty_entry_spoils_no_other() -> None:
    paths = (f"{EVENT}.message.is_echo", f"{EVENT}.read", "entry.0.standby")
    call = with_fields(TEXT, dict.fromkeys(paths))
    call["entry"] += [{"id": "900", "messaging": 5}, None]
    texts = []
    for raw in _take(call).deliveries:
        delivery = Delivery(raw=raw, account="a", received_at=NOW)
        try:
            texts.append(Messenger().parse(delivery, Context(brand="b")).message.text)
        except Rejected as error:
            texts.append(error.code)
    assert sorted(texts) == [WORDS, "json.invalid", "json.invalid"]


def test_a_file_with_an_invalid_address_spoils_no_message() -> None:
    path = f"{EVENT}.message.attachments.0.payload.url"
    parsed = _parsed(with_fields(read_payload("messenger", "picture"), {path: "http://[::1"}))
    assert parsed.message.text == "kırık"


def test_half_an_emoji_spoils_no_message() -> None:
    body = json.dumps(with_fields(TEXT, {f"{EVENT}.message.text": "iyi XX \\n"})).encode()
    half = _parse_body(body.replace(b"XX", rb"\ud83d"))
    assert half.message.text == "iyi \ufffd \\n"
    complete = with_fields(TEXT, {f"{EVENT}.message.text": "😀 \\ud83d"})
    assert _parsed(complete).message.text == "😀 \\ud83d"


def test_a_thread_of_another_app_forbids_answers() -> None:
    message = _parsed(read_payload("messenger", "standby")).message
    assert message.answering is not None
    assert message.answering.forbidden


def test_another_products_body_and_a_message_without_an_id_are_refused() -> None:
    with pytest.raises(Rejected, match="instagram"):
        _take(read_payload("instagram", "text"))
    with pytest.raises(Rejected, match="without its id"):
        _parsed(without_fields(TEXT, f"{EVENT}.message.mid"))
