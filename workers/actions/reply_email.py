"""Sends answers and acknowledgements by mail, over SMTP.

The Message-ID is stable and carries our signed conversation token, so the customer's answer joins
the conversation again. workers/actions/outgoing_mail.py writes the bytes.
Source: RFC 5322, RFC 3834, RFC 5321; aiosmtplib 5.1.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from email.utils import parseaddr
from typing import Annotated, Literal, TypedDict

import aiosmtplib
import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S, NEIGHBOUR_S, RECONNECT_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from schemas.text import reply_token
from workers.actions.oauth import request_access_token
from workers.actions.outgoing_mail import (
    MAX_SUBJECT_CHARS,
    OutgoingMail,
    UnsafeMail,
    clean_address,
    clean_line,
)
from workers.actions.outgoing_mail import compose as write_mail
from workers.actions.protocol import ServerAway, Unconfirmed

_REPLY_PREFIX = re.compile(r"^\s*(re|ynt|yan|cvp|aw|sv)\s*(\[\d+\])?:", re.IGNORECASE)

_TOKEN_SERVERS = {
    "google": ("https://oauth2.googleapis.com/token", "https://mail.google.com/"),
    "microsoft": (
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://outlook.office.com/SMTP.Send offline_access",
    ),
}
"""The token address and the scope of each provider (RFC 6749, 6)."""


class SmtpOAuth(Record, frozen=True, kw_only=True):
    """The login by token instead of a password."""

    provider: Annotated[
        Literal["", "google", "microsoft"], msgspec.Meta(description="The provider of the tokens.")
    ] = ""
    tenant: Annotated[str, msgspec.Meta(description="The Microsoft tenant.")] = "common"
    token_url: Annotated[
        str, msgspec.Meta(description="The token address; empty is the provider's own.")
    ] = ""
    client_id: Annotated[str, msgspec.Meta(description="The id of the app registration.")] = ""
    client_secret: Annotated[
        str, msgspec.Meta(description="The secret of the app registration.")
    ] = ""
    refresh_token: Annotated[
        str,
        msgspec.Meta(
            description="The refresh token; with it the login uses XOAUTH2 instead of a password."
        ),
    ] = ""
    scope: Annotated[
        str, msgspec.Meta(description="The scope of the tokens; empty is the provider's own.")
    ] = ""


class EmailReplyAccount(Record, frozen=True, kw_only=True):
    """The mail server of one account."""

    host: Annotated[str, msgspec.Meta(description="The SMTP server.")] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535, description="The SMTP port.")] = 587
    tls: Annotated[
        Literal["none", "starttls", "tls"],
        msgspec.Meta(description="How the connection is encrypted."),
    ] = "starttls"
    user: Annotated[
        str, msgspec.Meta(description="The user of the login; empty logs in as nobody.")
    ] = ""
    password: Annotated[str, msgspec.Meta(description="The password of the login.")] = ""
    oauth: SmtpOAuth = SmtpOAuth()
    sender: Annotated[
        str, msgspec.Meta(description="The From address, with or without a name.")
    ] = ""
    timeout_s: SendTimeout = 60


class _Login(TypedDict, total=False):
    """The password or the access token of a login, by aiosmtplib's names."""

    password: str | None
    oauth_token_generator: Callable[[], Awaitable[str]]


class ReplyEmail:
    """The action for conversations by mail."""

    name = "reply_email"
    channel = "email"
    account = EmailReplyAccount
    shares: tuple[str, ...] = ()
    required: tuple[str, ...] = ("host",)

    async def send(self, reply: Reply, settings: EmailReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the server's answer."""
        address = reply.reply_to or reply.recipient.handle("email")
        if not address:
            raise Rejected("reply.no_address", "the customer left no mail address")
        if not settings.host:
            account = reply.source.partition(":")[2] or "default"
            raise Rejected(
                "reply.no_server", f"set `host` in [actions.reply_email.{account}] to send mail"
            )
        raw = compose(reply, settings, address, signing_key)
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_s,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            username=settings.user or None,
            **await _login(settings),
        )
        try:
            try:
                await _connect(client)
                await _send_envelope(client, settings, address, reply)
            except asyncio.CancelledError as error:
                raise Retry(NEIGHBOUR_S, "the worker stopped before the mail left") from error
            return await _hand_over(client, raw)
        finally:
            client.close()


async def _connect(client: aiosmtplib.SMTP) -> None:
    """Connect and log in; raise Retry for every failure."""
    try:
        await client.connect()
    except aiosmtplib.SMTPAuthenticationError as error:
        raise Retry(
            ACCOUNT_PROBLEM_S, f"the mail server refuses the login: {error.code}"
        ) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise ServerAway(RECONNECT_S, f"the mail server is away: {type(error).__name__}") from error


async def _login(settings: EmailReplyAccount) -> _Login:
    """Return the login's arguments for aiosmtplib, with a password or an access token.

    The token is requested before the mail server is called, so that each server's failure has its
    own error.
    """
    oauth = settings.oauth
    if not oauth.refresh_token:
        return {"password": settings.password or None}
    url, scope = _TOKEN_SERVERS.get(oauth.provider, ("", ""))
    form = {
        "grant_type": "refresh_token",
        "refresh_token": oauth.refresh_token,
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret,
        "scope": oauth.scope or scope,
    }
    token = await request_access_token(
        oauth.token_url or url.format(tenant=oauth.tenant),
        "the token server",
        {k: v for k, v in form.items() if v},
        timeout_s=settings.timeout_s,
    )

    async def token_generator() -> str:
        return token

    return {"oauth_token_generator": token_generator}


async def _send_envelope(
    client: aiosmtplib.SMTP, settings: EmailReplyAccount, address: str, reply: Reply
) -> None:
    """Send the sender and the recipient, before the server has any text."""
    # A machine's text has a null sender, so that nobody answers its bounce (RFC 3834, 3.3).
    envelope = "" if reply.kind != "answer" else clean_address(_sender(settings)[1])
    try:
        await client.mail(envelope)
        await client.rcpt(clean_address(address))
    except aiosmtplib.SMTPResponseException as error:
        raise _error_for(error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise ServerAway(
            RECOVERY_S, f"the mail server closed the connection: {type(error).__name__}"
        ) from error


async def _hand_over(client: aiosmtplib.SMTP, raw: bytes) -> str:
    """Hand the mail over and return the server's answer; raise Unconfirmed without one."""
    try:
        answer = await client.data(raw)
    except aiosmtplib.SMTPResponseException as error:
        raise _error_for(error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Unconfirmed(
            "the mail server did not confirm: the mail may or may not have been sent"
        ) from error
    return f"{answer.code} {answer.message}"[:ERROR_TEXT_LIMIT]


def _error_for(error: aiosmtplib.SMTPResponseException) -> Rejected | Retry:
    """Return the error for a refusal; codes from 400 to 499 are temporary (RFC 5321, 4.2.1)."""
    text = f"{error.code} {error.message}"[:ERROR_TEXT_LIMIT]
    if 400 <= error.code < 500:
        return Retry(BUSY_S, f"the mail server postponed the mail: {text}")
    return Rejected("reply.refused", text)


def compose(reply: Reply, settings: EmailReplyAccount, address: str, key: bytes) -> bytes:
    """Return the mail of a reply; raise Rejected when it can't be written safely."""
    name, sender = _sender(settings)
    try:
        clean_address(address)
    except UnsafeMail as error:
        raise Rejected("reply.no_address", f"the customer's address: {error}") from error
    try:
        domain = clean_address(sender).rpartition("@")[2]
    except UnsafeMail as error:
        raise Rejected("reply.no_server", f"`sender` in [actions.reply_email]: {error}") from error
    serial = reply.id.replace("-", "")
    mail = OutgoingMail(
        sender_name=name,
        sender=sender,
        recipient=address,
        subject=_subject(reply),
        date=reply.at,
        message_id=reply_token.message_id(key, reply.conversation, serial, domain),
        text=reply.text,
        in_reply_to=reply.in_reply_to or "",
        references=reply.references,
        automatic=reply.kind != "answer",
    )
    try:
        return write_mail(mail)
    except UnsafeMail as error:
        raise Rejected("reply.unsafe", str(error)) from error


def _sender(settings: EmailReplyAccount) -> tuple[str, str]:
    """Return the name and address of our mail's sender."""
    return parseaddr(settings.sender or f"santral@{settings.host}")


def _subject(reply: Reply) -> str:
    """Return the customer's subject with one prefix, in their language."""
    subject = clean_line(reply.subject, MAX_SUBJECT_CHARS)
    if _REPLY_PREFIX.match(subject):
        return subject
    return f"{'Ynt' if reply.language == 'tr' else 'Re'}: {subject}".strip()
