"""The requests of the messengers' actions, as each vendor documents them."""

import pytest

from tests.support.json_body import JsonBody
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import REPLY, account_for, reply_to

REQUESTS: list[tuple[str, str, dict[str, str], str, JsonBody, JsonBody | str, str]] = [
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


@pytest.mark.parametrize(
    ("channel", "target", "changes", "path", "body", "answer", "detail"), REQUESTS
)
async def test_a_request_has_the_form_that_the_vendor_documents(
    channel: str,
    target: str,
    changes: dict[str, str],
    path: str,
    body: JsonBody,
    answer: JsonBody | str,
    detail: str,
    vendor: Vendor,
) -> None:
    vendor.says(path, answer)
    action, settings = account_for(channel, vendor)
    assert detail in await action.send(reply_to(target, **changes), settings, b"")
    (request,) = vendor.requests
    assert request.json() == body
    if channel == "viber":
        assert request.headers["x-viber-auth-token"] == "t"
    elif channel != "telegram":
        assert request.headers["authorization"] == "Bearer t"


async def test_people_may_answer_for_seven_days_where_meta_allows_it(vendor: Vendor) -> None:
    vendor.says("/900/messages", {"message_id": "m2"})
    action, settings = account_for("messenger", vendor, human_agent=True)
    await action.send(reply_to("900/31"), settings, b"")
    assert vendor.requests[0].json()["tag"] == "HUMAN_AGENT"
