"""Telegram Bot API: messages of each kind, updates to ignore, the poll's offset, files."""

import json
from datetime import UTC, datetime

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.telegram import Telegram
from ingest.channels.telegram.account import Account
from ingest.webhook import WebhookResult
from runtime.http.public_client import PublicClient
from schemas.base import message_id
from schemas.errors import Rejected, Retry
from tests.support.ingest.source_contexts import source_context
from tests.support.json_body import JsonBody
from tests.support.messages import MemoryCursors
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import WORDS
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TOKEN = "123456:AAbbccddeeffgg"
ACCOUNT = Account(secret_token="sir-telegram", token=TOKEN)
TEXT = read_payload("telegram", "text")
GROUP_MESSAGE = read_payload("telegram", "group_message")


def _take(update: JsonBody) -> WebhookResult:
    return Telegram().take(json.dumps(update).encode())


def _parsed(update: JsonBody) -> Parsed:
    (raw,) = _take(update).deliveries
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return Telegram().parse(delivery, Context(brand="default", settings=ACCOUNT))


@pytest.mark.parametrize(
    ("name", "text", "full_text"),
    [
        ("text", WORDS, WORDS),
        ("photo_with_caption", "kırık", "kırık"),
        ("rich_message", "Sipariş 4711\nkırık geldi", "Sipariş 4711\nkırık geldi"),
        ("sticker", "😡", "😡"),
        ("own_contact", "Ayşe", "Ayşe 905321112233"),
        ("location", "", "41.5,29"),
        ("venue", "Şube, Kadıköy", "Şube, Kadıköy (40.99,29.02)"),
    ],
)
def test_each_kind_gives_the_customers_words(name: str, text: str, full_text: str) -> None:
    message = _parsed(read_payload("telegram", name)).message
    assert (message.text, message.full_text) == (text, full_text)
    assert (message.sender.name, message.sender.handle("handle")) == ("Ayşe Örnek", "telegram:501")
    assert message.native_id == "501/11"
    assert message.reply_to == "501//"
    assert message.sent_at == NOW
    assert message.sender.handle("phone") == ("+905321112233" if name == "own_contact" else None)


def test_a_shared_contacts_card_is_shown() -> None:
    message = _parsed(read_payload("telegram", "contact_with_vcard")).message
    assert message.text == "Ali"
    assert message.full_text == "Ali +90 5, ali@ornek.example, Su Ltd Satış, Gül Sok. 5 İzmir"


@pytest.mark.parametrize(
    ("fields", "full_text"),
    [
        ({}, "Bu\n\n> A 100 TL\n> B 200 TL"),
        ({"message.quote": {"text": "B", "position": 9}}, "Bu\n\n> B"),
        (
            {"message.reply_to_message": {"message_id": 9, "caption": "Tarifeler", "photo": []}},
            "Bu\n\n> Tarifeler",
        ),
        ({"message.reply_to_message": {"message_id": 9}}, "Bu"),
    ],
)
def test_the_answered_message_is_named_and_shown(fields: dict[str, object], full_text: str) -> None:
    message = _parsed(with_fields(read_payload("telegram", "reply"), fields)).message
    assert (message.text, message.full_text) == ("Bu", full_text)
    assert message.thread == ("9", "11")


def test_the_first_message_of_a_topic_answers_nothing() -> None:
    update = read_payload("telegram", "first_message_of_topic")
    message = _parsed(with_fields(update, {"message.reply_to_message.text": "Konu"})).message
    assert (message.full_text, message.thread) == ("Bu", ("11",))


def test_each_edit_is_an_event_of_its_message() -> None:
    first = _parsed(TEXT).message
    edited = read_payload("telegram", "edited_message")
    later = with_fields(edited, {"edited_message.edit_date": 1795165202})
    edits = [_parsed(update).message for update in (edited, later)]
    for edit in edits:
        assert edit.event is not None
        assert (edit.event.kind, edit.event.of) == ("edited", first.id)
        assert edit.conversation == first.conversation
    assert len({first.id, *(e.id for e in edits)}) == 3


def test_messages_deleted_together_are_events_of_each() -> None:
    messages = [
        Telegram().parse(Delivery(raw=r, account="a", received_at=NOW), Context(brand="d")).message
        for r in _take(read_payload("telegram", "deleted_business_messages")).deliveries
    ]
    of = [message_id("telegram", "telegram:a", f"b1:501/{n}") for n in (11, 12)]
    assert [m.event.of for m in messages if m.event] == of


def test_a_tap_has_the_buttons_words_and_is_answered_at_once() -> None:
    tap = read_payload("telegram", "button_tap")
    assert json.loads(_take(tap).response.body) == {
        "method": "answerCallbackQuery",
        "callback_query_id": "77",
    }
    assert _parsed(tap).message.text == "İade istiyorum"
    assert _parsed(tap).message.conversation == _parsed(TEXT).message.conversation


def test_people_in_a_group_and_topics_have_conversations_of_their_own() -> None:
    changes: list[dict[str, object]] = [
        {},
        {"message.from.id": 502},
        {"message.message_thread_id": 5, "message.is_topic_message": True},
        {"message.message_thread_id": 9},
    ]
    messages = [_parsed(with_fields(GROUP_MESSAGE, fields)).message for fields in changes]
    assert len({m.conversation for m in messages}) == 3, "an answer's chain is no topic"
    assert messages[2].reply_to == "-1001234567890/5/"
    assert all(m.answering and m.answering.public for m in messages)


def test_a_business_chat_counts_apart_from_the_bots_own() -> None:
    written = read_payload("telegram", "business_message")
    own, business = _parsed(TEXT).message, _parsed(written).message
    assert own.id != business.id
    assert own.conversation != business.conversation
    owner = with_fields(written, {"business_message.from.id": 9})
    bot = with_fields(written, {"business_message.sender_business_bot": {"id": 1, "is_bot": True}})
    edited = {"update_id": 8, "edited_business_message": owner["business_message"]}
    for update in (owner, bot, edited):
        assert _take(update).ignored == ("echo",)


def test_people_who_write_as_a_channel_are_different_senders() -> None:
    written = read_payload("telegram", "message_as_channel")
    other = {"message.sender_chat.id": -1001000000202, "message.sender_chat.title": "İki"}
    first, second = (_parsed(update).message for update in (written, with_fields(written, other)))
    assert [first.sender.name, second.sender.name] == ["Bir", "İki"]
    assert first.conversation != second.conversation
    admin = with_fields(written, {"message.sender_chat": written["message"]["chat"]})
    assert _take(admin).ignored == ("group_admin",)


def test_two_people_who_tap_in_a_group_have_a_conversation_each() -> None:
    tap = read_payload("telegram", "button_tap_in_group")
    other = with_fields(tap, {"callback_query.id": "78", "callback_query.from.id": 502})
    first, second = (_parsed(update).message for update in (tap, other))
    text = _parsed(GROUP_MESSAGE).message
    assert first.conversation == text.conversation != second.conversation


def test_content_without_a_text_is_kept_and_flagged() -> None:
    unknown = with_fields(without_fields(TEXT, "message.text"), {"message.hologram": {"x": 1}})
    assert _parsed(unknown).message.repaired == ("content.unsupported",)
    form = _parsed(read_payload("telegram", "web_app_data")).message
    assert (form.text, form.full_text) == ("Gönder", "Gönder\nx=1")
    poll = _parsed(read_payload("telegram", "poll")).message
    assert poll.full_text == "Ne zaman?\n- Bugün"


def test_messages_for_a_single_reader_have_numbers_of_their_own() -> None:
    changes = ({"message.message_id": 0, "message.ephemeral_message_id": n} for n in (501, 502))
    assert len({_parsed(with_fields(TEXT, fields)).message.id for fields in changes}) == 2


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (with_fields(TEXT, {"message.from.is_bot": True}), "bot"),
        (read_payload("telegram", "new_member"), "notice"),
        (with_fields(TEXT, {"message.pinned_message": {}}), "notice"),
        (with_fields(TEXT, {"message.is_automatic_forward": True}), "channel_post"),
        (read_payload("telegram", "live_location_edit"), "live_location"),
        (read_payload("telegram", "channel_post"), "channel_post"),
        (read_payload("telegram", "bot_blocked"), "my_chat_member"),
        ({"update_id": 1, "yeni": {}}, "other_kind"),
    ],
)
def test_an_ignored_update_has_a_reason(update: JsonBody, reason: str) -> None:
    assert _take(update).ignored == (reason,)


@pytest.mark.parametrize("kind", ["message", "callback_query", "deleted_business_messages"])
def test_an_update_whose_kind_is_null_is_no_message(kind: str) -> None:
    taken = _take({"update_id": 7, kind: None})
    assert (taken.deliveries, taken.ignored) == ((), ("other_kind",))


async def test_a_file_is_fetched_by_its_path_and_a_large_one_is_refused(vendor: Vendor) -> None:
    document = read_payload("telegram", "document")
    large = _parsed(with_fields(document, {"message.document.file_size": 30_000_000}))
    assert "20 MB" in large.message.attachments[0].refused
    assert large.media == ()
    photo = _parsed(read_payload("telegram", "photo_with_caption"))
    assert [m.ref for m in photo.media] == ["buyuk"]
    vendor.says(f"/bot{TOKEN}/getFile", {"ok": True, "result": {"file_path": "photos/a b.jpg"}})
    vendor.says(f"/file/bot{TOKEN}/photos/a%20b.jpg", b"\xff\xd8\xff")
    web = PublicClient()
    settings = Account(token=TOKEN, api=vendor.url)
    assert await Telegram().fetch("buyuk", settings, web) == b"\xff\xd8\xff"
    with pytest.raises(Rejected, match="set `token`"):
        await Telegram().fetch("buyuk", Account(), web)
    await web.close()


def numbered_update(number: int) -> JsonBody:
    """Return an update whose text is its number."""
    fields = {"update_id": number, "message.message_id": number, "message.text": str(number)}
    return with_fields(TEXT, fields)


async def test_an_update_is_confirmed_only_after_it_is_safe(vendor: Vendor) -> None:
    path = f"/bot{TOKEN}/getUpdates"
    first = [numbered_update(number) for number in (5, 6)]
    vendor.says(
        path,
        {"ok": True, "result": first},
        {"ok": True, "result": first[1:]},
        read_payload("telegram", "too_many_requests"),
    )
    taken: list[str] = []

    async def accept(delivery: Delivery) -> None:
        text = Telegram().parse(delivery, Context(brand="d")).message.text
        if text == "6" and "away" not in taken:
            taken.append("away")
            raise Retry(1, "Kafka is away")
        taken.append(text)

    source = Telegram().source(
        "a", Account(token=TOKEN, api=vendor.url, poll=True), source_context(NOW)
    )
    with pytest.raises(Retry, match="Kafka is away"):
        await source.run(accept, MemoryCursors())
    with pytest.raises(Retry, match="Too Many Requests") as later:
        await source.run(accept, MemoryCursors())
    assert later.value.after == 9
    assert taken == ["5", "away", "6"]
    offsets = [a.json().get("offset") for a in vendor.to(path)]
    assert offsets == [None, None, 7], "an update that Kafka lacked was not confirmed"


async def test_an_update_without_a_number_becomes_a_dead_letter(vendor: Vendor) -> None:
    path = f"/bot{TOKEN}/getUpdates"
    without_number = [{"message": {"text": text}} for text in ("ilk", "ikinci")]
    vendor.says(
        path,
        {"ok": True, "result": [*without_number, numbered_update(5)]},
        {"ok": True, "result": without_number[:1]},
    )
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    source = Telegram().source(
        "a", Account(token=TOKEN, api=vendor.url, poll=True), source_context(NOW)
    )
    with pytest.raises(Retry, match="without a number"):
        await source.run(accept, MemoryCursors())

    assert len(deliveries) == 4
    assert Telegram().parse(deliveries[2], Context(brand="d")).message.text == "5"
    for delivery in (*deliveries[:2], deliveries[3]):
        with pytest.raises(Rejected, match="update_id"):
            Telegram().parse(delivery, Context(brand="d"))
    offsets = [request.json().get("offset") for request in vendor.to(path)]
    assert offsets == [None, 6]
