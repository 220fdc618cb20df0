"""WhatsApp by Meta's Cloud API: webhook in, Graph API for files.

Before: Meta calls /v1/hooks/whatsapp/ACCOUNT. After: accept publishes. A person is known by the
business-scoped user id where there is one: the number may be absent, or come and go. Source:
developers.facebook.com, WhatsApp Cloud API, webhooks and business-scoped user ids.
"""

import base64
import binascii
import re
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Media, MediaClient, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.vendors import meta_webhook
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult, require_secret
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record, message_id
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Event, Handle, Party

WINDOW = timedelta(hours=24)
LIMIT = 4096
_FILES = ("image", "video", "document", "audio", "sticker")
_SYSTEM = frozenset({"system", "request_welcome"})
_FIELDS = frozenset(
    {
        "smb_message_echoes",
        "history",
        "smb_app_state_sync",
        "calls",
        "user_preferences",
        "message_template_status_update",
        "account_update",
        "account_alerts",
    }
)
_NUMBER = re.compile(r"^\+?\d{6,15}$")


class Account(Record, frozen=True, kw_only=True):
    """One WhatsApp Business app."""

    brand: Brand = ""
    app_secret: Annotated[
        str, msgspec.Meta(description="The app's secret, which proves Meta's calls.")
    ] = ""
    verify_token: Annotated[
        str, msgspec.Meta(description="A word of your choice, which Meta sends once at the set-up.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The access token of the number, which fetches files.")
    ] = ""
    api: ApiAddress = meta_webhook.GRAPH


class Metadata(Record, frozen=True, kw_only=True):
    """Our number."""

    display_phone_number: Text = ""
    phone_number_id: Text = ""


class Profile(Record, frozen=True, kw_only=True):
    """What a person calls themselves."""

    name: str | None = ""
    username: str | None = ""


class Contact(Record, frozen=True, kw_only=True):
    """Who wrote: `user_id` is stable, `wa_id` a number that may be absent."""

    profile: Profile | None = None
    wa_id: Text = ""
    user_id: str | None = ""


class Value(Record, frozen=True, kw_only=True):
    """The value of a `messages` change."""

    metadata: Metadata = Metadata()
    contacts: msgspec.Raw = msgspec.Raw(b"[]")
    messages: tuple[msgspec.Raw, ...] = ()
    statuses: tuple[msgspec.Raw, ...] = ()
    errors: tuple[msgspec.Raw, ...] = ()


class Stored(Record, frozen=True, kw_only=True):
    """One message with what stood around it, as the archive keeps it."""

    metadata: Metadata
    contacts: msgspec.Raw
    message: msgspec.Raw


class Body(Record, frozen=True, kw_only=True):
    """A text."""

    body: str = ""


class File(Record, frozen=True, kw_only=True):
    """A file at Meta."""

    id: Text = ""
    mime_type: str = ""
    sha256: str = ""
    filename: str | None = ""
    caption: str | None = ""
    voice: bool = False


class Tap(Record, frozen=True, kw_only=True):
    """A button or a row of a list that was touched."""

    title: str = ""
    description: str | None = ""
    text: str = ""
    response_json: Any = ""
    body: str | None = ""


class Interactive(Record, frozen=True, kw_only=True):
    """The answer to an interactive message."""

    type: str = ""
    button_reply: Tap | None = None
    list_reply: Tap | None = None
    nfm_reply: Tap | None = None


class Place(Record, frozen=True, kw_only=True):
    """A location."""

    latitude: Text = ""
    longitude: Text = ""
    name: str | None = ""
    address: str | None = ""


class PersonName(Record, frozen=True, kw_only=True):
    """A name in a shared contact."""

    formatted_name: str | None = ""


class Phone(Record, frozen=True, kw_only=True):
    """A number in a shared contact."""

    phone: str | None = ""


class Email(Record, frozen=True, kw_only=True):
    """An address in a shared contact."""

    email: str | None = ""


class Company(Record, frozen=True, kw_only=True):
    """The employer of a shared contact."""

    company: str | None = ""
    department: str | None = ""
    title: str | None = ""


class PostalAddress(Record, frozen=True, kw_only=True):
    """A postal address in a shared contact."""

    street: str | None = ""
    city: str | None = ""
    state: str | None = ""
    zip: Text = ""
    country: str | None = ""


class Page(Record, frozen=True, kw_only=True):
    """A web page in a shared contact."""

    url: str | None = ""


class Shared(Record, frozen=True, kw_only=True):
    """A contact somebody shared."""

    name: PersonName = PersonName()
    phones: tuple[Phone, ...] = ()
    emails: tuple[Email, ...] = ()
    org: Company = Company()
    addresses: tuple[PostalAddress, ...] = ()
    urls: tuple[Page, ...] = ()
    birthday: str | None = ""


class Product(Record, frozen=True, kw_only=True):
    """A line of a cart."""

    product_retailer_id: Text = ""
    quantity: Text = ""
    item_price: Text = ""
    currency: str | None = ""


class Order(Record, frozen=True, kw_only=True):
    """A cart that was sent."""

    text: str | None = ""
    product_items: tuple[Product, ...] = ()


class Reaction(Record, frozen=True, kw_only=True):
    """An emoji on a message; without one it was taken back."""

    message_id: str = ""
    emoji: str | None = ""


class Edited(Record, frozen=True, kw_only=True):
    """What a message says now."""

    type: str = ""
    text: Body | None = None
    image: File | None = None
    video: File | None = None
    document: File | None = None


class Touched(Record, frozen=True, kw_only=True):
    """The message that an edit or a revocation is about."""

    original_message_id: str = ""
    message: Edited | None = None


class Quoted(Record, frozen=True, kw_only=True):
    """What a message refers to."""

    id: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False


class Advert(Record, frozen=True, kw_only=True):
    """The advertisement that somebody came by."""

    headline: str | None = ""
    source_url: str | None = ""


class Trouble(Record, frozen=True, kw_only=True):
    """Why Meta gives no content."""

    title: str | None = ""


class Item(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """One message."""

    id: str
    type: str = ""
    timestamp: Text = None
    sender: Text = ""
    from_user_id: str | None = ""
    from_parent_user_id: str | None = ""
    group_id: str | None = ""
    context: Quoted | None = None
    text: Body | None = None
    image: File | None = None
    video: File | None = None
    document: File | None = None
    audio: File | None = None
    sticker: File | None = None
    button: Tap | None = None
    interactive: Interactive | None = None
    location: Place | None = None
    contacts: tuple[Shared, ...] = ()
    order: Order | None = None
    reaction: Reaction | None = None
    edit: Touched | None = None
    revoke: Touched | None = None
    errors: tuple[Trouble, ...] = ()
    referral: Advert | None = None


class Head(Record, frozen=True, kw_only=True):
    """As much of a message as tells whether it is one."""

    type: str = ""


class Whatsapp:
    """The channel, and the hook of its vendor."""

    name = "whatsapp"
    channel = "whatsapp"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 4 * MIB
    account = Account
    takes = "texts, captions, files, voice, buttons and lists, locations, contacts, orders"
    ignores = "statuses (sent, delivered, read, failed), echoes, history, calls, system notices"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.app_secret, "app_secret", "[channels.whatsapp.ACCOUNT]")
        return ("x-hub-signature-256",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Meta's held."""
        where = "[channels.whatsapp.ACCOUNT]"
        if request.method == "GET":
            return meta_webhook.handshake(request, settings.verify_token, where)
        meta_webhook.prove(request, (settings.app_secret,), where)
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the messages in a body; Rejected when it is no webhook's."""
        entries, made = meta_webhook.entries(body, ("whatsapp_business_account",))
        ignored: list[str] = []
        for entry in entries:
            changes, bad = meta_webhook.changes(entry)
            made += bad
            for change in changes:
                if change.field != "messages":
                    ignored.append(change.field if change.field in _FIELDS else "other_field")
                    continue
                _value(change.value, made, ignored)
        return WebhookResult(deliveries=tuple(made), ignored=tuple(ignored))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one stored item."""
        told = decode_json(Stored, delivery.raw)
        item = decode_json(Item, told.message)
        contacts = decode_json(tuple[Contact, ...], told.contacts)
        wa_id, user_id, name = _who(item, contacts)
        ours = str(told.metadata.phone_number_id or "")
        sent_at = parse_time(item.timestamp)
        handles = []
        if _NUMBER.match(wa_id):
            handles.append(Handle(kind="phone", value=f"+{wa_id.lstrip('+')}"))
        handles.append(Handle(kind="handle", value=f"whatsapp:{user_id or wa_id}"))
        group = item.group_id or ""
        text, shown = _words(item)
        files = [(k, f) for k in _FILES if (f := getattr(item, k)) is not None]
        event = _event(item, delivery.account)
        plain = bool(text or files or event or (shown and not item.errors))
        made = build_message(
            "whatsapp",
            delivery,
            context,
            native_id=item.id,
            kind="chat",
            root=f"{ours}/{group or user_id or wa_id}",
            sender=Party(name=name, handles=tuple(handles)),
            text=text,
            full_text=shown,
            recipients=_ours(told.metadata),
            sent_at=sent_at,
            event=event,
            attachments=tuple(_attachment(k, f) for k, f in files),
            thread=tuple(i for i in (item.context.id if item.context else None, item.id) if i),
            reply_to=f"{ours}/{f'group:{group}' if group else wa_id or user_id}",
            answering=Answering(until=(sent_at or delivery.received_at) + WINDOW, limit=LIMIT),
            flags=("forwarded",) if _forwarded(item) else (),
            repaired=() if plain else ("content.unsupported",),
        )
        media = tuple(Media(index=i, ref=str(f.id)) for i, (_, f) in enumerate(files) if f.id)
        return Parsed(message=made, media=media)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file: first its address is asked, then itself, both with the token."""
        if not settings.token:
            raise Rejected("media.refused", "set `token` in [channels.whatsapp.ACCOUNT]")
        if not re.fullmatch(r"[\w-]{1,200}", ref):
            raise Rejected("media.refused", "that is no media id")
        secret = {"authorization": f"Bearer {settings.token}"}
        told = await web.get(f"{settings.api}/{ref}", own=settings.api, secret=secret)
        found = decode_json(Address, told)
        return await web.get(found.url, own=settings.api, secret=secret, hosts=meta_webhook.HOSTS)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.app_secret:
            return None
        return (
            f"Meta: app dashboard, WhatsApp, Configuration: callback URL {url}, the verify token "
            "as in `verify_token`, field `messages`"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)


class Address(Record, frozen=True, kw_only=True):
    """Where a file is to be had, for five minutes."""

    url: str


def _value(raw: msgspec.Raw, made: list[bytes], ignored: list[str]) -> None:
    """Add the messages in a value to `made`, and why other things are none to `ignored`."""
    try:
        value = decode_json(Value, raw)
    except Rejected:
        made.append(bytes(raw))  # its dead letter will tell what is wrong with it
        return
    ignored += ["status"] * len(value.statuses)
    if not value.messages and not value.statuses:
        ignored.append("error" if value.errors else "empty")
    for item in value.messages:
        if _kind(item) in _SYSTEM:
            ignored.append("system")
            continue
        stored = Stored(metadata=value.metadata, contacts=value.contacts, message=item)
        made.append(msgspec.json.encode(stored))


def _kind(item: msgspec.Raw) -> str:
    try:
        head = decode_json(Head, item)
    except Rejected:
        return ""
    return head.type


def _who(item: Item, contacts: tuple[Contact, ...]) -> tuple[str, str, str]:
    """Return the number, the user id and the name of who wrote; what is unknown is empty."""
    sender = str(item.sender or "")
    same = (c for c in contacts if sender and sender in (str(c.wa_id or ""), c.user_id))
    found = next(same, None)
    if found is None and item.from_user_id:
        found = next((c for c in contacts if c.user_id == item.from_user_id), None)
    # Where nobody is named the only contact is meant, but not in a group.
    alone = len(contacts) == 1 and not (sender and item.group_id)
    found = found or (contacts[0] if alone else Contact())
    user_id = item.from_user_id or found.user_id or item.from_parent_user_id or ""
    # With a username the number's places may be empty, or hold the user id.
    numbers = [n for n in (sender, str(found.wa_id or "")) if n and n != user_id]
    if not user_id and not numbers:
        raise Rejected("json.invalid", "nobody wrote it: no from, no user id")
    profile = found.profile or Profile()
    return (numbers[0] if numbers else ""), user_id, profile.name or profile.username or ""


def _forwarded(item: Item) -> bool:
    told = item.context
    return told is not None and (told.forwarded or told.frequently_forwarded)


def _ours(metadata: Metadata) -> tuple[Party, ...]:
    number = str(metadata.display_phone_number or "")
    digits = re.sub(r"\D", "", number)
    return (Party(handles=(Handle(kind="phone", value=f"+{digits}"),)),) if digits else ()


def _event(item: Item, account: str) -> Event | None:
    kinds: tuple[tuple[Literal["edited", "deleted", "reaction"], str], ...] = (
        ("reaction", item.reaction.message_id if item.reaction else ""),
        ("edited", item.edit.original_message_id if item.edit else ""),
        ("deleted", item.revoke.original_message_id if item.revoke else ""),
    )
    for kind, native in kinds:
        if native:
            of = message_id("whatsapp", f"whatsapp:{account}", native)
            return Event(kind=kind, of=of)
    if item.type in ("reaction", "edit", "revoke"):
        raise Rejected("json.invalid", f"{item.type}, and it is not said of what")
    return None


def _words(item: Item) -> tuple[str, str]:
    """Return what the customer said, and how it is shown where that is nothing."""
    text, shown = "", ""
    if item.text:
        text = item.text.body
    elif item.button:
        text = item.button.text
    elif item.interactive:
        taps = (item.interactive.button_reply, item.interactive.list_reply)
        tap = next((t for t in taps if t), Tap())
        text = "\n".join(t for t in (tap.title, tap.description) if t)
        if item.interactive.nfm_reply:
            text = item.interactive.nfm_reply.body or ""
            answers = item.interactive.nfm_reply.response_json
            shown = answers if isinstance(answers, str) else msgspec.json.encode(answers).decode()
    elif item.location:
        place = item.location
        text = ", ".join(t for t in (place.name, place.address) if t)
        shown = f"{text} ({place.latitude},{place.longitude})".strip()
    elif item.contacts:
        text = "\n".join(map(_contact, item.contacts))
    elif item.order:
        text = item.order.text or ""
        lines = (
            f"{p.quantity} × {p.product_retailer_id} {p.item_price} {p.currency}"
            for p in item.order.product_items
        )
        shown = "\n".join((text, *lines)).strip()
    elif item.reaction:
        text = item.reaction.emoji or ""
    elif item.edit and item.edit.message:
        now = item.edit.message
        named = (now.image, now.video, now.document)
        text = now.text.body if now.text else next((f.caption or "" for f in named if f), "")
    else:
        files = (getattr(item, k) for k in _FILES)
        text = next((f.caption or "" for f in files if f), "")
    if item.referral and not shown:
        about = " ".join(t for t in (item.referral.headline, item.referral.source_url) if t)
        shown = f"{text}\n[{about}]" if about else ""
    if not text and not shown and item.errors:
        shown = f"[{item.errors[0].title}]"
    return text, shown or text


def _contact(shared: Shared) -> str:
    """Return a shared contact's details in one line."""
    company = shared.org
    places = (
        " ".join(str(part) for part in (a.street, a.zip, a.city, a.state, a.country) if part)
        for a in shared.addresses
    )
    parts = (
        shared.name.formatted_name,
        company.title,
        company.department,
        company.company,
        *(p.phone for p in shared.phones),
        *(e.email for e in shared.emails),
        *places,
        *(u.url for u in shared.urls),
        shared.birthday,
    )
    return ", ".join(part for part in parts if part)


def _attachment(kind: str, file: File) -> Attachment:
    mime = file.mime_type.partition(";")[0].strip() or "application/octet-stream"
    name = file.filename or f"{'voice' if file.voice else kind}.{mime.rpartition('/')[2]}"
    return Attachment(
        name=name, type=mime, size=0, sha256=_hex(file.sha256), inline=kind == "sticker"
    )


def _hex(told: str) -> str:
    try:
        return base64.b64decode(told, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
