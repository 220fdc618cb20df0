"""Messages, events, handshake and files of the WhatsApp channel."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.whatsapp import Whatsapp
from ingest.channels.whatsapp.account import Account
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from runtime.http.public_client import PublicClient
from schemas.base import message_id
from schemas.errors import Rejected
from tests.support.samples.registry import SAMPLES
from tests.support.servers.vendor import Vendor
from tests.support.vendor_calls import whatsapp_body, whatsapp_call, whatsapp_message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
ACCOUNT = Account(
    app_secret="sir-meta", verify_token="dogrula", token="EAA", api="https://x.example"
)
USER = "TR.13491208655302741918"


def _parsed(raw: bytes, settings: Account = ACCOUNT) -> Parsed:
    (archived,) = Whatsapp().take(raw).deliveries
    delivery = Delivery(raw=archived, account="a", received_at=NOW)
    return Whatsapp().parse(delivery, Context(brand="default", settings=settings))


@pytest.mark.parametrize(
    ("kind", "more", "text", "full_text"),
    [
        ("text", {"text": {"body": "Kargom gelmedi"}}, "Kargom gelmedi", "Kargom gelmedi"),
        ("button", {"button": {"payload": "p", "text": "Evet"}}, "Evet", "Evet"),
        (
            "interactive",
            {"interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "İade"}}},
            "İade",
            "İade",
        ),
        (
            "interactive",
            {
                "interactive": {
                    "type": "list_reply",
                    "list_reply": {"id": "1", "title": "İade", "description": "Ürün kırık"},
                }
            },
            "İade\nÜrün kırık",
            "İade\nÜrün kırık",
        ),
        ("image", {"image": {"id": "9", "caption": "kırık"}}, "kırık", "kırık"),
        (
            "location",
            {"location": {"latitude": 41.0, "longitude": 29, "name": "Ev", "address": "Kadıköy"}},
            "Ev, Kadıköy",
            "Ev, Kadıköy (41.0,29)",
        ),
        (
            "contacts",
            {"contacts": [{"name": {"formatted_name": "Ali"}, "phones": [{"phone": "+90 5"}]}]},
            "Ali, +90 5",
            "Ali, +90 5",
        ),
        (
            "contacts",
            {
                "contacts": [
                    {
                        "name": {"formatted_name": "Ali"},
                        "emails": [{"email": "ali@ornek.example"}],
                        "org": {"company": "Su Ltd"},
                        "addresses": [{"street": "Gül Sok. 5", "zip": 35000, "city": "İzmir"}],
                        "urls": [{"url": "https://su.example"}],
                    },
                    {
                        "name": {"formatted_name": "Eda"},
                        "org": None,
                        "phones": [{"phone": "+90 6"}, {"phone": "+90 7"}],
                    },
                ]
            },
            "Ali, Su Ltd, ali@ornek.example, Gül Sok. 5 35000 İzmir, https://su.example\nEda, +90 6, +90 7",
            "Ali, Su Ltd, ali@ornek.example, Gül Sok. 5 35000 İzmir, https://su.example\nEda, +90 6, +90 7",
        ),
        (
            "unsupported",
            {"errors": [{"code": 131051, "title": "Message type unknown"}]},
            "",
            "[Message type unknown]",
        ),
        ("sticker", {"sticker": {"id": "9", "mime_type": "image/webp"}}, "", ""),
    ],
)
def test_each_type_gives_the_customers_text(
    kind: str, more: dict[str, Any], text: str, full_text: str
) -> None:
    message = _parsed(whatsapp_body(whatsapp_message(kind, **more))).message
    assert (message.text, message.full_text) == (text, full_text)
    assert message.sent_at == NOW
    assert message.sender.name == "Ayşe"
    assert [h.value for h in message.sender.handles] == ["+905321112233", f"whatsapp:{USER}"]
    assert message.reply_to == "77/905321112233"
    assert message.answering is not None
    assert message.answering.until == NOW + timedelta(hours=24)
    assert (not text and kind != "sticker") == ("content.unsupported" in message.repaired)


def test_a_person_is_the_same_with_and_without_a_number() -> None:
    text = {"text": {"body": "a"}}
    full = _parsed(whatsapp_body(whatsapp_message(**text)))
    bare = {"profile": {"username": "ayse"}, "user_id": USER}
    without = [
        _parsed(
            whatsapp_body(
                whatsapp_message(**text) | {"from": value, "from_user_id": USER}, contact=bare | wa
            )
        ).message
        for value, wa in (("", {}), (USER, {"wa_id": USER}), ("", {"wa_id": ""}))
    ]
    assert {m.conversation for m in without} == {full.message.conversation}
    for message in without:
        assert [h.value for h in message.sender.handles] == [f"whatsapp:{USER}"]
        assert message.reply_to == f"77/{USER}"
        assert message.sender.name == "ayse"
    with pytest.raises(Rejected, match="without a sender"):
        _parsed(whatsapp_body(whatsapp_message(**text) | {"from": ""}, contact={"profile": {}}))


def test_a_contact_of_another_person_gives_no_name() -> None:
    body = json.loads(
        whatsapp_body(whatsapp_message(text={"body": "a"}) | {"from": "5215511112222"})
    )
    value = body["entry"][0]["changes"][0]["value"]
    value["contacts"] = [{"profile": {"name": "Başka"}, "wa_id": "1"}, {"wa_id": "2"}]
    message = _parsed(json.dumps(body).encode()).message
    assert (message.sender.name, message.sender.handle("phone")) == ("", "+5215511112222")


def test_a_cart_and_an_advertisement_are_in_the_full_text() -> None:
    line = {"product_retailer_id": "HAMBURGER", "quantity": 3, "item_price": 30, "currency": "TRY"}
    cart = _parsed(
        whatsapp_body(whatsapp_message("order", order={"text": "acele", "product_items": [line]}))
    ).message
    assert cart.full_text == "acele\n3 × HAMBURGER 30 TRY"
    advert = {"headline": "Yaz indirimi", "source_url": "https://fb.me/1"}
    referred = _parsed(
        whatsapp_body(whatsapp_message(text={"body": "fiyat?"}, referral=advert))
    ).message
    assert (referred.text, referred.full_text) == (
        "fiyat?",
        "fiyat?\n[Yaz indirimi https://fb.me/1]",
    )


def test_strangers_and_groups_have_conversations_of_their_own() -> None:
    text = {"text": {"body": "a"}}
    first = _parsed(whatsapp_body(whatsapp_message(**text))).message
    other = {"wa_id": "905329998877", "user_id": "TR.2"}
    second = _parsed(
        whatsapp_body(whatsapp_message(**text) | {"from": "905329998877"}, contact=other)
    ).message
    group = _parsed(whatsapp_body(whatsapp_message(**text, group_id="g1"))).message
    assert len({first.conversation, second.conversation, group.conversation}) == 3
    assert group.reply_to == "77/group:g1"


@pytest.mark.parametrize(
    ("kind", "more", "event", "text"),
    [
        ("reaction", {"reaction": {"message_id": "wamid.0", "emoji": "👍"}}, "reaction", "👍"),
        ("reaction", {"reaction": {"message_id": "wamid.0"}}, "reaction", ""),
        (
            "edit",
            {
                "edit": {
                    "original_message_id": "wamid.0",
                    "message": {"type": "text", "text": {"body": "yeni"}},
                }
            },
            "edited",
            "yeni",
        ),
        (
            "edit",
            {"edit": {"original_message_id": "wamid.0", "message": {"image": {"caption": "alt"}}}},
            "edited",
            "alt",
        ),
        ("revoke", {"revoke": {"original_message_id": "wamid.0"}}, "deleted", ""),
    ],
)
def test_reactions_edits_and_deletions_name_their_message(
    kind: str, more: dict[str, Any], event: str, text: str
) -> None:
    message = _parsed(whatsapp_body(whatsapp_message(kind, **more))).message
    assert message.event is not None
    assert (message.event.kind, message.text) == (event, text)
    assert message.event.of == message_id("whatsapp", "whatsapp:a", "wamid.0")
    assert (
        message.conversation
        == _parsed(whatsapp_body(whatsapp_message(text={"body": "a"}))).message.conversation
    )


def test_statuses_system_notices_and_other_fields_are_ignored() -> None:
    statuses = whatsapp_body(statuses=[{"id": "wamid.1", "status": "read"}] * 2)
    assert Whatsapp().take(statuses) == WebhookResult(ignored=("status", "status"))
    assert Whatsapp().take(
        whatsapp_body(whatsapp_message("system", system={"type": "user_changed_number"}))
    ).ignored == ("system",)
    other = json.loads(whatsapp_body())
    other["entry"][0]["changes"] = [
        {"field": f, "value": {"x": 1}} for f in ("history", "yeni_alan")
    ]
    result = Whatsapp().take(json.dumps(other).encode())
    assert result == WebhookResult(ignored=("history", "other_field"))


def test_nulls_and_a_faulty_change_spoil_no_message() -> None:
    body = json.loads(
        whatsapp_body(
            whatsapp_message(text={"body": "bir"}, context=None, errors=None), statuses=None
        )
    )
    entry = body["entry"][0]
    entry["changes"] += [{"field": "messages", "value": {"messages": 5}}, None, 7]
    result = Whatsapp().take(json.dumps(body).encode())
    assert len(result.deliveries) == 4, "the message, and three dead letters"
    delivery = Delivery(raw=result.deliveries[-1], account="a", received_at=NOW)
    texts = []
    for raw in result.deliveries:
        try:
            parsed = Whatsapp().parse(replace(delivery, raw=raw), Context(brand="b"))
            texts.append(parsed.message.text)
        except Rejected as error:
            texts.append(error.code)
    assert sorted(texts) == ["bir", *["json.invalid"] * 3]


def test_an_event_without_its_message_is_refused() -> None:
    for kind in ("reaction", "edit", "revoke"):
        with pytest.raises(Rejected, match="without the id of a message"):
            _parsed(whatsapp_body(whatsapp_message(kind, **{kind: {}})))


def test_each_message_of_a_call_is_a_delivery_and_a_faulty_one_spoils_no_other() -> None:
    result = Whatsapp().take(
        whatsapp_body(
            whatsapp_message(text={"body": "bir"}),
            {"id": 5, "type": []},
            whatsapp_message(text={"body": "iki"}, id="wamid.2"),
        )
    )
    texts = []
    for raw in result.deliveries:
        delivery = Delivery(raw=raw, account="a", received_at=NOW)
        try:
            texts.append(Whatsapp().parse(delivery, Context(brand="b")).message.text)
        except Rejected as error:
            texts.append(error.code)
    assert texts == ["bir", "json.invalid", "iki"]


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
    parsed = _parsed(
        whatsapp_body(
            whatsapp_message(
                "document",
                document={
                    "id": "555",
                    "mime_type": "application/pdf",
                    "filename": "fatura.pdf",
                    "sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
                },
            )
        )
    )
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
