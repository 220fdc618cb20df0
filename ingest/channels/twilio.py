"""SMS and WhatsApp by Twilio, by form posts to a webhook.

Twilio calls /v1/hooks/twilio/ACCOUNT. It repeats only calls that did not connect, so the spool
keeps the deliveries while Kafka is away. ingest/vendors/twilio_signature.py proves the calls.
Source: twilio.com/docs, messaging.
"""

import base64
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Media, MediaClient, Parsed, build_message
from ingest.parsing.json_values import decode_json
from ingest.vendors import twilio_signature
from ingest.vendors.form_data import FormFields, read_fields
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

_WHATSAPP_WINDOW = timedelta(hours=24)  # later, WhatsApp takes templates only
_MAX_ANSWER_CHARS = 1600  # Twilio refuses longer texts
_MAX_FILES = 10  # Twilio sends no more with a message
_EMPTY_TWIML = WebhookResponse(body=b"<Response/>", content_type="text/xml")
_MESSAGE_IDS = ("MessageSid", "SmsMessageSid", "SmsSid")
_RECEIVED_STATUSES = (None, "", "received", "receiving")


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
    """The channel of Twilio accounts."""

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
        """Return the header of the signature; raise Rejected without a configured token."""
        _auth_token(settings)
        return ("x-twilio-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the message of a call; a GET, which the console can select, has it in its URL."""
        form = twilio_signature.prove(request, _auth_token(settings), settings.url)
        context.report_proven()
        if request.method == "GET":
            return _select_message(dict(request.query))
        return _select_message(_decode_fields(form))

    def take(self, body: bytes) -> WebhookResult:
        """Return the message in a captured form, or in a delivery of the archive."""
        if body.lstrip()[:1] == b"{":
            return _select_message(decode_json(ArchivedFields, body).fields)
        request = WebhookRequest(
            method="POST",
            path="/",
            query={},
            body=body,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        return _select_message(_decode_fields(read_fields(request)))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived form."""
        form = decode_json(ArchivedFields, delivery.raw).fields
        sid = next((form[name] for name in _MESSAGE_IDS if form.get(name)), "")
        address, ours = form.get("From", ""), form.get("To", "")
        if not sid or not address:
            raise Rejected("json.invalid", "a message without MessageSid or From")
        user_id = form.get("ExternalUserId", "")
        files = _list_files(form)
        text, full_text = _read_text(form)
        result = build_message(
            "twilio",
            delivery,
            context,
            native_id=sid,
            kind="chat",
            text=text,
            full_text=full_text,
            root=f"{ours}/{user_id or address}",
            reply_to=f"{ours}/{address}",
            sender=_sender(address, user_id, form.get("ProfileName", "")),
            recipients=_recipients(ours),
            thread=tuple(t for t in (form.get("OriginalRepliedMessageSid"), sid) if t),
            attachments=tuple(_describe_file(index, mime) for index, (_, mime) in enumerate(files)),
            answering=_answering(address, delivery),
            repaired=() if full_text or files else ("content.unsupported",),
        )
        media = tuple(Media(index=index, ref=url) for index, (url, _) in enumerate(files))
        return Parsed(message=result, media=media)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file, with the account's own credentials."""
        secret = {}
        if settings.account_sid:
            pair = f"{settings.account_sid}:{settings.auth_token}".encode()
            secret = {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return await web.get(ref, own=settings.api, secret=secret, hosts=("twilio.com",))

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a token."""
        if not settings.auth_token:
            return None
        return (
            f"Twilio: the number or sender: a message comes in: {settings.url or url}"
            "#rc=2&rp=ct,rt,5xx"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the auth token."""
        return msgspec.structs.replace(settings, auth_token=value)


def _auth_token(settings: Account) -> str:
    return require_secret(settings.auth_token, "auth_token", "[channels.twilio.ACCOUNT]")


def _decode_fields(form: FormFields) -> dict[str, str]:
    """Return each field's last value as text."""
    return {name: values[-1].decode("utf-8", "replace") for name, values in form.items()}


def _select_message(form: dict[str, str]) -> WebhookResult:
    """Return the message of a form, or the reason to ignore it.

    The fallback address gets a customer's message with an ErrorCode, which alone does not make it a
    status.
    """
    is_status = form.get("MessageStatus") or form.get("SmsStatus") not in _RECEIVED_STATUSES
    if is_status:
        return WebhookResult(ignored=("status",), response=_EMPTY_TWIML)
    if not any(name in form for name in _MESSAGE_IDS):
        return WebhookResult(ignored=("other_kind",), response=_EMPTY_TWIML)
    archived = msgspec.json.encode(ArchivedFields(fields=form))
    return WebhookResult(deliveries=(archived,), response=_EMPTY_TWIML)


def _read_text(form: dict[str, str]) -> tuple[str, str]:
    """Return the text and the full text, which shows a location with its coordinates."""
    text = form.get("Body") or form.get("ButtonText") or ""
    coordinates = ",".join(v for v in (form.get("Latitude"), form.get("Longitude")) if v)
    address = " ".join(v for v in (form.get("Label"), form.get("Address")) if v)
    location = f"{address} ({coordinates})".strip() if coordinates else ""
    return text, "\n".join(t for t in (text, location) if t)


def _sender(address: str, user_id: str, name: str) -> Party:
    """Return the sender, with a handle where the address is not a phone number."""
    number = address.removeprefix("whatsapp:").removeprefix("rcs:")
    handles = []
    if number.startswith("+") and number[1:].isdigit():
        handles.append(Handle(kind="phone", value=number))
    if user_id or not handles:
        handles.append(Handle(kind="handle", value=f"twilio:{user_id or address}"))
    return Party(name=name, handles=tuple(handles))


def _recipients(address: str) -> tuple[Party, ...]:
    number = address.removeprefix("whatsapp:").lstrip("+")
    return (Party(handles=(Handle(kind="phone", value=f"+{number}"),)),) if number.isdigit() else ()


def _answering(address: str, delivery: Delivery) -> Answering:
    is_whatsapp = address.startswith("whatsapp:")
    until = delivery.received_at + _WHATSAPP_WINDOW if is_whatsapp else None
    return Answering(until=until, limit=_MAX_ANSWER_CHARS)


def _list_files(form: dict[str, str]) -> list[tuple[str, str]]:
    """Return the address and the content type of each file."""
    names = ((f"MediaUrl{index}", f"MediaContentType{index}") for index in range(_MAX_FILES))
    return [(form[url], form.get(mime, "")) for url, mime in names if form.get(url)]


def _describe_file(index: int, content_type: str) -> Attachment:
    mime = content_type.partition(";")[0].strip() or "application/octet-stream"
    return Attachment(name=f"media{index}.{mime.rpartition('/')[2]}", type=mime, size=0, sha256="")
