"""Direct messages of the Messenger channel, and a Page's comments, posts and mentions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.messenger import Messenger
from ingest.vendors.meta_messaging.account import Account
from schemas.base import message_id
from schemas.errors import Rejected

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
ACCOUNT = Account(app_secret="sir-meta")
PAGE, PERSON = "900", "31"


def direct(list_name: str = "messaging", **more: Any) -> bytes:
    item = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": MS} | more
    return json.dumps(
        {"object": "page", "entry": [{"id": PAGE, "time": MS, list_name: [item]}]}
    ).encode()


def change(field: str = "feed", **value: Any) -> bytes:
    comment = {
        "item": "comment",
        "verb": "add",
        "comment_id": "p_2",
        "post_id": "p",
        "parent_id": "p",
        "from": {"id": "44", "name": "Ali"},
        "message": "Siparişim gelmedi",
        "created_time": MS // 1000,
    } | value
    entry = {"id": PAGE, "time": MS // 1000, "changes": [{"field": field, "value": comment}]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()


def _parsed(raw: bytes) -> Parsed:
    (archived,) = Messenger().take(raw).deliveries
    delivery = Delivery(raw=archived, account="a", received_at=NOW)
    return Messenger().parse(delivery, Context(brand="default", settings=ACCOUNT))


def test_a_direct_message_with_a_file_and_a_postback() -> None:
    picture = {"type": "image", "payload": {"url": "https://cdn.example/a.jpg"}}
    parsed = _parsed(direct(message={"mid": "m1", "text": "kırık", "attachments": [picture]}))
    assert (parsed.message.text, parsed.message.native_id) == ("kırık", "m1")
    assert [m.ref for m in parsed.media] == ["https://cdn.example/a.jpg"]
    assert parsed.message.reply_to == f"{PAGE}/{PERSON}"
    assert parsed.message.sent_at == NOW
    assert parsed.message.answering is not None
    assert parsed.message.answering.until == NOW + timedelta(hours=24)
    tap = _parsed(direct(postback={"title": "Sipariş", "payload": "P"})).message
    assert (tap.text, tap.conversation) == ("Sipariş", parsed.message.conversation)
    shared = {"type": "fallback", "title": "Ürün", "payload": {"url": "https://magaza.example/1"}}
    link = _parsed(direct(message={"mid": "m2", "attachments": [shared]})).message
    assert (link.text, link.full_text) == ("", "Ürün https://magaza.example/1")
    assert link.attachments == ()


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"message_edit": {"mid": "m1", "text": "yeni", "num_edit": 2}}, "edited", "yeni"),
        ({"message": {"mid": "m1", "is_deleted": True}}, "deleted", ""),
        ({"reaction": {"mid": "m1", "action": "react", "emoji": "❤"}}, "reaction", "❤"),
    ],
)
def test_edits_withdrawals_and_reactions_name_their_message(
    more: dict[str, Any], kind: str, text: str
) -> None:
    message = _parsed(direct(**more)).message
    assert message.event is not None
    assert (message.event.kind, message.text) == (kind, text)
    assert message.event.of == message_id("messenger", "messenger:a", "m1")
    assert message.native_id != "m1"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (direct(message={"mid": "m", "text": "a", "is_echo": True, "app_id": 1}), "echo"),
        (direct(sender={"id": PAGE}, message={"mid": "m", "text": "a"}), "echo"),
        (direct(read={"watermark": 1}), "receipt"),
        (direct(delivery={"mids": []}), "receipt"),
        (direct(optin={}), "optin"),
        (direct(referral={}), "referral"),
        (direct(), "other_kind"),
        (change(item="reaction"), "reaction"),
        (change(item="share", message=""), "other_kind"),
        (change(verb="hide"), "other_verb"),
        (change(**{"from": {"id": PAGE}}), "echo"),
        (change("ratings"), "other_field"),
    ],
)
def test_an_ignored_item_has_a_reason(raw: bytes, reason: str) -> None:
    assert Messenger().take(raw).ignored == (reason,)
    assert Messenger().take(raw).deliveries == ()


def test_strangers_under_one_post_share_no_conversation() -> None:
    ali = _parsed(change()).message
    veli = _parsed(change(comment_id="p_3", **{"from": {"id": "45"}})).message
    answer = _parsed(change(comment_id="p_4", parent_id="p_2")).message
    assert ali.kind == "post"
    assert ali.conversation != veli.conversation
    assert ali.conversation == answer.conversation, "Ali under his own comment"
    assert (ali.sender.name, ali.reply_to) == ("Ali", "comment:p_2")
    assert ali.answering is not None
    assert ali.answering.public


def test_an_edited_or_removed_comment_names_the_first_one() -> None:
    first = _parsed(change()).message
    for verb, kind in (("edited", "edited"), ("remove", "deleted")):
        message = _parsed(change(verb=verb)).message
        assert message.event is not None
        assert (message.event.kind, message.event.of) == (kind, first.id)
        assert message.conversation == first.conversation


def test_null_counts_as_absent_and_a_faulty_entry_spoils_no_other() -> None:
    good = json.loads(direct(message={"mid": "m1", "text": "a", "is_echo": None}, read=None))
    good["entry"][0]["standby"] = None
    good["entry"] += [{"id": "900", "messaging": 5}, None]
    result = Messenger().take(json.dumps(good).encode())
    texts = []
    for raw in result.deliveries:
        delivery = Delivery(raw=raw, account="a", received_at=NOW)
        try:
            texts.append(Messenger().parse(delivery, Context(brand="b")).message.text)
        except Rejected as error:
            texts.append(error.code)
    assert sorted(texts) == ["a", "json.invalid", "json.invalid"]


def test_a_file_with_an_invalid_address_spoils_no_message() -> None:
    broken = {"type": "image", "payload": {"url": "http://[::1"}}
    parsed = _parsed(direct(message={"mid": "m1", "text": "kırık", "attachments": [broken]}))
    assert parsed.message.text == "kırık"


def test_half_an_emoji_spoils_no_message() -> None:
    raw = direct(message={"mid": "m1", "text": "iyi XX \\n"}).replace(b"XX", rb"\ud83d")
    assert _parsed(raw).message.text == "iyi \ufffd \\n"
    complete = direct(message={"mid": "m1", "text": "😀 \\ud83d"})
    assert _parsed(complete).message.text == "😀 \\ud83d"


def test_a_thread_of_another_app_forbids_answers() -> None:
    message = _parsed(direct("standby", message={"mid": "m1", "text": "a"})).message
    assert message.answering is not None
    assert message.answering.forbidden


def test_another_products_body_and_a_message_without_an_id_are_refused() -> None:
    with pytest.raises(Rejected, match="instagram"):
        Messenger().take(b'{"object": "instagram", "entry": []}')
    with pytest.raises(Rejected, match="without its id"):
        _parsed(direct(message={"text": "a"}))
