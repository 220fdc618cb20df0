"""SMS and WhatsApp by Twilio: form posts to a webhook.

Before: Twilio calls /v1/hooks/twilio/ACCOUNT. After: accept publishes. Twilio repeats only what
did not connect: what Kafka can't take is kept on disk. Source: twilio.com/docs,
messaging; ingest/vendors/twilio_signature.py proves the calls.
"""

import base64
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Media, MediaClient, Parsed, build_message
from ingest.parsing.json_values import decode_json
from ingest.vendors import twilio_signature
from ingest.vendors.form_data import read_fields
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    require_secret,
)
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Handle, Party

WINDOW = timedelta(hours=24)
_MOST = 10  # files of one message
_DONE = WebhookResponse(body=b"<Response/>", content_type="text/xml")


class Account(Record, frozen=True, kw_only=True):
    """One account of Twilio."""

    brand: Brand = ""
    account_sid: Annotated[str, msgspec.Meta(description="The account's SID.")] = ""
    auth_token: Annotated[
        str,
        msgspec.Meta(description="The auth token, which proves Twilio's calls and fetches files."),
    ] = ""
    url: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The webhook's address as Twilio's console has it, with its query; empty is"
                " the address of the call."
            )
        ),
    ] = ""
    api: ApiAddress = "https://api.twilio.com"


class ArchivedFields(Record, frozen=True, kw_only=True):
    """The fields of a call, as the archive keeps them."""

    fields: dict[str, str]


class Twilio:
    """The channel, and the hook of its vendor."""

    name = "twilio"
    channel = "twilio"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = MIB
    account = Account
    takes = "SMS, MMS and WhatsApp messages with files, button taps, locations"
    ignores = "status callbacks of our own messages"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.auth_token, "auth_token", "[channels.twilio.ACCOUNT]")
        return ("x-twilio-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Twilio's held."""
        token = require_secret(settings.auth_token, "auth_token", "[channels.twilio.ACCOUNT]")
        found = twilio_signature.prove(request, token, settings.url)
        context.report_proven()
        # With GET chosen in the console everything stands in the address.
        told_in = (
            dict(request.query)
            if request.method == "GET"
            else {k: v[-1].decode("utf-8", "replace") for k, v in found.items()}
        )
        return _taken(told_in)

    def take(self, body: bytes) -> WebhookResult:
        """Return the message in a captured form, or in a delivery of the archive."""
        if body.lstrip()[:1] == b"{":
            return _taken(decode_json(ArchivedFields, body).fields)
        call = WebhookRequest(
            method="POST",
            path="/",
            query={},
            body=body,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        return _taken({k: v[-1].decode("utf-8", "replace") for k, v in read_fields(call).items()})

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message in one form."""
        told = decode_json(ArchivedFields, delivery.raw).fields
        sid = told.get("MessageSid") or told.get("SmsMessageSid") or told.get("SmsSid") or ""
        sender, ours = told.get("From", ""), told.get("To", "")
        if not sid or not sender:
            raise Rejected("json.invalid", "a message without MessageSid or From")
        user = told.get("ExternalUserId", "")
        number = sender.removeprefix("whatsapp:").removeprefix("rcs:")
        handles = []
        if number.startswith("+") and number[1:].isdigit():
            handles.append(Handle(kind="phone", value=f"+{number.lstrip('+')}"))
        if user or not handles:
            handles.append(Handle(kind="handle", value=f"twilio:{user or sender}"))
        files = [
            (url, told.get(f"MediaContentType{i}", ""))
            for i in range(_MOST)
            if (url := told.get(f"MediaUrl{i}", ""))
        ]
        text = told.get("Body") or told.get("ButtonText") or ""
        place = ",".join(v for v in (told.get("Latitude"), told.get("Longitude")) if v)
        about = " ".join(v for v in (told.get("Label"), told.get("Address")) if v)
        shown = "\n".join(t for t in (text, f"{about} ({place})".strip() if place else "") if t)
        whatsapp = sender.startswith("whatsapp:")
        made = build_message(
            "twilio",
            delivery,
            context,
            native_id=sid,
            kind="chat",
            text=text,
            full_text=shown,
            root=f"{ours}/{user or sender}",
            reply_to=f"{ours}/{sender}",
            sender=Party(name=told.get("ProfileName", ""), handles=tuple(handles)),
            recipients=_ours(ours),
            thread=tuple(t for t in (told.get("OriginalRepliedMessageSid"), sid) if t),
            attachments=tuple(_attachment(i, kind) for i, (_, kind) in enumerate(files)),
            answering=_allowed(delivery, whatsapp=whatsapp),
            repaired=() if shown or files else ("content.unsupported",),
        )
        media = tuple(Media(index=i, ref=url) for i, (url, _) in enumerate(files))
        return Parsed(message=made, media=media)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file, with the account's own credentials."""
        secret = {}
        if settings.account_sid:
            pair = f"{settings.account_sid}:{settings.auth_token}".encode()
            secret = {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return await web.get(ref, own=settings.api, secret=secret, hosts=("twilio.com",))

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.auth_token:
            return None
        return (
            f"Twilio: the number or sender: a message comes in: {settings.url or url}"
            "#rc=2&rp=ct,rt,5xx"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the auth token."""
        return msgspec.structs.replace(settings, auth_token=value)


def _taken(told: dict[str, str]) -> WebhookResult:
    # The fallback address gets the customer's message with an ErrorCode: that alone is no status.
    if told.get("MessageStatus"):
        return WebhookResult(ignored=("status",), response=_DONE)
    if told.get("SmsStatus") not in (None, "", "received", "receiving"):
        return WebhookResult(ignored=("status",), response=_DONE)
    if not any(k in told for k in ("MessageSid", "SmsMessageSid", "SmsSid")):
        return WebhookResult(ignored=("other_kind",), response=_DONE)
    return WebhookResult(
        deliveries=(msgspec.json.encode(ArchivedFields(fields=told)),), response=_DONE
    )


def _ours(told: str) -> tuple[Party, ...]:
    number = told.removeprefix("whatsapp:").lstrip("+")
    return (Party(handles=(Handle(kind="phone", value=f"+{number}"),)),) if number.isdigit() else ()


def _allowed(delivery: Delivery, *, whatsapp: bool) -> Answering:
    until = delivery.received_at + WINDOW if whatsapp else None
    return Answering(until=until, limit=1600)


def _attachment(number: int, kind: str) -> Attachment:
    kind = kind.partition(";")[0].strip() or "application/octet-stream"
    return Attachment(name=f"media{number}.{kind.rpartition('/')[2]}", type=kind, size=0, sha256="")
