"""Telegram Bot API: what updates hold, the poll's offset, files."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.telegram import Telegram
from ingest.channels.telegram.account import Account
from runtime.http.public_client import PublicClient
from schemas.base import message_id
from schemas.errors import Rejected, Retry
from tests.support.messages import MemoryCursors
from tests.support.servers.vendor import Vendor
from tests.support.source_contexts import source_context

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TOKEN = "123456:AAbbccddeeffgg"
ACCOUNT = Account(secret_token="sir-telegram", token=TOKEN)
CHAT = {"id": 501, "type": "private", "first_name": "Ayşe"}
AYSE = {"id": 501, "is_bot": False, "first_name": "Ayşe", "last_name": "Örnek", "username": "ayse"}


def update(kind: str = "message", number: int = 7, **more: Any) -> bytes:
    fields = {"message_id": 11, "from": AYSE, "chat": CHAT, "date": int(NOW.timestamp())} | more
    return json.dumps({"update_id": number, kind: fields}).encode()


def _parsed(raw: bytes) -> Parsed:
    (update_raw,) = Telegram().take(raw).deliveries
    delivery = Delivery(raw=update_raw, account="a", received_at=NOW)
    return Telegram().parse(delivery, Context(brand="default", settings=ACCOUNT))


RICH = {
    "blocks": [
        {"type": "heading", "text": ["Sipariş ", {"type": "bold", "text": "4711"}]},
        {"type": "list", "items": [{"blocks": [{"type": "paragraph", "text": "kırık geldi"}]}]},
    ]
}


@pytest.mark.parametrize(
    ("more", "text", "shown"),
    [
        ({"text": "Merhaba"}, "Merhaba", "Merhaba"),
        ({"caption": "kırık", "photo": [{"file_id": "k"}]}, "kırık", "kırık"),
        ({"rich_message": RICH}, "Sipariş 4711\nkırık geldi", "Sipariş 4711\nkırık geldi"),
        ({"sticker": {"file_id": "s", "emoji": "😡"}}, "😡", "😡"),
        (
            {"contact": {"phone_number": "905321112233", "first_name": "Ayşe", "user_id": 501}},
            "Ayşe",
            "Ayşe 905321112233",
        ),
        ({"location": {"latitude": 41.5, "longitude": 29}}, "", "41.5,29"),
        (
            {
                "venue": {
                    "title": "Şube",
                    "address": "Kadıköy",
                    "location": {"latitude": 1, "longitude": 2},
                }
            },
            "Şube, Kadıköy",
            "Şube, Kadıköy (1,2)",
        ),
    ],
)
def test_each_kind_gives_the_customers_words(more: dict[str, Any], text: str, shown: str) -> None:
    message = _parsed(update(**more)).message
    assert (message.text, message.full_text) == (text, shown)
    assert (message.sender.name, message.sender.handle("handle")) == ("Ayşe Örnek", "telegram:501")
    assert message.native_id == "501/11"
    assert message.reply_to == "501//"
    assert message.sent_at == NOW
    assert message.sender.handle("phone") == ("+905321112233" if "contact" in more else None)


def test_a_shared_contacts_card_is_shown() -> None:
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ali\r\nTEL;TYPE=CELL:+90 5\r\nitem1.EMAIL:ali@orn\r\n ek.example\r\nORG:Su Ltd;Satış\r\nADR:;;Gül Sok. 5;İzmir;;;\r\nEND:VCARD"
    contact = {"phone_number": "+90 5", "first_name": "Ali", "vcard": card}
    message = _parsed(update(contact=contact)).message
    assert message.text == "Ali"
    assert message.full_text == "Ali +90 5, ali@ornek.example, Su Ltd Satış, Gül Sok. 5 İzmir"


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        (
            {"reply_to_message": {"message_id": 9, "text": "A 100 TL\nB 200 TL"}},
            "Bu\n\n> A 100 TL\n> B 200 TL",
        ),
        (
            {"reply_to_message": {"message_id": 9, "text": "A, B"}, "quote": {"text": "B"}},
            "Bu\n\n> B",
        ),
        (
            {"reply_to_message": {"message_id": 9, "caption": "Tarifeler", "photo": []}},
            "Bu\n\n> Tarifeler",
        ),
        ({"reply_to_message": {"message_id": 9}}, "Bu"),
    ],
)
def test_what_a_message_answers_is_named_and_shown(more: dict[str, Any], shown: str) -> None:
    message = _parsed(update(text="Bu", **more)).message
    assert (message.text, message.full_text) == ("Bu", shown)
    assert message.thread == ("9", "11")


def test_a_topics_first_message_is_nothing_that_is_answered() -> None:
    message = _parsed(
        update(
            text="Bu",
            is_topic_message=True,
            message_thread_id=9,
            reply_to_message={"message_id": 9, "text": "Konu"},
        )
    ).message
    assert (message.full_text, message.thread) == ("Bu", ("11",))


def test_an_edit_touches_its_message_and_each_edit_is_one() -> None:
    first = _parsed(update(text="a")).message
    edits = [
        _parsed(update("edited_message", text="b", edit_date=int(NOW.timestamp()) + n)).message
        for n in (1, 2)
    ]
    for edit in edits:
        assert edit.event is not None
        assert (edit.event.kind, edit.event.of) == ("edited", first.id)
        assert edit.conversation == first.conversation
    assert len({first.id, *(e.id for e in edits)}) == 3


def test_messages_deleted_together_are_events_of_each() -> None:
    gone = {"business_connection_id": "b1", "chat": CHAT, "message_ids": [11, 12]}
    raw = json.dumps({"update_id": 9, "deleted_business_messages": gone}).encode()
    messages = [
        Telegram().parse(Delivery(raw=r, account="a", received_at=NOW), Context(brand="d")).message
        for r in Telegram().take(raw).deliveries
    ]
    of = [message_id("telegram", "telegram:a", f"b1:501/{n}") for n in (11, 12)]
    assert [m.event.of for m in messages if m.event] == of


def test_a_tap_says_the_buttons_words_and_is_answered_at_once() -> None:
    keyboard = {"inline_keyboard": [[{"text": "İade istiyorum", "callback_data": "r1"}]]}
    tap = {
        "id": "77",
        "from": AYSE,
        "data": "r1",
        "message": {
            "message_id": 3,
            "chat": CHAT,
            "date": 1,
            "text": "Seçin",
            "reply_markup": keyboard,
        },
    }
    raw = json.dumps({"update_id": 8, "callback_query": tap}).encode()
    taken = Telegram().take(raw)
    assert json.loads(taken.response.body) == {
        "method": "answerCallbackQuery",
        "callback_query_id": "77",
    }
    assert _parsed(raw).message.text == "İade istiyorum"
    assert _parsed(raw).message.conversation == _parsed(update(text="a")).message.conversation


def test_people_in_a_group_and_topics_have_conversations_of_their_own() -> None:
    group = {"id": -100, "type": "supergroup", "title": "Destek"}
    ali = AYSE | {"id": 502}
    messages = [
        _parsed(update(text="a", chat=group, **more)).message
        for more in (
            {},
            {"from": ali},
            {"message_thread_id": 5, "is_topic_message": True},
            {"message_thread_id": 9},
        )
    ]
    assert len({m.conversation for m in messages}) == 3, "an answer's chain is no topic"
    assert messages[2].reply_to == "-100/5/"
    assert all(m.answering and m.answering.public for m in messages)


def test_a_business_chat_counts_apart_from_the_bots_own() -> None:
    own = _parsed(update(text="a")).message
    business = _parsed(update("business_message", text="a", business_connection_id="b1")).message
    assert own.id != business.id
    assert own.conversation != business.conversation
    owner = update(
        "business_message", text="a", business_connection_id="b1", **{"from": AYSE | {"id": 9}}
    )
    bot = update("business_message", text="a", sender_business_bot={"id": 1})
    for raw in (owner, bot, owner.replace(b"business_message", b"edited_business_message")):
        assert Telegram().take(raw).ignored == ("echo",)


def test_people_who_write_as_a_channel_are_not_one() -> None:
    group = {"id": -100, "type": "supergroup"}
    fake = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
    messages = [
        _parsed(update(text="a", chat=group, sender_chat={"id": n, "title": t}, **{"from": fake}))
        for n, t in ((-201, "Bir"), (-202, "İki"))
    ]
    assert [m.message.sender.name for m in messages] == ["Bir", "İki"]
    assert messages[0].message.conversation != messages[1].message.conversation
    admin = update(text="a", chat=group, sender_chat=group, **{"from": fake})
    assert Telegram().take(admin).ignored == ("group_admin",)


def test_two_people_who_tap_in_a_group_are_two() -> None:
    group = {"id": -100, "type": "supergroup"}
    question = {"message_id": 3, "chat": group, "date": 1, "from": {"id": 1, "is_bot": True}}
    messages = []
    for user in (501, 502):
        tap = {"id": f"7{user}", "from": AYSE | {"id": user}, "data": "r1", "message": question}
        messages.append(
            _parsed(json.dumps({"update_id": 8, "callback_query": tap}).encode()).message
        )
    text = _parsed(update(text="a", chat=group)).message
    assert messages[0].conversation == text.conversation != messages[1].conversation


def test_what_is_new_to_us_is_kept_and_said() -> None:
    message = _parsed(update(hologram={"x": 1})).message
    assert message.repaired == ("content.unsupported",)
    form = _parsed(update(web_app_data={"button_text": "Gönder", "data": "x=1"})).message
    assert (form.text, form.full_text) == ("Gönder", "Gönder\nx=1")
    poll = _parsed(update(poll={"question": "Ne zaman?", "options": [{"text": "Bugün"}]})).message
    assert poll.full_text == "Ne zaman?\n- Bugün"


def test_messages_for_one_alone_have_numbers_of_their_own() -> None:
    ids = {
        _parsed(update(text="a", message_id=0, ephemeral_message_id=n)).message.id
        for n in (501, 502)
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (update(text="a", **{"from": AYSE | {"is_bot": True}}), "bot"),
        (update(new_chat_members=[AYSE]), "notice"),
        (update(pinned_message={}), "notice"),
        (update(text="a", is_automatic_forward=True), "channel_post"),
        (
            update("edited_message", location={"latitude": 1, "longitude": 2, "live_period": 60}),
            "live_location",
        ),
        (update("channel_post", text="a"), "channel_post"),
        (b'{"update_id": 1, "my_chat_member": {}}', "my_chat_member"),
        (b'{"update_id": 1, "yeni": {}}', "other_kind"),
    ],
)
def test_what_is_no_message_is_told_why(raw: bytes, why: str) -> None:
    assert Telegram().take(raw).ignored == (why,)


@pytest.mark.parametrize("kind", ["message", "callback_query", "deleted_business_messages"])
def test_an_update_whose_kind_is_null_is_no_message(kind: str) -> None:
    taken = Telegram().take(json.dumps({"update_id": 7, kind: None}).encode())
    assert (taken.deliveries, taken.ignored) == ((), ("other_kind",))


async def test_a_file_is_fetched_by_its_path_and_one_too_large_is_said(vendor: Vendor) -> None:
    large = _parsed(update(document={"file_id": "d", "file_size": 30_000_000, "file_name": "film"}))
    assert "20 MB" in large.message.attachments[0].refused
    assert large.media == ()
    photo = _parsed(
        update(photo=[{"file_id": "k", "file_size": 10}, {"file_id": "g", "file_size": 99}])
    )
    assert [m.ref for m in photo.media] == ["g"]
    vendor.says(f"/bot{TOKEN}/getFile", {"ok": True, "result": {"file_path": "photos/a b.jpg"}})
    vendor.says(f"/file/bot{TOKEN}/photos/a%20b.jpg", b"\xff\xd8\xff")
    web = PublicClient()
    settings = Account(token=TOKEN, api=vendor.url)
    assert await Telegram().fetch("g", settings, web) == b"\xff\xd8\xff"
    with pytest.raises(Rejected, match="set `token`"):
        await Telegram().fetch("g", Account(), web)
    await web.close()


async def test_an_update_is_confirmed_only_after_it_is_safe(vendor: Vendor) -> None:
    path = f"/bot{TOKEN}/getUpdates"
    first = [json.loads(update(number=n, message_id=n, text=str(n))) for n in (5, 6)]
    vendor.says(
        path,
        {"ok": True, "result": first},
        {"ok": True, "result": first[1:]},
        {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 9}},
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
    assert offsets == [None, None, 7], "what Kafka did not have was not confirmed"


async def test_an_update_without_a_number_becomes_a_dead_letter(vendor: Vendor) -> None:
    path = f"/bot{TOKEN}/getUpdates"
    numbered = json.loads(update(number=5, message_id=5, text="5"))
    without_number = [{"message": {"text": text}} for text in ("ilk", "ikinci")]
    vendor.says(
        path,
        {"ok": True, "result": [*without_number, numbered]},
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
