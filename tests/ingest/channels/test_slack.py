"""Signatures, selected events, edits, reactions, files and markup of the Slack channel."""

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.slack import Slack
from ingest.channels.slack.account import Account
from ingest.channels.slack.markup import read_markup
from ingest.webhook import WebhookContext, WebhookRequest
from runtime.http.public_client import PublicClient
from schemas.errors import Rejected
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
ACCOUNT = Account(signing_secret="sir-slack", bot_user="UBOT")


def event(kind: str = "message", **more: Any) -> bytes:
    slack_event = {
        "type": kind,
        "channel": "C1",
        "user": "U1",
        "text": "kargom gelmedi",
        "ts": f"{STAMP}.000100",
    } | more
    return json.dumps(
        {"type": "event_callback", "team_id": "T1", "event_id": "E1", "event": slack_event}
    ).encode()


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


def _parsed(raw: bytes) -> Parsed:
    (raw_event,) = Slack().take(raw).deliveries
    return Slack().parse(
        Delivery(raw=raw_event, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def test_a_signature_counts_for_five_minutes() -> None:
    assert (
        await Slack().receive(signed(event()), ACCOUNT, _context(NOW + timedelta(minutes=4)))
    ).deliveries
    for now in (NOW + timedelta(minutes=6), NOW - timedelta(minutes=6)):
        with pytest.raises(Rejected) as error:
            await Slack().receive(signed(event()), ACCOUNT, _context(now))
        assert error.value.code == "signature.stale"
    moved = replace(
        signed(event()),
        headers={**signed(event()).headers, "x-slack-request-timestamp": str(int(STAMP) + 60)},
    )
    with pytest.raises(Rejected, match="not of these bytes"):
        await Slack().receive(moved, ACCOUNT, _context())


async def test_the_challenge_is_answered() -> None:
    result = await Slack().receive(
        signed(b'{"type":"url_verification","challenge":"c4"}'), ACCOUNT, _context()
    )
    assert (result.response.status, result.response.body) == (200, b"c4")


async def test_a_command_is_ignored() -> None:
    form = signed(b"command=%2Fx&text=", **{"content-type": "application/x-www-form-urlencoded"})
    assert (await Slack().receive(form, ACCOUNT, _context())).ignored == ("command",)


def test_a_mention_is_the_same_message() -> None:
    first, mention = _parsed(event()).message, _parsed(event("app_mention")).message
    assert first.id == mention.id
    assert first.sent_at == NOW + timedelta(microseconds=100)


def test_a_thread_is_a_conversation() -> None:
    first = _parsed(event()).message
    answer = _parsed(event(ts="5.1", thread_ts=f"{STAMP}.000100")).message
    assert answer.conversation == first.conversation
    assert answer.reply_to == f"C1/{STAMP}.000100"
    assert first.conversation != _parsed(event(ts="7.1")).message.conversation


def test_a_direct_channel_is_one_conversation() -> None:
    direct = [_parsed(event(channel="D1", channel_type="im", ts=t)).message for t in ("1.1", "2.2")]
    assert direct[0].conversation == direct[1].conversation
    assert direct[0].reply_to == "D1/"


def test_edits_deletions_and_reactions_name_their_message() -> None:
    first = _parsed(event()).message
    inner = {"type": "message", "user": "U1", "ts": f"{STAMP}.000100"}
    edit = _parsed(
        event(
            subtype="message_changed",
            ts="9.1",
            user=None,
            message=inner | {"text": "yeni", "edited": {"ts": "9.0"}},
            previous_message=inner | {"text": "eski"},
        )
    ).message
    deletion = _parsed(
        event(
            subtype="message_deleted",
            ts="9.2",
            user=None,
            deleted_ts=f"{STAMP}.000100",
            previous_message=inner | {"text": "eski"},
        )
    ).message
    reaction = _parsed(
        event(
            "reaction_added",
            reaction="heart",
            event_ts="9.3",
            item={"type": "message", "channel": "C1", "ts": f"{STAMP}.000100"},
        )
    ).message
    for message, kind, text in (
        (edit, "edited", "yeni"),
        (deletion, "deleted", ""),
        (reaction, "reaction", ":heart:"),
    ):
        assert message.event is not None
        assert (message.event.kind, message.event.of, message.text) == (kind, first.id, text)
        assert message.conversation == first.conversation


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (event(bot_id="B1"), "bot"),
        (event(user="USLACKBOT"), "bot"),
        (event(subtype="bot_message"), "bot"),
        (event(subtype="channel_join"), "notice"),
        (event(subtype="channel_topic"), "notice"),
        (event("channel_created"), "other_event"),
        (
            event(
                subtype="message_changed",
                message={"user": "U1", "text": "a"},
                previous_message={"text": "a"},
            ),
            "unfurled",
        ),
        (b'{"type":"app_rate_limited"}', "app_rate_limited"),
        (b'{"type":"view_submission"}', "other_kind"),
    ],
)
def test_an_ignored_call_has_a_reason(raw: bytes, reason: str) -> None:
    assert Slack().take(raw).ignored == (reason,)


def test_a_tombstone_deletes_the_first_message_of_a_thread() -> None:
    first = _parsed(event()).message
    original = {
        "user": "U1",
        "ts": f"{STAMP}.000100",
        "text": "kargom gelmedi",
        "thread_ts": f"{STAMP}.000100",
    }
    tombstone = original | {
        "subtype": "tombstone",
        "user": "USLACKBOT",
        "text": "This message was deleted.",
    }
    message = _parsed(
        event(
            subtype="message_changed",
            ts="9.1",
            user=None,
            message=tombstone,
            previous_message=original,
        )
    ).message
    assert message.event is not None
    assert (message.event.kind, message.event.of, message.text) == ("deleted", first.id, "")
    assert message.sender.handle("handle") == "slack:U1"


def test_an_edit_may_change_files_only() -> None:
    inner = {"user": "U1", "ts": "5.1", "text": "a"}
    edit = event(
        subtype="message_changed",
        user=None,
        message=inner | {"edited": {"ts": "6.0"}},
        previous_message=inner,
    )
    assert _parsed(edit).message.event is not None


def test_a_forwarded_message_keeps_its_text() -> None:
    shared = _parsed(
        event(
            text="",
            attachments=[{"is_share": True, "text": "müşteri: kargom yok", "from_url": "x"}],
        )
    ).message
    assert shared.text == "müşteri: kargom yok"


async def test_a_file_of_another_workspace_is_fetched_by_its_id(vendor: Vendor) -> None:
    parsed = _parsed(
        event(
            subtype="file_share",
            files=[{"id": "F1", "mode": "file_access", "file_access": "check_file_info"}],
        )
    )
    vendor.says(
        "/files.info", {"ok": True, "file": {"id": "F1", "url_private_download": f"{vendor.url}/f"}}
    )
    vendor.says("/f", b"%PDF")
    settings, web = Account(token="xoxb", api=vendor.url), PublicClient()
    assert await Slack().fetch(parsed.media[0].ref, settings, web) == b"%PDF"
    assert vendor.requests[0].path == "/files.info?file=F1"
    await web.close()


def test_our_own_messages_are_ignored() -> None:
    with pytest.raises(Rejected, match="our own"):
        _parsed(event(user="UBOT"))


def test_markup_becomes_the_text_that_slack_shows() -> None:
    markup = "<@U1> bak: <https://ornek.example/a|şurada> &amp; <https://b.example> <!here> <#C2|genel> <mailto:a@b.c|a@b.c>"
    assert (
        read_markup(markup)
        == "@U1 bak: şurada (https://ornek.example/a) & https://b.example @here #genel a@b.c"
    )


async def test_a_sign_in_page_in_place_of_a_file_is_refused(vendor: Vendor) -> None:
    file = {
        "name": "fatura.pdf",
        "mimetype": "application/pdf",
        "size": 9,
        "url_private_download": f"{vendor.url}/f",
    }
    parsed = _parsed(event(subtype="file_share", text="", files=[file]))
    assert parsed.message.attachments[0].name == "fatura.pdf"
    vendor.says("/f", b"%PDF", b"<!DOCTYPE html><html>")
    settings, web = Account(token="xoxb", api=vendor.url), PublicClient()
    assert await Slack().fetch(parsed.media[0].ref, settings, web) == b"%PDF"
    assert vendor.requests[0].headers["authorization"] == "Bearer xoxb"
    with pytest.raises(Rejected, match="files:read"):
        await Slack().fetch(parsed.media[0].ref, settings, web)
    await web.close()
