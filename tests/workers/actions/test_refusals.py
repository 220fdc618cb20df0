"""The refusals of vendors: which are final, which pass, and which have an unknown end."""

import msgspec
import pytest

from schemas.errors import Rejected, Retry
from tests.support.json_body import JsonBody
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import REPLY, account_for, reply_to
from workers.actions.protocol import Unconfirmed
from workers.actions.registry import ACTIONS


def _fault(code: int, subcode: int = 0) -> JsonBody:
    return {"error": {"code": code, "error_subcode": subcode, "message": "why"}}


@pytest.mark.parametrize(
    ("channel", "path", "target", "status", "body", "headers", "kind", "expected"),
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
    target: str,
    status: int,
    body: object,
    headers: dict[str, str],
    kind: type[Exception],
    expected: object,
    vendor: Vendor,
) -> None:
    vendor.says(path, body, status=status, headers=headers)
    action, settings = account_for(channel, vendor)
    with pytest.raises(kind) as error:
        await action.send(reply_to(target), settings, b"")
    if isinstance(error.value, Rejected):
        assert error.value.code == expected
    if isinstance(error.value, Retry):
        assert error.value.after == expected
    assert "1:AA" not in str(error.value)


@pytest.mark.parametrize(
    ("channel", "path", "target"),
    [
        ("slack", "/chat.postMessage", "C1/"),
        ("viber", "/pa/send_message", "01=="),
        ("x", "/2/tweets", "50"),
    ],
)
async def test_an_answer_that_may_have_arrived_is_never_sent_twice(
    channel: str, path: str, target: str, vendor: Vendor
) -> None:
    action, settings = account_for(channel, vendor)
    for status, body, headers, kind in (
        (503, b"", {}, Unconfirmed),
        (408, b"", {}, Unconfirmed),
        (503, b"", {"Retry-After": "9"}, Retry),
    ):
        vendor.forget()
        vendor.says(path, body, status=status, headers=headers)
        with pytest.raises(kind):
            await action.send(reply_to(target), settings, b"")
    if channel != "x":
        vendor.forget()
        vendor.says(path, b"<html>")
        with pytest.raises(Unconfirmed):
            await action.send(reply_to(target), settings, b"")


MESSENGERS = ["reply_whatsapp", "reply_telegram", "reply_messenger", "reply_instagram"]


@pytest.mark.parametrize("name", MESSENGERS)
async def test_only_a_request_that_never_left_is_tried_again(name: str, vendor: Vendor) -> None:
    action = ACTIONS[name]
    target = {"telegram": "501//"}.get(action.channel, "900/31")
    settings = action.account(token="1:AA", api="http://127.0.0.1:9")
    with pytest.raises(Retry):
        await action.send(reply_to(target), settings, b"")
    for path in ("/900/messages", "/bot1:AA/sendMessage"):
        vendor.says(path, None)
    with pytest.raises(Unconfirmed):
        await action.send(reply_to(target), action.account(token="1:AA", api=vendor.url), b"")


@pytest.mark.parametrize("name", MESSENGERS)
async def test_without_a_target_or_a_token_the_refusal_names_it(name: str) -> None:
    action = ACTIONS[name]
    with pytest.raises(Rejected) as error:
        await action.send(reply_to("900/31"), action.account(), b"")
    assert error.value.code == "reply.no_server"
    assert f"[channels.{action.channel}.ACCOUNT]" in error.value.text
    with pytest.raises(Rejected) as error:
        await action.send(msgspec.structs.replace(REPLY), action.account(token="t"), b"")
    assert error.value.code == "reply.no_address"
