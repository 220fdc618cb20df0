"""Messages, events, handshake and files of the WhatsApp channel."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.whatsapp import Whatsapp
from ingest.channels.whatsapp.account import Account
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from runtime.http.public_client import PublicClient
from schemas.base import message_id
from schemas.errors import Rejected
from tests.support.ingest.vendor_calls import whatsapp_call
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(
    app_secret="sir-meta", verify_token="dogrula", token="EAA", api="https://x.example"
)
USER = "TR.13491208655302741918"
TEXT = read_payload("whatsapp", "text")
VALUE = "entry.0.changes.0.value"
MESSAGE = f"{VALUE}.messages.0"


def _take(call: JsonBody) -> WebhookResult:
    return Whatsapp().take(json.dumps(call).encode())


def _parsed(call: JsonBody) -> Parsed:
    (archived,) = _take(call).deliveries
    delivery = Delivery(raw=archived, account="a", received_at=NOW)
    return Whatsapp().parse(delivery, Context(brand="default", settings=ACCOUNT))


CONTACTS = """Ali, Su Ltd, ali@ornek.example, Gül Sok. 5 35000 İzmir, https://su.example
Eda, +90 6, +90 7"""


@pytest.mark.parametrize(
    ("name", "text", "full_text"),
    [
        ("text", WORDS, WORDS),
        ("template_button", "Evet", "Evet"),
        ("button_reply", "İade", "İade"),
        ("list_reply", "İade\nÜrün kırık", "İade\nÜrün kırık"),
        ("image_with_caption", "kırık", "kırık"),
        ("location", "Ev, Kadıköy", "Ev, Kadıköy (41.0,29)"),
        ("contact", "Ali, +90 5", "Ali, +90 5"),
        ("contacts", CONTACTS, CONTACTS),
        ("unsupported", "", "[Message type unknown]"),
        ("sticker", "", ""),
    ],
)
def test_each_type_gives_the_customers_text(name: str, text: str, full_text: str) -> None:
    message = _parsed(read_payload("whatsapp", name)).message
    assert (message.text, message.full_text) == (text, full_text)
    assert message.sent_at == NOW
    assert message.sender.name == "Ayşe"
    assert [h.value for h in message.sender.handles] == ["+905321112233", f"whatsapp:{USER}"]
    assert message.reply_to == "77/905321112233"
    assert message.answering is not None
    assert message.answering.until == NOW + timedelta(hours=24)
    assert (name == "unsupported") == ("content.unsupported" in message.repaired)


def test_a_person_is_the_same_with_and_without_a_number() -> None:
    full = _parsed(TEXT)
    absent = read_payload("whatsapp", "username_without_number")
    without = [absent] + [
        with_fields(absent, {f"{MESSAGE}.from": value, f"{VALUE}.contacts.0.wa_id": value})
        for value in (USER, "")
    ]
    messages = [_parsed(call).message for call in without]
    assert {m.conversation for m in messages} == {full.message.conversation}
    for message in messages:
        assert [h.value for h in message.sender.handles] == [f"whatsapp:{USER}"]
        assert message.reply_to == f"77/{USER}"
        assert message.sender.name == "ayse"
    unknown = without_fields(absent, f"{MESSAGE}.from_user_id", f"{VALUE}.contacts.0.user_id")
    with pytest.raises(Rejected, match="without a sender"):
        _parsed(unknown)


def test_a_contact_of_another_person_gives_no_name() -> None:
    contacts = [{"profile": {"name": "Başka"}, "wa_id": "1"}, {"wa_id": "2"}]
    fields = {f"{MESSAGE}.from": "5215511112222", f"{VALUE}.contacts": contacts}
    message = _parsed(with_fields(TEXT, fields)).message
    assert (message.sender.name, message.sender.handle("phone")) == ("", "+5215511112222")


def test_a_cart_and_an_advertisement_are_in_the_full_text() -> None:
    cart = _parsed(read_payload("whatsapp", "order")).message
    assert cart.full_text == "acele\n3 × HAMBURGER 30 TRY"
    referred = _parsed(read_payload("whatsapp", "text_after_advertisement")).message
    assert (referred.text, referred.full_text) == (
        "fiyat?",
        "fiyat?\n[Yaz indirimi https://fb.me/1]",
    )


def test_strangers_and_groups_have_conversations_of_their_own() -> None:
    contact = {"wa_id": "905329998877", "user_id": "TR.2"}
    fields = {f"{MESSAGE}.from": "905329998877", f"{VALUE}.contacts": [contact]}
    first, second = _parsed(TEXT).message, _parsed(with_fields(TEXT, fields)).message
    group = _parsed(read_payload("whatsapp", "group_text")).message
    assert len({first.conversation, second.conversation, group.conversation}) == 3
    assert group.reply_to == "77/group:g1"


WITH_CAPTION = {f"{MESSAGE}.edit.message": {"type": "image", "image": {"caption": "alt"}}}


@pytest.mark.parametrize(
    ("call", "event", "text"),
    [
        (read_payload("whatsapp", "reaction"), "reaction", "👍"),
        (
            without_fields(read_payload("whatsapp", "reaction"), f"{MESSAGE}.reaction.emoji"),
            "reaction",
            "",
        ),
        (read_payload("whatsapp", "edit"), "edited", "yeni"),
        (with_fields(read_payload("whatsapp", "edit"), WITH_CAPTION), "edited", "alt"),
        (read_payload("whatsapp", "revoke"), "deleted", ""),
    ],
)
def test_reactions_edits_and_deletions_name_their_message(
    call: JsonBody, event: str, text: str
) -> None:
    message = _parsed(call).message
    assert message.event is not None
    assert (message.event.kind, message.text) == (event, text)
    assert message.event.of == message_id("whatsapp", "whatsapp:a", "wamid.0")
    assert message.conversation == _parsed(TEXT).message.conversation


def test_statuses_system_notices_and_other_fields_are_ignored() -> None:
    statuses = read_payload("whatsapp", "statuses")
    assert _take(statuses) == WebhookResult(ignored=("status", "status"))
    assert _take(read_payload("whatsapp", "number_changed")).ignored == ("system",)
    changes = [{"field": field, "value": {"x": 1}} for field in ("history", "yeni_alan")]
    result = _take(with_fields(TEXT, {"entry.0.changes": changes}))
    assert result == WebhookResult(ignored=("history", "other_field"))


def test_nulls_and_a_faulty_change_spoil_no_message() -> None:
    paths = (f"{MESSAGE}.context", f"{MESSAGE}.errors", f"{VALUE}.statuses")
    call = with_fields(TEXT, dict.fromkeys(paths))
    call["entry"][0]["changes"] += [{"field": "messages", "value": {"messages": 5}}, None, 7]
    result = _take(call)
    assert len(result.deliveries) == 4, "the message, and three dead letters"
    assert sorted(_texts_or_codes(result)) == [WORDS, *["json.invalid"] * 3]


def _texts_or_codes(result: WebhookResult) -> list[str]:
    """Return the text of each delivery, or the code of its rejection."""
    texts = []
    for raw in result.deliveries:
        delivery = Delivery(raw=raw, account="a", received_at=NOW)
        try:
            texts.append(Whatsapp().parse(delivery, Context(brand="b")).message.text)
        except Rejected as error:
            texts.append(error.code)
    return texts


def test_an_event_without_its_message_is_refused() -> None:
    for kind in ("reaction", "edit", "revoke"):
        call = with_fields(read_payload("whatsapp", kind), {f"{MESSAGE}.{kind}": {}})
        with pytest.raises(Rejected, match="without the id of a message"):
            _parsed(call)


def test_each_message_of_a_call_is_a_delivery_and_a_faulty_one_spoils_no_other() -> None:
    call = with_fields(TEXT, {f"{MESSAGE}.text.body": "bir"})
    (first,) = call["entry"][0]["changes"][0]["value"]["messages"]
    second = with_fields(first, {"text.body": "iki", "id": "wamid.2"})
    messages = [first, {"id": 5, "type": []}, second]
    result = _take(with_fields(call, {f"{VALUE}.messages": messages}))
    assert _texts_or_codes(result) == ["bir", "json.invalid", "iki"]


async def test_the_challenge_is_answered_with_our_verify_token_only() -> None:
    handshake = WebhookRequest(
        method="GET",
        path="/",
        headers={},
        body=b"",
        query={
            "hub.mode": "subscribe",
            "hub.verify_token": "dogrula",
            "hub.challenge": "1158201444",
        },
    )
    context = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
    result = await Whatsapp().receive(handshake, ACCOUNT, context)
    assert (result.response.status, result.response.body) == (200, b"1158201444")
    for query in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}):
        with pytest.raises(Rejected):
            await Whatsapp().receive(
                replace(handshake, query={**handshake.query, **query}), ACCOUNT, context
            )
    call = SAMPLES["whatsapp"].call
    with pytest.raises(Rejected, match="app_secret"):
        await Whatsapp().receive(call, Account(), context)
    with pytest.raises(Rejected, match="not of these bytes"):
        await Whatsapp().receive(whatsapp_call(call.body, "other"), ACCOUNT, context)


async def test_a_file_is_fetched_by_its_id_with_the_token(vendor: Vendor) -> None:
    parsed = _parsed(read_payload("whatsapp", "document"))
    (attachment,) = parsed.message.attachments
    assert (attachment.name, attachment.sha256) == ("fatura.pdf", sha256(b"test").hexdigest())
    vendor.says("/v25/555", {"url": f"{vendor.url}/datei", "mime_type": "application/pdf"})
    vendor.says("/datei", b"%PDF-1.4 x")
    settings = Account(token="EAA", api=f"{vendor.url}/v25")
    web = PublicClient()
    assert await Whatsapp().fetch(parsed.media[0].ref, settings, web) == b"%PDF-1.4 x"
    assert {request.headers.get("authorization") for request in vendor.requests} == {"Bearer EAA"}
    for ref, account in (("../me", settings), ("5", Account())):
        with pytest.raises(Rejected) as error:
            await Whatsapp().fetch(ref, account, web)
        assert error.value.code == "media.refused"
    await web.close()
