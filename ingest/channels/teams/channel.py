"""Microsoft Teams, by the Bot Framework's protocol.

Before: Microsoft calls /v1/hooks/teams/ACCOUNT with a signed token. After: accept publishes. The
body itself is not signed: the token names the service that an answer may go to, and that must be
the body's. Source: learn.microsoft.com, Bot Connector authentication; activity schema.
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import httpx2
import jwt
import msgspec

from ingest.channel import Context, Delivery, HintKind, Media, MediaClient, Parsed, build_message
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import decode_json, parse_time
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult, require_secret
from schemas.account_fields import Brand
from schemas.base import Record, message_id
from schemas.delays import BUSY_S, OUTAGE_S, SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.message import Answering, Attachment, Event, Handle, Party

ISSUER = "https://api.botframework.com"
OPENID = "https://login.botframework.com/v1/.well-known/openidconfiguration"
LIMIT = 28_000
_SKEW = timedelta(minutes=5)
_KEEP = timedelta(hours=24)
_ASK_AGAIN = timedelta(hours=1)
_FAILED = timedelta(seconds=30)
_AT = re.compile(r"<at\b[^<>]{0,300}>([^<>]{0,300})</at>", re.IGNORECASE)
_HTML = re.compile(r"<(?:p|div|br|b|i|a|ul|ol|li|span|strong|em|img|blockquote)\b", re.IGNORECASE)
_KNOWN = frozenset(
    {
        "conversationUpdate",
        "installationUpdate",
        "typing",
        "event",
        "invoke",
        "endOfConversation",
        "contactRelationUpdate",
        "trace",
        "handoff",
    }
)
_FILE = "application/vnd.microsoft.teams.file.download.info"


class Account(Record, frozen=True, kw_only=True):
    """One bot."""

    brand: Brand = ""
    app_id: Annotated[
        str, msgspec.Meta(description="The bot's app id, for which Microsoft's tokens are.")
    ] = ""
    app_password: Annotated[
        str, msgspec.Meta(description="The bot's password, which fetches pictures.")
    ] = ""
    tenant: Annotated[str, msgspec.Meta(description="The tenant that gives the bot's tokens.")] = (
        "botframework.com"
    )
    login: Annotated[str, msgspec.Meta(description="The address of Microsoft's login.")] = (
        "https://login.microsoftonline.com"
    )


class Who(Record, frozen=True, kw_only=True, rename="camel"):
    """A person, or a conversation."""

    id: str = ""
    name: str | None = ""
    aad_object_id: str | None = ""
    conversation_type: str | None = ""


class Download(Record, frozen=True, kw_only=True, rename="camel"):
    """Where a file is."""

    download_url: str | None = ""
    file_type: str | None = ""


class Attached(Record, frozen=True, kw_only=True, rename="camel"):
    """A file, a picture in the text, or the text once more as HTML."""

    content_type: str | None = ""
    content_url: str | None = ""
    name: str | None = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


class Data(Record, frozen=True, kw_only=True, rename="camel"):
    """What Teams adds."""

    event_type: str | None = ""


class Touch(Record, frozen=True, kw_only=True):
    """A reaction."""

    type: str = ""


class Activity(Record, frozen=True, kw_only=True, rename="camel"):
    """A call."""

    type: str = ""
    id: str = ""
    timestamp: str | None = None
    service_url: str = ""
    channel_id: str = ""
    sender: Who = msgspec.field(name="from", default=Who())
    recipient: Who = Who()
    conversation: Who = Who()
    text: str | None = ""
    text_format: str | None = ""
    attachments: tuple[Attached, ...] = ()
    channel_data: Data | None = None
    reply_to_id: str | None = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    reactions_added: tuple[Touch, ...] = ()


class Key(Record, frozen=True, kw_only=True):
    """A public key of the Bot Framework's."""

    kid: str = ""
    kty: str = ""
    n: str = ""
    e: str = ""
    endorsements: tuple[str, ...] = ()


class Keys(Record, frozen=True, kw_only=True):
    """All of them."""

    keys: tuple[Key, ...] = ()


class OpenId(Record, frozen=True, kw_only=True):
    """Where they are."""

    jwks_uri: str = ""


class Token(Record, frozen=True, kw_only=True):
    """An access token for the Bot Connector."""

    access_token: str = ""


class Teams:
    """The channel, and the hook of its vendor."""

    name = "teams"
    channel = "teams"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = MIB
    account = Account
    takes = "messages of people with files, submitted cards, edits, deletions, reactions"
    ignores = "joins, installations, typing, invokes"

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._asked: datetime | None = None
        self._failed: datetime | None = None

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.app_id, "app_id", "[channels.teams.ACCOUNT]")
        return ("authorization",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Microsoft's held."""
        app_id = require_secret(settings.app_id, "app_id", "[channels.teams.ACCOUNT]")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Rejected("signature.missing", "no Authorization: Bearer")
        activity = decode_json(Activity, request.body)
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise Rejected("signature.wrong", f"no JWT: {type(error).__name__}") from error
        key = await self._key(str(header.get("kid") or ""), context)
        claims = _claims(token, key, app_id, context.now)
        service = str(claims.get("serviceurl") or "").rstrip("/")
        if not service or service != activity.service_url.rstrip("/"):
            raise Rejected("signature.wrong", "serviceUrl is not the token's")
        if key.endorsements and activity.channel_id not in key.endorsements:
            raise Rejected("signature.wrong", "the key does not endorse this channel")
        context.report_proven()
        return self.take(request.body)

    async def _key(self, kid: str, context: WebhookContext) -> Key:
        """Return a public key; all are asked for once a day, unknown ones at most hourly."""
        old = self._asked is None or context.now - self._asked > _KEEP
        may = self._asked is None or context.now - self._asked > _ASK_AGAIN
        if old or (kid not in self._keys and may):
            try:
                await self._refresh(context)
            except (Retry, Rejected) as error:
                # Yesterday's keys still prove what they prove.
                if kid not in self._keys:
                    raise Retry(BUSY_S, f"no keys of the Bot Framework: {error}") from error
        if kid not in self._keys:
            raise Rejected("signature.wrong", "the token's key is not one of the Bot Framework's")
        return self._keys[kid]

    async def _refresh(self, context: WebhookContext) -> None:
        if self._failed is not None and context.now - self._failed < _FAILED:
            raise Retry(_FAILED.total_seconds(), "they could not be had a moment ago")
        self._failed = context.now
        where = decode_json(OpenId, await context.fetch(OPENID)).jwks_uri
        if not where.startswith("https://login.botframework.com/"):
            raise Retry(SETUP_PROBLEM_S, "they are said to be elsewhere")
        found = decode_json(Keys, await context.fetch(where))
        self._keys = {k.kid: k for k in found.keys if k.kty == "RSA"}
        self._asked, self._failed = context.now, None

    def take(self, body: bytes) -> WebhookResult:
        """Return the activity in a body, unless it is no message."""
        kind = decode_json(Activity, body).type
        if kind in ("message", "messageUpdate", "messageDelete", "messageReaction"):
            return WebhookResult(deliveries=(body,))
        if not kind:
            raise Rejected("json.invalid", "no activity: no type")
        return WebhookResult(ignored=(kind if kind in _KNOWN else "other_kind",))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one activity."""
        told = decode_json(Activity, delivery.raw)
        if not told.conversation.id or not (told.id or told.reply_to_id):
            raise Rejected("json.invalid", "an activity without conversation or id")
        native, event = _event(told, delivery)
        files = [a for a in told.attachments if _address(a)]
        text = _text(told) if told.type != "messageDelete" else ""
        who = told.sender.aad_object_id or told.sender.id
        handles = (Handle(kind="handle", value=f"teams:{who}"),) if who else ()
        personal = told.conversation.conversation_type in ("personal", "", None)
        made = build_message(
            "teams",
            delivery,
            context,
            native_id=native,
            kind="chat",
            text=text,
            event=event,
            root=told.conversation.id,
            sender=Party(name=told.sender.name or "", handles=handles),
            sent_at=parse_time(told.timestamp),
            thread=(told.id,) if told.id else (),
            reply_to=f"{told.service_url.rstrip('/')}|{told.conversation.id}",
            attachments=tuple(_attachment(a) for a in files),
            answering=Answering(limit=LIMIT, public=not personal),
            repaired=() if text or files or event else ("content.unsupported",),
        )
        media = tuple(Media(index=i, ref=_address(a)) for i, a in enumerate(files))
        return Parsed(message=made, media=media)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file: a shared one by its own address, a picture with the bot's token."""
        if not ref.startswith("inline:"):
            return await web.get(ref)
        if not (settings.app_id and settings.app_password):
            raise Rejected("media.refused", "set `app_password` in [channels.teams.ACCOUNT]")
        secret = {"authorization": f"Bearer {await _token(settings)}"}
        hosts = ("botframework.com", "smba.trafficmanager.net")
        return await web.get(ref.removeprefix("inline:"), secret=secret, hosts=hosts)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.app_id:
            return None
        return (
            f"Teams: Azure portal, bot {settings.app_id}, Configuration: messaging endpoint {url}"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the app's id: the token is proven by Microsoft's own keys."""
        return msgspec.structs.replace(settings, app_id=value)


def _claims(token: str, key: Key, app_id: str, now: datetime) -> dict[str, Any]:
    """Return what a token says; raise Rejected unless it is signed, for us, and of now."""
    public = jwt.PyJWK({"kty": key.kty, "n": key.n, "e": key.e, "alg": "RS256"})
    try:
        claims = jwt.decode(
            token,
            public,
            algorithms=["RS256"],
            issuer=ISSUER,
            audience=[app_id, f"api://{app_id}"],
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "require": ["exp", "iss", "aud"],
            },
        )
        starts, ends = float(claims.get("nbf") or 0), float(claims["exp"])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Rejected("signature.wrong", f"bad token: {error}"[:ERROR_TEXT_LIMIT]) from error
    skew, at = _SKEW.total_seconds(), now.timestamp()
    if at > ends + skew or at < starts - skew:
        raise Rejected("signature.stale", "the token is not of now")
    return dict(claims)


async def _token(settings: Account) -> str:
    url = f"{settings.login}/{settings.tenant}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.app_id,
        "client_secret": settings.app_password,
        "scope": f"{ISSUER}/.default",
    }
    try:
        async with httpx2.AsyncClient(timeout=15) as client:
            answer = await client.post(url, data=form)
    except httpx2.HTTPError as error:
        text = f"Microsoft's login can't be asked: {type(error).__name__}"
        raise Retry(OUTAGE_S, text) from error
    if answer.status_code != 200:
        raise Retry(BUSY_S, f"Microsoft's login answered {answer.status_code}")
    return decode_json(Token, answer.content).access_token


def _event(told: Activity, delivery: Delivery) -> tuple[str, Event | None]:
    """Return the native id, and what the activity touches."""

    def touched(kind: Literal["edited", "deleted", "reaction"], number: str) -> Event:
        own = f"{told.conversation.id}/{number}"
        return Event(kind=kind, of=message_id("teams", f"teams:{delivery.account}", own))

    own = f"{told.conversation.id}/{told.id}"
    if told.type == "messageUpdate":
        return f"{own}:edit:{told.timestamp}", touched("edited", told.id)
    if told.type == "messageDelete":
        return f"{own}:deleted", touched("deleted", told.id)
    if told.type == "messageReaction":
        number = told.reply_to_id or told.id
        return f"{own}:reaction:{told.timestamp}", touched("reaction", number)
    return own, None


def _text(told: Activity) -> str:
    """Return the words without our own name at their head, of a card what was filled in."""
    if told.type == "messageReaction":
        return " ".join(t.type for t in told.reactions_added)
    text = told.text or ""
    ours = (told.recipient.name or "").strip().lower()

    def name(found: re.Match[str]) -> str:
        return "" if ours and found[1].strip().lower() == ours else found[1]

    text = _AT.sub(name, text)
    if told.text_format == "xml" or _HTML.search(text):
        text = to_text(text)
    text = text.replace("&nbsp;", " ").strip()
    filled = bytes(told.value)
    if not text and filled not in (b"null", b"", b"{}"):
        return filled.decode("utf-8", "replace")[:10_000]
    return text


def _address(attached: Attached) -> str:
    """Return where a file lies; the text as HTML and cards are none."""
    if attached.content_type == _FILE:
        try:
            return decode_json(Download, attached.content).download_url or ""
        except Rejected:
            return ""
    if (attached.content_type or "").startswith("image/") and attached.content_url:
        return f"inline:{attached.content_url}"
    return ""


def _attachment(attached: Attached) -> Attachment:
    kind = attached.content_type or ""
    image = kind.startswith("image/")
    return Attachment(
        name=attached.name or ("picture" if image else "file"),
        size=0,
        sha256="",
        type=kind if image and "*" not in kind else "application/octet-stream",
        inline=image,
    )
