"""Messenger: direct messages, and a Page's comments, posts and mentions."""

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


def direct(place: str = "messaging", **more: Any) -> bytes:
    one = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": MS} | more
    return json.dumps(
        {"object": "page", "entry": [{"id": PAGE, "time": MS, place: [one]}]}
    ).encode()


def change(field: str = "feed", **value: Any) -> bytes:
    told = {
        "item": "comment",
        "verb": "add",
        "comment_id": "p_2",
        "post_id": "p",
        "parent_id": "p",
        "from": {"id": "44", "name": "Ali"},
        "message": "Siparişim gelmedi",
        "created_time": MS // 1000,
    } | value
    entry = {"id": PAGE, "time": MS // 1000, "changes": [{"field": field, "value": told}]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()


def _parsed(raw: bytes) -> Parsed:
    (one,) = Messenger().take(raw).deliveries
    delivery = Delivery(raw=one, account="a", received_at=NOW)
    return Messenger().parse(delivery, Context(brand="default", settings=ACCOUNT))


def test_a_direct_message_with_a_file_and_a_postback() -> None:
    picture = {"type": "image", "payload": {"url": "https://cdn.example/a.jpg"}}
    made = _parsed(direct(message={"mid": "m1", "text": "kırık", "attachments": [picture]}))
    assert (made.message.text, made.message.native_id) == ("kırık", "m1")
    assert [m.ref for m in made.media] == ["https://cdn.example/a.jpg"]
    assert made.message.reply_to == f"{PAGE}/{PERSON}"
    assert made.message.sent_at == NOW
    assert made.message.answering is not None
    assert made.message.answering.until == NOW + timedelta(hours=24)
    tap = _parsed(direct(postback={"title": "Sipariş", "payload": "P"})).message
    assert (tap.text, tap.conversation) == ("Sipariş", made.message.conversation)
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
def test_edits_unsends_and_reactions_touch_their_message(
    more: dict[str, Any], kind: str, text: str
) -> None:
    made = _parsed(direct(**more)).message
    assert made.event is not None
    assert (made.event.kind, made.text) == (kind, text)
    assert made.event.of == message_id("messenger", "messenger:a", "m1")
    assert made.native_id != "m1"


@pytest.mark.parametrize(
    ("raw", "why"),
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
def test_what_is_no_message_is_told_why(raw: bytes, why: str) -> None:
    assert Messenger().take(raw).ignored == (why,)
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


def test_a_comment_that_is_changed_or_removed_touches_itself() -> None:
    first = _parsed(change()).message
    for verb, kind in (("edited", "edited"), ("remove", "deleted")):
        made = _parsed(change(verb=verb)).message
        assert made.event is not None
        assert (made.event.kind, made.event.of) == (kind, first.id)
        assert made.conversation == first.conversation


def test_what_is_null_is_as_good_as_absent_and_a_bad_entry_spoils_no_other() -> None:
    good = json.loads(direct(message={"mid": "m1", "text": "a", "is_echo": None}, read=None))
    good["entry"][0]["standby"] = None
    good["entry"] += [{"id": "900", "messaging": 5}, None]
    taken = Messenger().take(json.dumps(good).encode())
    made = []
    for raw in taken.deliveries:
        delivery = Delivery(raw=raw, account="a", received_at=NOW)
        try:
            made.append(Messenger().parse(delivery, Context(brand="b")).message.text)
        except Rejected as error:
            made.append(error.code)
    assert sorted(made) == ["a", "json.invalid", "json.invalid"]


def test_a_file_whose_address_is_none_spoils_no_message() -> None:
    broken = {"type": "image", "payload": {"url": "http://[::1"}}
    made = _parsed(direct(message={"mid": "m1", "text": "kırık", "attachments": [broken]}))
    assert made.message.text == "kırık"


def test_half_an_emoji_spoils_no_message() -> None:
    raw = direct(message={"mid": "m1", "text": "iyi XX \\n"}).replace(b"XX", rb"\ud83d")
    assert _parsed(raw).message.text == "iyi \ufffd \\n"
    whole = direct(message={"mid": "m1", "text": "😀 \\ud83d"})
    assert _parsed(whole).message.text == "😀 \\ud83d"


def test_a_thread_that_another_app_owns_is_not_ours_to_answer() -> None:
    made = _parsed(direct("standby", message={"mid": "m1", "text": "a"})).message
    assert made.answering is not None
    assert made.answering.forbidden


def test_another_products_body_and_a_message_without_an_id_are_refused() -> None:
    with pytest.raises(Rejected, match="instagram"):
        Messenger().take(b'{"object": "instagram", "entry": []}')
    with pytest.raises(Rejected, match="without its id"):
        _parsed(direct(message={"text": "a"}))
