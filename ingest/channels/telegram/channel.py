"""Telegram by the Bot API: webhook or long polling, whichever the account says.

Before: Telegram calls /v1/hooks/telegram/ACCOUNT, or getUpdates is asked. After: accept publishes.
Telegram keeps an update until it is confirmed, for a day: it is confirmed only once Kafka has it.
Source: core.telegram.org/bots/api.
"""

import hmac
import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote

import httpx2
import msgspec

from ingest.channel import (
    Context,
    Delivery,
    HintKind,
    Media,
    MediaClient,
    Parsed,
    build_message,
    event_for,
)
from ingest.parsing.json_values import Text, decode_json, is_present, parse_size, parse_time
from ingest.source import Accept, CursorStore, Source, SourceContext
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
from schemas.delays import OUTAGE_S, RECONNECT_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.message import Answering, Attachment, Handle, Party

LIMIT = 4096
_LARGEST = 20 * 1024 * 1024  # what getFile serves
_POLL_S = 25
_KINDS = (
    "message",
    "edited_message",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "callback_query",
    "guest_message",
)
_KNOWN = frozenset(
    {
        "channel_post",
        "edited_channel_post",
        "inline_query",
        "chosen_inline_result",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "message_reaction",
        "message_reaction_count",
        "shipping_query",
        "pre_checkout_query",
        "business_connection",
        "chat_boost",
        "removed_chat_boost",
        "purchased_paid_media",
    }
)
_NOTICES = frozenset(
    {
        "new_chat_members",
        "left_chat_member",
        "new_chat_title",
        "new_chat_photo",
        "delete_chat_photo",
        "group_chat_created",
        "supergroup_chat_created",
        "channel_chat_created",
        "pinned_message",
        "message_auto_delete_timer_changed",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "successful_payment",
        "refunded_payment",
        "users_shared",
        "chat_shared",
        "gift",
        "unique_gift",
        "gift_upgrade_sent",
        "connected_website",
        "write_access_allowed",
        "passport_data",
        "proximity_alert_triggered",
        "boost_added",
        "chat_background_set",
        "checklist_tasks_done",
        "checklist_tasks_added",
        "direct_message_price_changed",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
        "giveaway",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "giveaway_created",
        "giveaway_winners",
        "giveaway_completed",
        "paid_message_price_changed",
        "suggested_post_approved",
        "suggested_post_approval_failed",
        "suggested_post_declined",
        "suggested_post_paid",
        "suggested_post_refunded",
        "video_chat_scheduled",
        "video_chat_started",
        "video_chat_ended",
        "video_chat_participants_invited",
        "chat_owner_left",
        "chat_owner_changed",
        "poll_option_added",
        "poll_option_deleted",
        "managed_bot_created",
    }
)
"""Service messages. What is neither these nor known is kept: the customer did write."""

MAX_QUOTE_CHARS = 4096
"""Telegram's own limit of a text."""
MAX_VCARD_CHARS = 2048
"""Telegram's own limit of a vCard."""
_VCARD_KINDS = frozenset({"EMAIL", "ORG", "TITLE", "ADR", "URL", "NOTE", "TEL", "BDAY"})

_TOKEN = re.compile(r"^\d+:[\w-]{10,}$")


class Account(Record, frozen=True, kw_only=True):
    """One bot, which Telegram calls or which Santral asks."""

    brand: Brand = ""
    token: Annotated[str, msgspec.Meta(description="The bot's token.")] = ""
    secret_token: Annotated[
        str, msgspec.Meta(description="The word that proves Telegram's calls.")
    ] = ""
    poll: Annotated[
        bool,
        msgspec.Meta(description="Whether Santral asks Telegram, instead of taking its calls."),
    ] = False
    api: ApiAddress = "https://api.telegram.org"
    timeout: Annotated[
        timedelta, msgspec.Meta(description="The time that a question for updates may take.")
    ] = timedelta(seconds=60)


class User(Record, frozen=True, kw_only=True):
    """A person or a bot."""

    id: Text = ""
    is_bot: bool = False
    first_name: str | None = ""
    last_name: str | None = ""
    username: str | None = ""
    language_code: str | None = ""


class Chat(Record, frozen=True, kw_only=True):
    """Where it was said."""

    id: Text = ""
    type: str = ""
    title: str | None = ""
    username: str | None = ""


class File(Record, frozen=True, kw_only=True):
    """A file at Telegram; `thumb` and the like are not looked at."""

    file_id: str = ""
    file_size: Text = 0
    file_name: str | None = ""
    mime_type: str | None = ""
    emoji: str | None = ""
    width: Text = 0
    is_animated: bool = False
    is_video: bool = False


class Contact(Record, frozen=True, kw_only=True):
    """A contact somebody shared: their own when `user_id` is theirs."""

    phone_number: str | None = ""
    first_name: str | None = ""
    last_name: str | None = ""
    user_id: Text = None
    vcard: str | None = ""


class Location(Record, frozen=True, kw_only=True):
    """A place on the map."""

    latitude: Text = ""
    longitude: Text = ""


class Venue(Record, frozen=True, kw_only=True):
    """A place with a name."""

    title: str | None = ""
    address: str | None = ""
    location: Location | None = None


class Button(Record, frozen=True, kw_only=True):
    """A button under a message of ours."""

    text: str = ""
    callback_data: str | None = ""


class Keyboard(Record, frozen=True, kw_only=True):
    """The buttons under a message of ours."""

    inline_keyboard: tuple[tuple[Button, ...], ...] = ()


class Rich(Record, frozen=True, kw_only=True):
    """A text of blocks, each of texts, lists and blocks."""

    blocks: msgspec.Raw = msgspec.Raw(b"[]")


class Quoted(Record, frozen=True, kw_only=True):
    """The message that is answered."""

    message_id: Text = ""
    text: str | None = ""
    caption: str | None = ""


class Quote(Record, frozen=True, kw_only=True):
    """The part of the answered message that the customer chose."""

    text: str | None = ""


class Topic(Record, frozen=True, kw_only=True):
    """A person's thread in the private inbox of a channel."""

    topic_id: Text = ""


class Form(Record, frozen=True, kw_only=True):
    """What somebody filled in in a web app."""

    button_text: str | None = ""
    data: str | None = ""


class Choice(Record, frozen=True, kw_only=True):
    """An answer of a poll, or a task."""

    text: str | None = ""


class Asked(Record, frozen=True, kw_only=True):
    """A poll somebody sent."""

    question: str | None = ""
    options: tuple[Choice, ...] = ()


class Checklist(Record, frozen=True, kw_only=True):
    """A list of tasks somebody sent."""

    title: str | None = ""
    tasks: tuple[Choice, ...] = ()


class Said(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A message."""

    message_id: Text = ""
    message_thread_id: Text = None
    is_topic_message: bool = False
    business_connection_id: str | None = None
    sender: User | None = None
    sender_chat: Chat | None = None
    chat: Chat = Chat()
    date: Text = None
    edit_date: Text = None
    forward_origin: msgspec.Raw = msgspec.Raw()
    sender_business_bot: msgspec.Raw = msgspec.Raw()
    is_automatic_forward: bool = False
    ephemeral_message_id: Text = None
    direct_messages_topic: Topic | None = None
    web_app_data: Form | None = None
    poll: Asked | None = None
    checklist: Checklist | None = None
    reply_to_message: Quoted | None = None
    quote: Quote | None = None
    reply_markup: Keyboard | None = None
    text: str | None = None
    caption: str | None = None
    rich_message: Rich | None = None
    photo: tuple[File, ...] = ()
    document: File | None = None
    video: File | None = None
    audio: File | None = None
    voice: File | None = None
    video_note: File | None = None
    animation: File | None = None
    live_photo: File | None = None
    sticker: File | None = None
    contact: Contact | None = None
    location: Location | None = None
    venue: Venue | None = None


class Tapped(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A touch of one of our buttons."""

    id: str = ""
    sender: User = User()
    message: Said | None = None
    data: str | None = ""


class Deleted(Record, frozen=True, kw_only=True):
    """Messages that were deleted in a business chat."""

    business_connection_id: str | None = None
    chat: Chat = Chat()
    message_ids: tuple[Text, ...] = ()


class Update(Record, frozen=True, kw_only=True):
    """One update: an id, and one of the kinds."""

    update_id: int
    message: Said | None = None
    edited_message: Said | None = None
    business_message: Said | None = None
    edited_business_message: Said | None = None
    guest_message: Said | None = None
    deleted_business_messages: Deleted | None = None
    callback_query: Tapped | None = None


class Updates(Record, frozen=True, kw_only=True):
    """The answer to getUpdates; `parameters` of a refusal tell how long to wait."""

    ok: bool = False
    result: tuple[msgspec.Raw, ...] = ()
    description: str = ""
    parameters: dict[str, Text] | None = None


class Counted(Record, frozen=True, kw_only=True):
    """As much of an update as tells its place."""

    update_id: int


class Telegram:
    """The channel, its hook and its poll."""

    name = "telegram"
    channel = "telegram"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = MIB
    account = Account
    takes = "texts, captions, files, contacts, locations, button taps, edits, business chats"
    ignores = (
        "messages of bots, joins and other notices, reactions, polls, channel posts, membership"
    )

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.secret_token, "secret_token", "[channels.telegram.ACCOUNT]")
        return ("x-telegram-bot-api-secret-token",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Telegram's held: it bears the secret itself."""
        secret = require_secret(
            settings.secret_token, "secret_token", "[channels.telegram.ACCOUNT]"
        )
        told = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not told:
            raise Rejected("signature.missing", "no X-Telegram-Bot-Api-Secret-Token")
        if not hmac.compare_digest(told.encode("utf-8", "replace"), secret.encode()):
            raise Rejected("signature.wrong", "X-Telegram-Bot-Api-Secret-Token is another")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the update in a body, unless it is no message; a tap is answered at once."""
        keys = decode_json(dict[str, msgspec.Raw], body).keys()
        if "update_id" not in keys:
            raise Rejected("json.invalid", "no update of Telegram's: `update_id` is missing")
        if not any(kind in keys for kind in _KINDS):
            known = next((k for k in sorted(keys) if k in _KNOWN), "other_kind")
            return WebhookResult(ignored=(known,))
        try:
            update = decode_json(Update, body)
        except Rejected:
            return WebhookResult(
                deliveries=(body,)
            )  # its dead letter will tell what is wrong with it
        why = _no_message(update, body)
        if why:
            return WebhookResult(ignored=(why,))
        answer = WebhookResponse()
        if update.callback_query:
            told = {"method": "answerCallbackQuery", "callback_query_id": update.callback_query.id}
            answer = WebhookResponse(
                body=msgspec.json.encode(told), content_type="application/json"
            )
        # Several messages deleted at once are events of several messages.
        gone = update.deleted_business_messages
        if gone and len(gone.message_ids) > 1:
            singles = [
                msgspec.structs.replace(
                    update,
                    deleted_business_messages=msgspec.structs.replace(gone, message_ids=(one,)),
                )
                for one in gone.message_ids
            ]
            return WebhookResult(deliveries=tuple(msgspec.json.encode(s) for s in singles))
        return WebhookResult(deliveries=(body,), response=answer)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one update."""
        update = decode_json(Update, delivery.raw)
        if update.deleted_business_messages:
            return _deleted(update.deleted_business_messages, delivery, context)
        if update.callback_query:
            return _tapped(update.callback_query, delivery, context)
        said = update.message or update.business_message or update.guest_message
        edited = update.edited_message or update.edited_business_message
        if not (said or edited):
            raise Rejected("json.invalid", "an update without a message")
        return _said(
            said or edited or Said(),
            delivery,
            context,
            edited=said is None,
            guest=update.guest_message is not None,
        )

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file: its path is asked, then itself; both addresses hold the bot's token."""
        if not _TOKEN.match(settings.token):
            raise Rejected("media.refused", "set `token` in [channels.telegram.ACCOUNT]")
        base = f"{settings.api}/bot{settings.token}"
        told = await web.get(f"{base}/getFile?file_id={quote(ref, safe='')}", own=settings.api)
        path = decode_json(FoundFile, told).result.file_path
        if not path or ".." in path:
            raise Rejected("media.gone", "Telegram names no path")
        return await web.get(
            f"{settings.api}/file/bot{settings.token}/{quote(path)}", own=settings.api
        )

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if settings.poll or not settings.secret_token:
            return None
        return (
            f"Telegram: setWebhook with url {url}, secret_token as in `secret_token`, "
            f"allowed_updates {', '.join(_KINDS)}; or set `poll = true` instead"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the webhook's secret."""
        return msgspec.structs.replace(settings, secret_token=value)

    def pulls(self, settings: Account) -> bool:
        """Say whether the bot is polled."""
        return bool(settings.poll and settings.token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one bot."""
        return Poll(account, settings, context)


class Path(Record, frozen=True, kw_only=True):
    """Where a file lies."""

    file_path: str = ""


class FoundFile(Record, frozen=True, kw_only=True):
    """The answer to getFile."""

    result: Path = Path()


class Poll:
    """Long polling: the offset that confirms an update goes out only after Kafka has it."""

    patient = True

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Ask for ever; raise Retry when Telegram can't be asked."""
        offset = 0
        timeout = self._settings.timeout.total_seconds()
        async with httpx2.AsyncClient(timeout=timeout) as client:
            while True:
                for raw in await self._updates(client, offset):
                    taken = Telegram().take(bytes(raw))
                    number = decode_json(Counted, raw).update_id
                    for one in taken.deliveries:
                        delivery = Delivery(
                            raw=one, account=self._account, received_at=self._context.now()
                        )
                        await accept(delivery)
                    offset = number + 1
                self._context.report_pass(f"telegram:{self._account}")

    async def _updates(self, client: httpx2.AsyncClient, offset: int) -> tuple[msgspec.Raw, ...]:
        asked = {"timeout": _POLL_S, "limit": 100, "allowed_updates": _KINDS}
        if offset:
            asked["offset"] = offset
        url = f"{self._settings.api}/bot{self._settings.token}/getUpdates"
        try:
            answer = await client.post(url, json=asked)
            told = decode_json(Updates, answer.content)
        except httpx2.HTTPError as error:
            raise Retry(RECONNECT_S, f"Telegram can't be asked: {type(error).__name__}") from error
        except Rejected as error:
            raise Retry(OUTAGE_S, f"Telegram answered {answer.status_code}, no JSON") from error
        if not told.ok:
            after = float((told.parameters or {}).get("retry_after") or OUTAGE_S)
            raise Retry(
                after, f"Telegram refused getUpdates: {told.description[:ERROR_TEXT_LIMIT]}"
            )
        return told.result


def _no_message(update: Update, body: bytes) -> str:
    """Return why an update is no customer's message; empty when it is one."""
    if update.deleted_business_messages or update.callback_query:
        return ""
    kind = next((k for k in _KINDS if isinstance(getattr(update, k), Said)), None)
    if kind is None:
        return "other_kind"
    said: Said = getattr(update, kind)
    if kind.endswith("business_message") and _ours(said):
        return "echo"
    if said.is_automatic_forward:
        return "channel_post"
    if said.sender_chat and str(said.sender_chat.id) == str(said.chat.id):
        return "group_admin"
    if said.sender and said.sender.is_bot and not said.sender_chat:
        return "bot"
    fields = decode_json(dict[str, msgspec.Raw], decode_json(dict[str, msgspec.Raw], body)[kind])
    if any(is_present(v) for k, v in fields.items() if k in _NOTICES):
        return "notice"
    if kind.startswith("edited") and b"live_period" in bytes(fields.get("location", b"")):
        return "live_location"
    return ""


def _ours(said: Said) -> bool:
    """Say whether a business chat's words are the owner's, by hand or by a bot for them."""
    if is_present(said.sender_business_bot):
        return True
    alone = said.chat.type == "private" and said.sender is not None
    return alone and said.sender is not None and str(said.sender.id) != str(said.chat.id)


def _said(
    said: Said, delivery: Delivery, context: Context[Account], *, edited: bool, guest: bool
) -> Parsed:
    chat, number = str(said.chat.id), str(said.message_id)
    if not chat or not number:
        raise Rejected("json.invalid", "a message without chat or number")
    native, event = _native(said), None
    if edited:
        event = event_for("telegram", delivery, "edited", native)
        native = f"{native}:edit:{said.edit_date or said.date}"
    text, shown = _words(said)
    answered, quotation = _answered(said)
    files = _files(said)
    sticker = said.sticker.emoji or "" if said.sticker else ""
    made = build_message(
        "telegram",
        delivery,
        context,
        native_id=native,
        root=_root(said),
        kind="chat",
        sender=_sender(said),
        text=text or sticker,
        full_text="\n\n".join(t for t in (shown or text or sticker, quotation) if t),
        sent_at=parse_time(said.edit_date if edited else said.date),
        event=event,
        attachments=tuple(_attachment(k, f) for k, f in files),
        thread=(answered, number) if answered else (number,),
        reply_to=_back(said),
        answering=Answering(
            limit=LIMIT,
            forbidden="the bot is not in that chat" if guest else "",
            public=_public(said),
        ),
        flags=("forwarded",) if is_present(said.forward_origin) else (),
        repaired=() if shown or text or files or sticker else ("content.unsupported",),
    )
    media = tuple(Media(index=i, ref=f.file_id) for i, (_, f) in enumerate(files) if not _large(f))
    return Parsed(message=made, media=media)


def _tapped(tapped: Tapped, delivery: Delivery, context: Context[Account]) -> Parsed:
    said = tapped.message or Said(chat=Chat(id=tapped.sender.id))
    rows = said.reply_markup.inline_keyboard if said.reply_markup else ()
    label = next((b.text for row in rows for b in row if b.callback_data == tapped.data), "")
    if not tapped.id:
        raise Rejected("json.invalid", "a tap without its id")
    said = msgspec.structs.replace(said, sender=tapped.sender, sender_chat=None)
    text = label or tapped.data or ""
    made = build_message(
        "telegram",
        delivery,
        context,
        native_id=f"callback:{tapped.id}",
        root=_root(said),
        kind="chat",
        sender=_sender(said),
        text=text,
        reply_to=_back(said),
        answering=Answering(limit=LIMIT, public=_public(said)),
        repaired=() if text else ("content.unsupported",),
    )
    return Parsed(message=made)


def _deleted(gone: Deleted, delivery: Delivery, context: Context[Account]) -> Parsed:
    if not gone.message_ids:
        raise Rejected("json.invalid", "nothing was deleted")
    said = Said(
        chat=gone.chat,
        business_connection_id=gone.business_connection_id,
        message_id=gone.message_ids[0],
    )
    native = _native(said)
    made = build_message(
        "telegram",
        delivery,
        context,
        native_id=f"{native}:deleted",
        root=_root(said),
        kind="chat",
        sender=_sender(said),
        text="",
        event=event_for("telegram", delivery, "deleted", native),
    )
    return Parsed(message=made)


def _native(said: Said) -> str:
    """Return what a message is known by: a business chat counts apart from the bot's own."""
    number = str(said.message_id)
    if number == "0":
        number = f"0:{said.ephemeral_message_id}:{said.date}"
    own = f"{said.chat.id}/{number}"
    return f"{said.business_connection_id}:{own}" if said.business_connection_id else own


_SHARED = ("group", "supergroup", "channel")


def _public(said: Said) -> bool:
    return said.direct_messages_topic is None and said.chat.type in _SHARED


def _thread(said: Said) -> str:
    if said.direct_messages_topic:
        return f"dm{said.direct_messages_topic.topic_id}"
    # In a group without topics a thread is only a chain of answers: it moves, and is no root.
    return str(said.message_thread_id or "") if said.is_topic_message else ""


def _root(said: Said) -> str:
    where = f"{said.chat.id}/{_thread(said)}/{said.business_connection_id or ''}"
    if said.chat.type in _SHARED:
        who = said.sender_chat or said.sender
        return f"{where}/{who.id if who else ''}"
    return where


def _back(said: Said) -> str:
    return f"{said.chat.id}/{_thread(said)}/{said.business_connection_id or ''}"


def _sender(said: Said) -> Party:
    who = said.sender
    # Who writes as a channel comes with a made-up sender, the same for all.
    if who is None or said.sender_chat is not None:
        chat = said.sender_chat or said.chat
        handles = (Handle(kind="handle", value=f"telegram:{chat.id}"),)
        return Party(name=chat.title or chat.username or "", handles=handles)
    name = " ".join(n for n in (who.first_name, who.last_name) if n)
    made = [Handle(kind="handle", value=f"telegram:{who.id}")]
    own = said.contact
    if own and own.phone_number and own.user_id is not None and str(own.user_id) == str(who.id):
        made.append(Handle(kind="phone", value="+" + re.sub(r"\D", "", own.phone_number)))
    return Party(name=name or who.username or "", handles=tuple(made))


def _words(said: Said) -> tuple[str, str]:
    """Return what the customer said, and how it is shown where that is more."""
    if said.text is not None:
        return said.text, said.text
    if said.rich_message:
        text = _rich(said.rich_message.blocks)
        return text, text
    if said.contact:
        name = " ".join(n for n in (said.contact.first_name, said.contact.last_name) if n)
        shown = f"{name} {said.contact.phone_number or ''}".strip()
        details = _vcard_values(said.contact.vcard or "")
        return name, ", ".join((shown, *(v for v in details if v not in shown)))
    if said.venue:
        text = ", ".join(t for t in (said.venue.title, said.venue.address) if t)
        return text, f"{text} ({_at(said.venue.location)})"
    if said.location:
        return "", _at(said.location)
    if said.web_app_data:
        form = said.web_app_data
        return form.button_text or "", "\n".join(t for t in (form.button_text, form.data) if t)
    if said.poll and said.poll.question:
        return said.poll.question, _listed(said.poll.question, said.poll.options)
    if said.checklist and said.checklist.title:
        return said.checklist.title, _listed(said.checklist.title, said.checklist.tasks)
    return said.caption or "", said.caption or ""


def _answered(said: Said) -> tuple[str, str]:
    """Return the number of the answered message, and its words as a quotation."""
    quoted = said.reply_to_message
    number = str(quoted.message_id or "") if quoted else ""
    if quoted is None or (said.is_topic_message and number == str(said.message_thread_id)):
        # In a topic, Telegram marks a message that answers nothing as an answer to the first one.
        number, words = "", ""
    else:
        words = quoted.text or quoted.caption or ""
    words = (said.quote.text if said.quote else "") or words
    lines = words[:MAX_QUOTE_CHARS].split("\n") if words else []
    return number, "\n".join(f"> {line}" for line in lines)


def _vcard_values(vcard: str) -> list[str]:
    """Return the words of a vCard's e-mail, company, address, page and note (RFC 6350)."""
    values = []
    for line in re.sub(r"\r?\n[ \t]", "", vcard[:MAX_VCARD_CHARS]).splitlines():
        name, colon, value = line.partition(":")
        kind = name.partition(";")[0].rpartition(".")[2].upper()
        if colon and kind in _VCARD_KINDS:
            parts = (part.strip() for part in re.split(r"(?<!\\);", value))
            values.append(re.sub(r"\\([,;\\])", r"\1", " ".join(part for part in parts if part)))
    return values


def _listed(title: str, rows: tuple[Choice, ...]) -> str:
    return "\n".join((title, *(f"- {r.text}" for r in rows)))


def _at(place: Location | None) -> str:
    return f"{place.latitude},{place.longitude}" if place else ""


def _rich(blocks: msgspec.Raw) -> str:
    """Return the text of rich blocks: a RichText is a text, a list of them, or an object."""
    lines: list[str] = []

    def text(of: object) -> str:
        if isinstance(of, str):
            return of
        if isinstance(of, list):
            return "".join(map(text, of))
        if isinstance(of, dict):
            inner = [of[k] for k in ("text", "caption", "summary", "title") if k in of]
            return "".join(map(text, inner))
        return ""

    def block(of: object) -> None:
        if isinstance(of, list):
            for one in of:
                block(one)
        elif isinstance(of, dict):
            line = text({k: v for k, v in of.items() if not isinstance(v, list) or k == "text"})
            if line:
                lines.append(line)
            for key in ("blocks", "items", "cells", "rows"):
                block(of.get(key))
        elif isinstance(of, str):
            lines.append(of)

    try:
        block(msgspec.json.decode(blocks))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejected("json.malformed", str(error)) from error
    return "\n".join(lines)


def _files(said: Said) -> list[tuple[str, File]]:
    """Return the files of a message; of the sizes of a picture the largest."""
    found: list[tuple[str, File]] = []
    if said.photo:
        found.append(("photo", max(said.photo, key=lambda f: parse_size(f.file_size or f.width))))
    for kind in (
        "document",
        "video",
        "audio",
        "voice",
        "video_note",
        "animation",
        "live_photo",
        "sticker",
    ):
        file = getattr(said, kind)
        # An animation comes as a document as well.
        if file and file.file_id and all(f.file_id != file.file_id for _, f in found):
            found.append((kind, file))
    return found


_TYPES = {
    "photo": "image/jpeg",
    "voice": "audio/ogg",
    "video_note": "video/mp4",
    "sticker": "image/webp",
}


def _large(file: File) -> bool:
    return parse_size(file.file_size) > _LARGEST


def _attachment(kind: str, file: File) -> Attachment:
    mime = file.mime_type or _TYPES.get(kind, "application/octet-stream")
    if kind == "sticker" and (file.is_animated or file.is_video):
        mime = "video/webm" if file.is_video else "application/x-tgsticker"
    return Attachment(
        name=file.file_name or f"{kind}.{mime.rpartition('/')[2]}",
        type=mime,
        size=parse_size(file.file_size),
        sha256="",
        inline=kind == "sticker",
        refused="Telegram serves bots no file over 20 MB" if _large(file) else "",
    )
