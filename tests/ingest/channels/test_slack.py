"""Signatures, selected events, edits, reactions, files and markup of the Slack channel."""

import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.slack import Slack
from ingest.channels.slack.account import Account
from ingest.channels.slack.markup import read_markup
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from runtime.http.public_client import PublicClient
from schemas.errors import Rejected
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES
from tests.support.servers.vendor import Vendor

NOW = SAMPLED_AT
STAMP = str(int(NOW.timestamp()))
ACCOUNT = Account(signing_secret="sir-slack", bot_user="UBOT")
MESSAGE = SAMPLES["slack"].document
BODY = SAMPLES["slack"].payload


def signed(body: bytes, stamp: str = STAMP, **headers: str) -> WebhookRequest:
    digest = hmac.new(b"sir-slack", b"v0:" + stamp.encode() + b":" + body, sha256).hexdigest()
    own_headers = {
        "content-type": "application/json",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest}",
    }
    return WebhookRequest(
        method="POST", path="/", query={}, headers=own_headers | headers, body=body
    )


def _context(now: datetime = NOW) -> WebhookContext:
    return WebhookContext(now=now, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called


def _take(payload: JsonBody) -> WebhookResult:
    return Slack().take(json.dumps(payload).encode())


def _parsed(payload: JsonBody) -> Parsed:
    (raw_event,) = _take(payload).deliveries
    return Slack().parse(
        Delivery(raw=raw_event, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def test_a_signature_counts_for_five_minutes() -> None:
    assert (
        await Slack().receive(signed(BODY), ACCOUNT, _context(NOW + timedelta(minutes=4)))
    ).deliveries
    for now in (NOW + timedelta(minutes=6), NOW - timedelta(minutes=6)):
        with pytest.raises(Rejected) as error:
            await Slack().receive(signed(BODY), ACCOUNT, _context(now))
        assert error.value.code == "signature.stale"
    moved = replace(
        signed(BODY),
        headers={**signed(BODY).headers, "x-slack-request-timestamp": str(int(STAMP) + 60)},
    )
    with pytest.raises(Rejected, match="not of these bytes"):
        await Slack().receive(moved, ACCOUNT, _context())


async def test_the_challenge_is_answered() -> None:
    challenge = json.dumps(read_payload("slack", "url_verification")).encode()
    result = await Slack().receive(signed(challenge), ACCOUNT, _context())
    assert (result.response.status, result.response.body) == (200, b"c4")


async def test_a_command_is_ignored() -> None:
    form = signed(b"command=%2Fx&text=", **{"content-type": "application/x-www-form-urlencoded"})
    assert (await Slack().receive(form, ACCOUNT, _context())).ignored == ("command",)


def test_a_mention_is_the_same_message() -> None:
    first = _parsed(MESSAGE).message
    mention = _parsed(with_fields(MESSAGE, {"event.type": "app_mention"})).message
    assert first.id == mention.id
    assert first.sent_at == NOW + timedelta(microseconds=100)


def test_a_thread_is_a_conversation() -> None:
    first = _parsed(MESSAGE).message
    answer = _parsed(read_payload("slack", "thread_reply")).message
    assert answer.conversation == first.conversation
    assert answer.reply_to == f"C1/{STAMP}.000100"
    later = _parsed(with_fields(MESSAGE, {"event.ts": "7.1"})).message
    assert first.conversation != later.conversation


def test_a_direct_channel_is_one_conversation() -> None:
    first = read_payload("slack", "direct_message")
    later = with_fields(first, {"event.ts": "1795165290.000100"})
    direct = [_parsed(payload).message for payload in (first, later)]
    assert direct[0].conversation == direct[1].conversation
    assert direct[0].reply_to == "D1/"


def test_edits_deletions_and_reactions_name_their_message() -> None:
    first = _parsed(MESSAGE).message
    for name, kind, text in (
        ("edited_message", "edited", "Kargom hâlâ gelmedi"),
        ("deleted_message", "deleted", ""),
        ("reaction", "reaction", ":heart:"),
    ):
        message = _parsed(read_payload("slack", name)).message
        assert message.event is not None
        assert (message.event.kind, message.event.of, message.text) == (kind, first.id, text)
        assert message.conversation == first.conversation


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (with_fields(MESSAGE, {"event.bot_id": "B1"}), "bot"),
        (with_fields(MESSAGE, {"event.user": "USLACKBOT"}), "bot"),
        (with_fields(MESSAGE, {"event.subtype": "bot_message"}), "bot"),
        (with_fields(MESSAGE, {"event.subtype": "channel_join"}), "notice"),
        (with_fields(MESSAGE, {"event.subtype": "channel_topic"}), "notice"),
        (with_fields(MESSAGE, {"event.type": "channel_left"}), "other_event"),
        (read_payload("slack", "channel_created"), "other_event"),
        (read_payload("slack", "unfurled_link"), "unfurled"),
        (read_payload("slack", "rate_limited"), "app_rate_limited"),
        ({"type": "view_submission"}, "other_kind"),
    ],
)
def test_an_ignored_call_has_a_reason(payload: JsonBody, reason: str) -> None:
    assert _take(payload).ignored == (reason,)


def test_a_tombstone_deletes_the_first_message_of_a_thread() -> None:
    first = _parsed(MESSAGE).message
    message = _parsed(read_payload("slack", "deleted_thread_root")).message
    assert message.event is not None
    assert (message.event.kind, message.event.of, message.text) == ("deleted", first.id, "")
    assert message.sender.handle("handle") == "slack:U1"


def test_an_edit_may_change_files_only() -> None:
    edited = read_payload("slack", "edited_message")
    original_text = edited["event"]["previous_message"]["text"]
    files_only = with_fields(edited, {"event.message.text": original_text})
    assert _parsed(files_only).message.event is not None


def test_a_forwarded_message_keeps_its_text() -> None:
    assert _parsed(read_payload("slack", "forwarded_message")).message.text == "Kargom yok"


async def test_a_file_of_another_workspace_is_fetched_by_its_id(vendor: Vendor) -> None:
    parsed = _parsed(read_payload("slack", "file_of_another_workspace"))
    info = read_payload("slack", "file_info")
    vendor.says("/files.info", with_fields(info, {"file.url_private_download": f"{vendor.url}/f"}))
    vendor.says("/f", b"%PDF")
    settings, web = Account(token="xoxb", api=vendor.url), PublicClient()
    assert await Slack().fetch(parsed.media[0].ref, settings, web) == b"%PDF"
    assert vendor.requests[0].path == "/files.info?file=F1"
    await web.close()


def test_our_own_messages_are_ignored() -> None:
    with pytest.raises(Rejected, match="our own"):
        _parsed(with_fields(MESSAGE, {"event.user": "UBOT"}))


def test_markup_becomes_the_text_that_slack_shows() -> None:
    markup = "<@U1> bak: <https://ornek.example/a|şurada> &amp; <https://b.example> <!here> <#C2|genel> <mailto:a@b.c|a@b.c>"
    assert (
        read_markup(markup)
        == "@U1 bak: şurada (https://ornek.example/a) & https://b.example @here #genel a@b.c"
    )


async def test_a_sign_in_page_in_place_of_a_file_is_refused(vendor: Vendor) -> None:
    share = read_payload("slack", "shared_file")
    address = {"event.files.0.url_private_download": f"{vendor.url}/f"}
    parsed = _parsed(with_fields(share, address))
    assert parsed.message.attachments[0].name == "fatura.pdf"
    vendor.says("/f", b"%PDF", b"<!DOCTYPE html><html>")
    settings, web = Account(token="xoxb", api=vendor.url), PublicClient()
    assert await Slack().fetch(parsed.media[0].ref, settings, web) == b"%PDF"
    assert vendor.requests[0].headers["authorization"] == "Bearer xoxb"
    with pytest.raises(Rejected, match="files:read"):
        await Slack().fetch(parsed.media[0].ref, settings, web)
    await web.close()
