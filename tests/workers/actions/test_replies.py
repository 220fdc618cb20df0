"""Answers on messengers: what each vendor is sent, and what its refusals mean."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schemas.errors import Rejected, Retry
from schemas.message import Party
from schemas.outcome import Reply
from tests.support.servers import Vendor, free_port
from workers.actions import reply_email
from workers.actions.protocol import Unconfirmed
from workers.actions.registry import ACTIONS, AnyAction, for_channel
from workers.actions.reply_teams import ReplyTeams

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
REPLY = Reply(
    id="5f0c",
    kind="answer",
    brand="b",
    channel="x",
    source="x:a",
    conversation="c",
    message="m",
    item="m",
    department="orders",
    recipient=Party(),
    text="Siparişiniz yolda, ışık hızıyla.",
    at=NOW,
)


def _reply(place: str, **more: Any) -> Reply:
    return msgspec.structs.replace(REPLY, reply_to=place, **more)


def _made(channel: str, vendor: Vendor, **more: Any) -> tuple[AnyAction, Any]:
    action = for_channel(channel)
    assert action is not None
    where = {"mastodon": "url", "line": "push_api"}.get(channel, "api")
    if channel == "twilio":
        return action, action.account(account_sid="AC1", auth_token="t", api=vendor.url)
    return action, action.account(token=_TOKENS.get(channel, "t"), **{where: vendor.url}, **more)


_TOKENS = {"telegram": "1:AA"}

SENT: list[tuple[str, str, dict[str, Any], str, dict[str, Any], Any, str]] = [
    (
        "whatsapp",
        "77/905321112233",
        {"in_reply_to": "wamid.1"},
        "/77/messages",
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "905321112233",
            "type": "text",
            "text": {"body": REPLY.text},
            "context": {"message_id": "wamid.1"},
            "biz_opaque_callback_data": "5f0c",
        },
        {"messages": [{"id": "wamid.2"}]},
        "wamid.2",
    ),
    (
        "whatsapp",
        "77/TR.134",
        {},
        "/77/messages",
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "recipient": "TR.134",
            "type": "text",
            "text": {"body": REPLY.text},
            "biz_opaque_callback_data": "5f0c",
        },
        {"messages": [{"id": "wamid.2"}]},
        "wamid.2",
    ),
    (
        "telegram",
        "501/5/b1",
        {"in_reply_to": "11"},
        "/bot1:AA/sendMessage",
        {
            "chat_id": "501",
            "text": REPLY.text,
            "message_thread_id": 5,
            "business_connection_id": "b1",
            "reply_parameters": {"message_id": 11, "allow_sending_without_reply": True},
        },
        {"ok": True, "result": {"message_id": 12}},
        "12",
    ),
    (
        "messenger",
        "900/31",
        {},
        "/900/messages",
        {"recipient": {"id": "31"}, "message": {"text": REPLY.text}, "messaging_type": "RESPONSE"},
        {"message_id": "m2"},
        "m2",
    ),
    (
        "messenger",
        "comment:p_2",
        {},
        "/p_2/comments",
        {"message": REPLY.text},
        {"id": "p_9"},
        "p_9",
    ),
    (
        "mastodon",
        "1|ayse@x.example|direct",
        {"language": "tr"},
        "/api/v1/statuses",
        {
            "status": f"@ayse@x.example {REPLY.text}",
            "in_reply_to_id": "1",
            "visibility": "direct",
            "language": "tr",
        },
        {"id": "9"},
        "post 9",
    ),
    (
        "slack",
        "C1/1.5",
        {},
        "/chat.postMessage",
        {
            "channel": "C1",
            "thread_ts": "1.5",
            "text": REPLY.text,
            "unfurl_links": False,
            "unfurl_media": False,
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            "metadata": {"event_type": "santral_reply", "event_payload": {"reply": "5f0c"}},
        },
        {"ok": True, "ts": "9.1"},
        "9.1",
    ),
    (
        "viber",
        "01==",
        {},
        "/pa/send_message",
        {
            "receiver": "01==",
            "type": "text",
            "text": REPLY.text,
            "tracking_data": "5f0c",
            "sender": {"name": "Santral"},
        },
        {"status": 0, "message_token": 57},
        "57",
    ),
    (
        "line",
        "U1",
        {},
        "/v2/bot/message/push",
        {"to": "U1", "messages": [{"type": "text", "text": REPLY.text}]},
        {},
        "request",
    ),
    (
        "x",
        "50",
        {},
        "/2/tweets",
        {"text": REPLY.text, "reply": {"in_reply_to_tweet_id": "50"}},
        {"data": {"id": "51"}},
        "post 51",
    ),
    (
        "instagram",
        "mention:17/m1/c1",
        {},
        "/17/mentions",
        {"message": REPLY.text, "media_id": "m1", "comment_id": "c1"},
        {"id": "c9"},
        "c9",
    ),
    (
        "instagram",
        "mention:17/m1/",
        {},
        "/17/mentions",
        {"message": REPLY.text, "media_id": "m1"},
        {"id": "c9"},
        "c9",
    ),
    ("instagram", "comment:c1", {}, "/c1/replies", {"message": REPLY.text}, {"id": "c9"}, "c9"),
]


@pytest.mark.parametrize(("channel", "place", "more", "path", "body", "answer", "said"), SENT)
async def test_an_answer_is_what_the_vendor_documents(
    channel: str,
    place: str,
    more: dict[str, Any],
    path: str,
    body: dict[str, Any],
    answer: Any,
    said: str,
    vendor: Vendor,
) -> None:
    vendor.says(path, answer)
    action, settings = _made(channel, vendor)
    assert said in await action.send(_reply(place, **more), settings, b"")
    (asked,) = vendor.asked
    assert asked.json() == body
    if channel == "viber":
        assert asked.headers["x-viber-auth-token"] == "t"
    elif channel != "telegram":
        assert asked.headers["authorization"] == "Bearer t"


async def test_people_may_answer_for_seven_days_where_meta_allows_it(vendor: Vendor) -> None:
    vendor.says("/900/messages", {"message_id": "m2"})
    action, settings = _made("messenger", vendor, human_agent=True)
    await action.send(_reply("900/31"), settings, b"")
    assert vendor.asked[0].json()["tag"] == "HUMAN_AGENT"


def _fault(code: int, subcode: int = 0) -> dict[str, Any]:
    return {"error": {"code": code, "error_subcode": subcode, "message": "why"}}


@pytest.mark.parametrize(
    ("channel", "path", "place", "status", "body", "headers", "kind", "told"),
    [
        ("whatsapp", "/77/messages", "77/9", 400, _fault(131047), {}, Rejected, "reply.too_late"),
        ("whatsapp", "/77/messages", "77/9", 400, _fault(131026), {}, Rejected, "reply.refused"),
        ("whatsapp", "/77/messages", "77/9", 429, _fault(130429), {"Retry-After": "40"}, Retry, 40),
        ("whatsapp", "/77/messages", "77/9", 401, _fault(190), {}, Retry, 300),
        ("whatsapp", "/77/messages", "77/9", 502, b"<html>", {}, Unconfirmed, ""),
        (
            "messenger",
            "/900/messages",
            "900/31",
            400,
            _fault(10, 2018278),
            {},
            Rejected,
            "reply.too_late",
        ),
        ("messenger", "/900/messages", "900/31", 400, _fault(551), {}, Rejected, "reply.refused"),
        (
            "telegram",
            "/bot1:AA/sendMessage",
            "5//",
            429,
            {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 33}},
            {},
            Retry,
            33,
        ),
        (
            "telegram",
            "/bot1:AA/sendMessage",
            "5//",
            403,
            {"ok": False, "description": "Forbidden: bot was blocked by the user"},
            {},
            Rejected,
            "reply.refused",
        ),
        (
            "mastodon",
            "/api/v1/statuses",
            "1|a|public",
            422,
            {"error": "too long"},
            {},
            Rejected,
            "reply.refused",
        ),
        (
            "mastodon",
            "/api/v1/statuses",
            "1|a|public",
            429,
            {"error": "x"},
            {"Retry-After": "12"},
            Retry,
            12,
        ),
        (
            "slack",
            "/chat.postMessage",
            "C1/",
            200,
            {"ok": False, "error": "channel_not_found"},
            {},
            Rejected,
            "reply.refused",
        ),
        (
            "slack",
            "/chat.postMessage",
            "C1/",
            200,
            {"ok": False, "error": "token_revoked"},
            {},
            Retry,
            300,
        ),
        (
            "slack",
            "/chat.postMessage",
            "C1/",
            200,
            {"ok": False, "error": "fatal_error"},
            {},
            Unconfirmed,
            "",
        ),
        ("slack", "/chat.postMessage", "C1/", 429, b"", {"Retry-After": "21"}, Retry, 21),
        (
            "viber",
            "/pa/send_message",
            "01==",
            200,
            {"status": 12, "status_message": "tooManyRequests"},
            {},
            Retry,
            60,
        ),
        ("viber", "/pa/send_message", "01==", 200, {"status": 6}, {}, Rejected, "reply.refused"),
        ("viber", "/pa/send_message", "01==", 200, {"status": 2}, {}, Retry, 300),
        (
            "line",
            "/v2/bot/message/push",
            "U1",
            400,
            {"message": "bad"},
            {},
            Rejected,
            "reply.refused",
        ),
        ("line", "/v2/bot/message/push", "U1", 500, {}, {}, Retry, 30),
        ("line", "/v2/bot/message/push", "U1", 429, {}, {}, Retry, 30),
        (
            "twilio",
            "/2010-04-01/Accounts/AC1/Messages.json",
            "+1/+2",
            400,
            {"code": 21610, "message": "STOP"},
            {},
            Rejected,
            "reply.refused",
        ),
        (
            "twilio",
            "/2010-04-01/Accounts/AC1/Messages.json",
            "+1/+2",
            400,
            {"code": 63016},
            {},
            Rejected,
            "reply.too_late",
        ),
        (
            "twilio",
            "/2010-04-01/Accounts/AC1/Messages.json",
            "+1/+2",
            429,
            {"code": 20429},
            {},
            Retry,
            60,
        ),
        ("twilio", "/2010-04-01/Accounts/AC1/Messages.json", "+1/+2", 500, {}, {}, Unconfirmed, ""),
        ("x", "/2/tweets", "50", 403, {"detail": "duplicate"}, {}, Rejected, "reply.refused"),
        ("x", "/2/tweets", "50", 401, {"title": "Unauthorized"}, {}, Retry, 300),
        (
            "telegram",
            "/bot1:AA/sendMessage",
            "5//",
            401,
            {"ok": False, "description": "Unauthorized"},
            {},
            Retry,
            300,
        ),
        ("telegram", "/bot1:AA/sendMessage", "5//", 500, b"", {}, Unconfirmed, ""),
    ],
)
async def test_a_refusal_says_whether_and_when_to_try_again(
    channel: str,
    path: str,
    place: str,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[Exception],
    told: Any,
    vendor: Vendor,
) -> None:
    vendor.says(path, body, status=status, headers=headers)
    action, settings = _made(channel, vendor)
    with pytest.raises(kind) as error:
        await action.send(_reply(place), settings, b"")
    if isinstance(error.value, Rejected):
        assert error.value.code == told
    if isinstance(error.value, Retry):
        assert error.value.after == told
    assert "1:AA" not in str(error.value)


async def test_a_post_is_answered_once_however_often_it_is_sent(vendor: Vendor) -> None:
    action = for_channel("bluesky")
    assert action is not None
    settings = action.account(handle="marka.example", password="p", pds=vendor.url)
    login, put = "/xrpc/com.atproto.server.createSession", "/xrpc/com.atproto.repo.putRecord"
    vendor.says(
        login, {"did": "did:plc:m", "accessJwt": "one"}, {"did": "did:plc:m", "accessJwt": "two"}
    )
    vendor.says(put, None, {"uri": "at://x"})
    reply = _reply("at://own", references=("at://root|cr", "at://own|co"), language="tr")
    with pytest.raises(Retry):
        await action.send(reply, settings, b"")
    assert await action.send(reply, settings, b"") == "at://x"
    first, second = (a.json() for a in vendor.to(put))
    assert first == second, "the same key and the same words: the second writes the first again"
    assert first["record"]["reply"] == {
        "root": {"uri": "at://root", "cid": "cr"},
        "parent": {"uri": "at://own", "cid": "co"},
    }
    assert len(vendor.to(login)) == 1
    vendor.forget()
    vendor.says(login, {"did": "did:plc:m", "accessJwt": "two"})
    vendor.says(put, {"error": "ExpiredToken"}, status=400)
    with pytest.raises(Retry):
        await action.send(reply, settings, b"")
    assert len(vendor.to(login)) == 1, "the second time with a new session"


async def test_line_takes_an_answer_once_by_its_key(vendor: Vendor) -> None:
    action, settings = _made("line", vendor)
    vendor.says("/v2/bot/message/push", None)
    with pytest.raises(Retry):
        await action.send(_reply("U1"), settings, b"")
    vendor.forget()
    vendor.says(
        "/v2/bot/message/push", {}, status=409, headers={"x-line-accepted-request-id": "r1"}
    )
    assert await action.send(_reply("U1"), settings, b"") == "request r1"


async def test_twilio_gets_a_form_with_the_accounts_credentials(vendor: Vendor) -> None:
    action, settings = _made("twilio", vendor)
    path = "/2010-04-01/Accounts/AC1/Messages.json"
    vendor.says(path, {"sid": "SM2"}, status=201)
    assert await action.send(_reply("whatsapp:+1/whatsapp:+2"), settings, b"") == "message SM2"
    (asked,) = vendor.asked
    assert asked.body.startswith(b"To=whatsapp%3A%2B2&From=whatsapp%3A%2B1&Body=")
    assert asked.headers["authorization"].startswith("Basic ")


async def test_teams_is_answered_where_the_message_came_from_with_a_token_that_is_renewed(
    vendor: Vendor,
) -> None:
    action = ReplyTeams()
    settings = action.account(app_id="a", app_password="p", login=vendor.url)
    login, path = "/botframework.com/oauth2/v2.0/token", "/emea/v3/conversations/19:k/activities"
    place = f"{vendor.url}/emea|19:k"
    vendor.says(login, {"access_token": "one"}, {"access_token": "two"})
    vendor.says(path, {"id": "a1"}, status=201)
    assert await action.send(_reply(place), settings, b"") == "activity a1"
    assert await action.send(_reply(place), settings, b"") == "activity a1"
    assert len(vendor.to(login)) == 1
    vendor.forget()
    vendor.says(login, {"access_token": "two"})
    vendor.says(path, {}, status=401)
    with pytest.raises(Retry):
        await action.send(_reply(place), settings, b"")
    assert vendor.to(path)[-1].headers["authorization"] == "Bearer two"
    for status, kind in ((429, Retry), (412, Retry), (502, Unconfirmed), (403, Rejected)):
        vendor.forget()
        vendor.says(login, {"access_token": "two"})
        vendor.says(path, {}, status=status)
        with pytest.raises(kind):
            await action.send(_reply(place), settings, b"")


async def test_a_post_is_not_sent_again_once_the_server_forgot_its_key(vendor: Vendor) -> None:
    action = for_channel("mastodon")
    assert action is not None
    settings = action.account(url=vendor.url, token="t")
    vendor.says("/api/v1/statuses", None)
    now = datetime.now(UTC)
    with pytest.raises(Retry):
        await action.send(_reply("1|ali|public", at=now), settings, b"")
    with pytest.raises(Unconfirmed):
        await action.send(_reply("1|ali|public", at=now - timedelta(hours=1)), settings, b"")
    vendor.forget()
    vendor.says("/api/v1/statuses", {"id": "2"})
    for text, said in (
        ("@aliye bak", "@ali @\u2060aliye bak"),
        ("tamam @ali.", "tamam @ali."),
        ("@ali@x.example", "@ali @\u2060ali@x.example"),
    ):
        await action.send(_reply("1|ali|public", text=text, at=now), settings, b"")
        assert vendor.asked[-1].json()["status"] == said


@pytest.mark.parametrize(
    ("channel", "path", "place"),
    [
        ("slack", "/chat.postMessage", "C1/"),
        ("viber", "/pa/send_message", "01=="),
        ("x", "/2/tweets", "50"),
    ],
)
async def test_what_may_have_been_taken_is_never_sent_twice(
    channel: str, path: str, place: str, vendor: Vendor
) -> None:
    action, settings = _made(channel, vendor)
    for status, body, headers, kind in (
        (503, b"", {}, Unconfirmed),
        (408, b"", {}, Unconfirmed),
        (503, b"", {"Retry-After": "9"}, Retry),
    ):
        vendor.forget()
        vendor.says(path, body, status=status, headers=headers)
        with pytest.raises(kind):
            await action.send(_reply(place), settings, b"")
    if channel != "x":
        vendor.forget()
        vendor.says(path, b"<html>")
        with pytest.raises(Unconfirmed):
            await action.send(_reply(place), settings, b"")


MESSENGERS = ["reply_whatsapp", "reply_telegram", "reply_messenger", "reply_instagram"]


@pytest.mark.parametrize("name", MESSENGERS)
async def test_what_never_left_may_be_tried_again_and_what_may_have_arrived_is_not(
    name: str, vendor: Vendor
) -> None:
    action = ACTIONS[name]
    place = {"telegram": "501//"}.get(action.channel, "900/31")
    settings = action.account(token="1:AA", api="http://127.0.0.1:9")
    with pytest.raises(Retry):
        await action.send(_reply(place), settings, b"")
    for path in ("/900/messages", "/bot1:AA/sendMessage"):
        vendor.says(path, None)
    with pytest.raises(Unconfirmed):
        await action.send(_reply(place), action.account(token="1:AA", api=vendor.url), b"")


@pytest.mark.parametrize("name", MESSENGERS)
async def test_without_a_place_or_a_token_it_is_said_what_is_missing(name: str) -> None:
    action = ACTIONS[name]
    with pytest.raises(Rejected) as error:
        await action.send(_reply("900/31"), action.account(), b"")
    assert error.value.code == "reply.no_server"
    assert f"[channels.{action.channel}.ACCOUNT]" in error.value.text
    with pytest.raises(Rejected) as error:
        await action.send(msgspec.structs.replace(REPLY), action.account(token="t"), b"")
    assert error.value.code == "reply.no_address"


def _pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


async def test_sites_and_forums_are_answered_as_they_document(vendor: Vendor) -> None:
    cases: list[tuple[str, str, dict[str, Any], str, int, Any, bytes]] = [
        ("sikayetvar", "11", {"key": "k"}, "/v2/complaints/11/answers", 201, {}, b'"message"'),
        (
            "trendyol",
            "11",
            {"seller": "s", "key": "k", "secret": "x"},
            "/integration/qna/sellers/s/questions/11/answers",
            200,
            {},
            b'"text"',
        ),
        (
            "hepsiburada",
            "11",
            {"merchant": "m", "key": "k"},
            "/issues/11/answer",
            201,
            "id-9",
            b'name="Answer"',
        ),
    ]
    for channel, place, account, path, status, body, part in cases:
        action = for_channel(channel)
        assert action is not None
        settings = action.account(api=vendor.url, **account)
        vendor.says(path, body, status=status)
        assert await action.send(_reply(place), settings, b"")
        assert part in vendor.to(path)[0].body
        for refusal, kind in ((403, Retry), (500, Unconfirmed), (400, Rejected), (429, Retry)):
            vendor.forget()
            vendor.says(path, {}, status=refusal)
            with pytest.raises(kind):
                await action.send(_reply(place), settings, b"")
        vendor.forget()
        with pytest.raises(Rejected, match="not the number"):
            await action.send(_reply("../x"), settings, b"")
        with pytest.raises(Rejected, match="set `token`"):
            await action.send(_reply(place), action.account(), b"")


async def test_a_forum_is_answered_under_the_post(vendor: Vendor) -> None:
    action = for_channel("discourse")
    assert action is not None
    settings = action.account(url=vendor.url, username="destek", api_key="k")
    vendor.says("/posts.json", {"id": 7})
    assert await action.send(_reply("3|2"), settings, b"") == "post 7"
    assert vendor.asked[0].json() == {"topic_id": 3, "raw": REPLY.text, "reply_to_post_number": 2}
    for status, body, kind in (
        (429, {"extras": {"wait_seconds": 44}}, Retry),
        (422, {"errors": ["too short"]}, Rejected),
        (403, {}, Retry),
    ):
        vendor.forget()
        vendor.says("/posts.json", body, status=status)
        with pytest.raises(kind) as error:
            await action.send(_reply("3|2"), settings, b"")
        if status == 429:
            assert error.value.after == 44  # type: ignore[attr-defined]  # a Retry


async def test_a_review_is_answered_again_over_the_first_answer(vendor: Vendor) -> None:
    play, apple = for_channel("google_play"), for_channel("app_store")
    assert play is not None
    assert apple is not None
    google = play.account(
        package="com.x",
        client_email="a@b",
        private_key=_pem(rsa.generate_private_key(65537, 2048)),
        api=vendor.url,
        token_url=f"{vendor.url}/token",
    )
    vendor.says("/token", {"access_token": "t"})
    path = "/androidpublisher/v3/applications/com.x/reviews/r1:reply"
    vendor.says(path, None, {"result": {}})
    with pytest.raises(Retry):
        await play.send(_reply("r1"), google, b"")
    assert await play.send(_reply("r1"), google, b"") == "taken"
    assert vendor.to(path)[1].json() == {"replyText": REPLY.text}
    store = apple.account(
        key_id="K",
        issuer="I",
        private_key=_pem(ec.generate_private_key(ec.SECP256R1())),
        api=vendor.url,
    )
    vendor.says("/v1/customerReviewResponses", {}, status=201)
    assert await apple.send(_reply("r1"), store, b"") == "taken"
    assert (
        vendor.to("/v1/customerReviewResponses")[0].json()["data"]["relationships"]["review"][
            "data"
        ]["id"]
        == "r1"
    )
    with pytest.raises(Rejected, match="private_key"):
        await apple.send(_reply("r1"), apple.account(private_key="x"), b"")


async def test_reviews_videos_and_forums_are_answered_with_a_fresh_token(vendor: Vendor) -> None:
    cases: list[tuple[str, str, str, Any, bytes]] = [
        (
            "google_business",
            "accounts/1/locations/2/reviews/r1",
            "/v4/accounts/1/locations/2/reviews/r1/reply",
            {"comment": "x"},
            b'"comment"',
        ),
        ("youtube", "c1", "/comments", {"id": "c1.9"}, b'"parentId":"c1"'),
        ("reddit", "t1_a", "/api/comment", {"json": {"errors": []}}, b"thing_id=t1_a"),
    ]
    for channel, place, path, body, part in cases:
        action = for_channel(channel)
        assert action is not None
        settings = action.account(
            client_id="c",
            client_secret="s",
            refresh_token="r",
            api=vendor.url,
            token_url=f"{vendor.url}/token",
        )
        vendor.forget()
        vendor.says("/token", {"access_token": "t"})
        vendor.says(path, body)
        assert await action.send(_reply(place), settings, b"")
        assert part in vendor.to(path)[0].body
        assert vendor.to(path)[0].headers["authorization"] == "Bearer t"
        unclear = Retry if channel == "google_business" else Unconfirmed
        for refusal, kind in ((403, Retry), (500, unclear), (400, Rejected)):
            vendor.forget()
            vendor.says("/token", {"access_token": "t"})
            vendor.says(path, {}, status=refusal)
            with pytest.raises(kind):
                await action.send(_reply(place), settings, b"")
        vendor.forget()
        vendor.says("/token", {}, status=400)
        with pytest.raises(Retry):
            await action.send(_reply(place), settings, b"")


async def test_a_business_review_is_answered_in_a_users_name(vendor: Vendor) -> None:
    action = for_channel("trustpilot")
    assert action is not None
    told = {"key": "k", "secret": "s", "api": vendor.url}
    with pytest.raises(Rejected, match="author"):
        await action.send(_reply("r1"), action.account(**told), b"")
    settings = action.account(author="me", **told)
    grant = "/v1/oauth/oauth-business-users-for-applications/accesstoken"
    path = "/v1/private/reviews/r1/reply"
    for status, kind in ((201, None), (403, Retry), (500, Retry), (429, Retry), (400, Rejected)):
        vendor.forget()
        vendor.says(grant, {"access_token": "t"})
        vendor.says(path, {}, status=status)
        if kind is None:
            assert await action.send(_reply("r1"), settings, b"") == "taken"
            sent = vendor.to(path)[0]
            assert sent.json()["authorBusinessUserId"] == "me"
            assert sent.headers["authorization"] == "Bearer t"
        else:
            with pytest.raises(kind):
                await action.send(_reply("r1"), settings, b"")
    vendor.forget()
    vendor.says(grant, {}, status=401)
    with pytest.raises(Retry):
        await action.send(_reply("r1"), settings, b"")


@pytest.mark.parametrize(("code", "kind"), [("RATELIMIT", Retry), ("THREAD_LOCKED", Rejected)])
async def test_reddits_errors_come_with_success(
    code: str, kind: type[Exception], vendor: Vendor
) -> None:
    action = for_channel("reddit")
    assert action is not None
    settings = action.account(refresh_token="r", api=vendor.url, token_url=f"{vendor.url}/token")
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/api/comment", {"json": {"errors": [[code, "why", None]]}})
    with pytest.raises(kind):
        await action.send(_reply("t1_a"), settings, b"")


async def test_a_quota_that_is_used_up_is_waited_for(vendor: Vendor) -> None:
    action = for_channel("youtube")
    assert action is not None
    settings = action.account(refresh_token="r", api=vendor.url, token_url=f"{vendor.url}/token")
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/comments", {"error": {"errors": [{"reason": "quotaExceeded"}]}}, status=403)
    with pytest.raises(Retry) as later:
        await action.send(_reply("c1"), settings, b"")
    assert later.value.after == 3600


class Gate:
    """An SMTP server that wants XOAUTH2, and keeps whom it let in."""

    def __init__(self) -> None:
        self.took: list[str] = []

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        told = base64.b64decode(args[1]).decode()
        good = told == "user=destek@ornek.example\x01auth=Bearer at-1\x01\x01"
        return AuthResult(success=good, auth_data=told, handled=False)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        assert session.authenticated
        self.took += envelope.rcpt_tos
        return "250 kept"


@pytest.fixture
def gate() -> Iterator[tuple[Gate, int]]:
    made, port = Gate(), free_port()
    controller = Controller(made, hostname="127.0.0.1", port=port, auth_require_tls=False)
    controller.start()
    yield made, port
    controller.stop()


async def test_mail_goes_out_with_an_access_token_where_passwords_are_switched_off(
    vendor: Vendor, gate: tuple[Gate, int]
) -> None:
    server, port = gate
    vendor.says("/token", {"access_token": "at-1"}, {"access_token": "stale"})
    oauth = reply_email.SmtpOAuth(
        provider="microsoft", token_url=f"{vendor.url}/token", client_id="c", refresh_token="r-1"
    )
    settings = reply_email.EmailReplyAccount(
        host="127.0.0.1",
        port=port,
        tls="none",
        user="destek@ornek.example",
        sender="destek@ornek.example",
        oauth=oauth,
    )
    said = await reply_email.ReplyEmail().send(_reply("ada@ornek.example"), settings, b"key")
    assert (said, server.took) == ("250 kept", ["ada@ornek.example"])
    form = dict(parse_qsl(vendor.to("/token")[0].body.decode()))
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "r-1",
        "client_id": "c",
        "scope": "https://outlook.office.com/SMTP.Send offline_access",
    }
    with pytest.raises(Retry, match="refuses the login"):
        await reply_email.ReplyEmail().send(_reply("ada@ornek.example"), settings, b"key")
    vendor.forget()
    vendor.says("/token", {"error": "invalid_grant"}, status=400)
    with pytest.raises(Retry, match="gave no access token"):
        await reply_email.ReplyEmail().send(_reply("ada@ornek.example"), settings, b"key")
    assert server.took == ["ada@ornek.example"]
