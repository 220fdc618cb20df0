"""Mail: IMAP mailboxes read by a durable cursor, and raw mails that are posted to the door.

Before: an IMAP server, or `POST /v1/hooks/mail/{account}`. After: ingest/intake/accept.py publishes
and acknowledges. aioimaplib is GPL-3.0-only: this is the only file that imports it.

State is (UIDVALIDITY, highest UID safe in Kafka), never the \\Seen flag: people read mail too.
Every pass also looks again at the last UIDs below the cursor, for some servers let a lower UID
appear late, and IDLE only wakes the loop up: the poll happens all the same.
Source: RFC 3501, RFC 2177, RFC 6851; mailbox names RFC 3501, 5.1.3 (modified UTF-7).
"""

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from aioimaplib import IMAP4, IMAP4_SSL, AioImapException

from ingest.channel import Context, Delivery, HintKind, MediaClient, Notice, Parsed, build_message
from ingest.parsing.json_values import decode_json
from ingest.parsing.mail.message import CHANNEL, parse_message
from ingest.parsing.mail.smtp_envelope import IN_BUCKET, InBucket, with_envelope
from ingest.source import Accept, CursorStore, SourceContext
from ingest.sources.oauth import OAuthSettings, OAuthTokens
from ingest.sources.s3 import BucketReader, BucketSettings
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.delays import OUTAGE_S, RECONNECT_S
from schemas.errors import Rejected, Retry, retries
from schemas.message import Party
from schemas.state.cursor import Cursor

T = TypeVar("T")

LATE_WINDOW = 50
"""UIDs looked at again below the cursor on every pass."""

_QUOTED_BODY = re.compile(rb'BODY\[(?:HEADER)?\](?:<\d+>)? "((?:[^"\\]|\\.)*)"')
_LITERAL = re.compile(rb"BODY\[\] \{\d+\}$")
_UID = re.compile(rb"\bUID (\d+)")
_SET = 200  # aioimaplib recurses once a response line: 1,000 in one chunk end in a hang
_FETCH_AT_ONCE = 50  # mails in one command, if they are small
_CHALLENGE_S = 5.0
_PLAIN_RETRY_S = 15.0
_MIN_DELAY_S = 1.0
_MAX_DELAY_S = 60.0
_LONGEST_S = 3600.0
_LINE_INTERVAL = timedelta(minutes=1)
_BACKOFF = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)
"""Exchange Online: "Request is throttled. Suggested Backoff Time: 57000 milliseconds"."""

_CHUNK = 2 * 1024 * 1024  # bytes of a large mail fetched at once, so that no read takes minutes


class Account(Record, frozen=True, kw_only=True):
    """One mail account; without `host` it reads no mailbox."""

    host: Annotated[str, msgspec.Meta(description="The IMAP server; empty reads no mailbox.")] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535, description="The IMAP port.")] = 993
    tls: Annotated[
        bool, msgspec.Meta(description="Whether the connection uses TLS from its start.")
    ] = True
    user: Annotated[str, msgspec.Meta(description="The mailbox's user.")] = ""
    password: Annotated[str, msgspec.Meta(description="The mailbox's password.")] = ""
    oauth: OAuthSettings = OAuthSettings()
    mailboxes: Annotated[tuple[str, ...], msgspec.Meta(description="The folders to read.")] = (
        "INBOX",
    )
    brand: Brand = ""
    poll: Annotated[
        timedelta,
        msgspec.Meta(description="The time between two passes, beside the server's own notices."),
    ] = timedelta(seconds=30)
    timeout: Annotated[
        timedelta, msgspec.Meta(description="The time after which the server counts as silent.")
    ] = timedelta(seconds=60)
    max_mail: Annotated[
        int,
        msgspec.Meta(description="The largest mail in bytes; a larger one becomes a dead letter."),
    ] = 64 * 1024 * 1024
    domain: Annotated[
        str, msgspec.Meta(description="The domain of our own mails, by which a loop is recognised.")
    ] = ""
    addresses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description=(
                "The addresses (`destek@example.com`) and domains (`@example.com`) that the"
                " mail door takes for this account."
            )
        ),
    ] = ()
    mailgun_key: Annotated[str, msgspec.Meta(description="Mailgun's HTTP webhook signing key.")] = (
        ""
    )
    mailgun_window: Annotated[
        timedelta,
        msgspec.Meta(description="The largest age of the first try of a call of Mailgun."),
    ] = timedelta(minutes=15)
    postmark_password: Annotated[
        str, msgspec.Meta(description="The password in the address of Postmark's webhook.")
    ] = ""
    sendgrid_key: Annotated[
        str, msgspec.Meta(description="The public key of SendGrid's signature policy.")
    ] = ""
    ses_topics: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="The topics of Amazon SNS whose notices are taken."),
    ] = ()
    ses_bucket: BucketSettings = BucketSettings()


class Email:
    """The channel: one parser for every way a mail comes in."""

    name = CHANNEL
    takes = "mail by IMAP, LMTP, SMTP and inbound webhooks, with files, forwards, bounces"
    ignores = "nothing; mail of machines is stored, too, and opens no work"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "mailbox"
    account = Account

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message in a raw RFC 5322 mail."""
        settings = context.settings
        if delivery.hint == IN_BUCKET:
            return _lies_in_a_bucket(delivery, context)
        made, files = parse_message(
            delivery.raw,
            brand=(settings.brand if settings else "") or context.brand,
            account=delivery.account,
            received_at=delivery.received_at,
            mailbox=delivery.hint or "",
            position=delivery.position,
            signing_key=context.signing_key,
            domain=settings.domain if settings else "",
        )
        return Parsed(message=made, files=files)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account, web: MediaClient
    ) -> bytes:
        """Return a mail from the account's bucket, with its envelope."""
        told = decode_json(InBucket, raw)
        return with_envelope(await BucketReader(settings.ses_bucket).get(ref), told.sender, told.to)

    def pulls(self, settings: Account) -> bool:
        """Say whether an account has a server to fetch from."""
        return bool(settings.host)

    def source(self, account: str, settings: Account, context: SourceContext) -> "Mailboxes":
        """Return the IMAP source of one account."""
        return Mailboxes(account, settings, context)


def _too_large(size: int) -> Rejected:
    return Rejected("mail.too_large", f"{size} bytes, only its head was kept")


def _lies_in_a_bucket(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return what stands for a mail until it is read from its bucket."""
    told = decode_json(InBucket, delivery.raw)
    made = build_message(
        CHANNEL,
        delivery,
        context,
        native_id=told.key,
        root=told.key,
        kind="mail",
        sender=Party(),
        text="",
    )
    return Parsed(message=made, notice=Notice(ref=told.key, bare=True))


def encode_mailbox(name: str) -> str:
    """Return a mailbox name in modified UTF-7, quoted: "Gönderilmiş" is "G&APY-nderilmi&AV8-"."""
    made, run = [], ""

    def flush() -> None:
        nonlocal run
        if run:
            body = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            made.append(f"&{body}-")
            run = ""

    for c in name:
        if " " <= c <= "~":
            flush()
            made.append("&-" if c == "&" else c)
        else:
            run += c
    flush()
    escaped = "".join(made).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(kw_only=True)
class _Backoff:
    """The pause between two tries to read one mailbox, and the failure logged last."""

    logged_at: datetime
    logged: str = ""
    delay_s: float = _MIN_DELAY_S
    _has_worked: bool = False

    def reset(self) -> None:
        """Forget the failures, because a pass over the mailbox succeeded."""
        self._has_worked = True

    def grow(self, error: Retry) -> float:
        """Return the pause after a failure: twice the last one, or the time the server names."""
        self.delay_s = _MIN_DELAY_S if self._has_worked else min(_MAX_DELAY_S, self.delay_s * 2)
        if error.after > _PLAIN_RETRY_S:
            self.delay_s = max(self.delay_s, error.after)
        self.logged = "" if self._has_worked else self.logged
        self._has_worked = False
        return self.delay_s

    def is_news(self, failure: str, now: datetime) -> bool:
        """Return whether to log a failure: a new one, or the same one a minute later."""
        if failure == self.logged and now - self.logged_at <= _LINE_INTERVAL:
            return False
        self.logged, self.logged_at = failure, now
        return True


@dataclass
class Mailboxes:
    """The mailboxes of one account, each read by its own connection."""

    patient = True

    account: str
    settings: Account
    context: SourceContext
    _tokens: OAuthTokens | None = None

    def tokens(self) -> OAuthTokens | None:
        """Return what logs in by token, None for an account with a password."""
        if self.settings.oauth.client_id and self._tokens is None:
            self._tokens = OAuthTokens(
                f"email-{self.account}",
                self.settings.oauth,
                self.context.now,
                self.context.load_state,
                self.context.save_state,
            )
        return self._tokens

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Read every mailbox for ever, each by itself: one that fails holds no other up."""
        async with asyncio.TaskGroup() as group:
            for name in self.settings.mailboxes:
                group.create_task(self._read_for_ever(name, accept, cursors))

    async def _read_for_ever(self, mailbox: str, accept: Accept, cursors: CursorStore) -> None:
        backoff = _Backoff(logged_at=self.context.now())
        while True:
            pause_s = backoff.delay_s
            try:
                await self._read(mailbox, backoff, accept, cursors)
            except* Retry as errors:
                error = retries(errors)[0]
                pause_s = self.context.shorten_pause(backoff.grow(error))
                if backoff.is_news(str(error), self.context.now()):
                    self.context.warn(
                        "source.away",
                        source=self.name_of(mailbox),
                        why=str(error),
                        again_in_s=pause_s,
                    )
            # Not within `except*`, which would wrap a cancellation in a group.
            await self.context.pause(pause_s)

    def name_of(self, mailbox: str) -> str:
        """Return the name of a mailbox's cursor."""
        return f"{CHANNEL}:{self.account}:{mailbox}"

    async def _read(
        self, mailbox: str, backoff: "_Backoff", accept: Accept, cursors: CursorStore
    ) -> None:
        async with self._session(mailbox) as session:
            while True:
                await self._pass(session, mailbox, accept, cursors)
                backoff.reset()
                self.context.report_pass(self.name_of(mailbox))
                await session.wait(self.settings.poll.total_seconds(), self.context.pause)
                await session.select(mailbox)

    async def _pass(
        self, session: "Session", mailbox: str, accept: Accept, cursors: CursorStore
    ) -> None:
        """Hand over everything above the cursor, and what appeared late below it."""
        name, epoch = self.name_of(mailbox), session.uidvalidity
        cursor = await cursors.load(name)
        # A backup that was restored numbers anew below what was read, under the same UIDVALIDITY.
        back = cursor is not None and 0 < session.uidnext <= cursor.position
        if cursor is None or cursor.epoch != epoch or back:
            if back and cursor is not None:
                self.context.warn(
                    "source.went_back", source=name, read=cursor.position, next=session.uidnext
                )
            elif cursor is not None:
                self.context.warn("source.renumbered", source=name, was=cursor.epoch, now=epoch)
            cursor = Cursor(source=name, epoch=epoch, position=0, at=self.context.now())
            session.known.clear()
        # In the window below the cursor only what this process has not seen is handed over: after
        # a restart that is all of it once, and the ids absorb the repeats.
        uids = await session.uids(max(1, cursor.position - LATE_WINDOW + 1))
        fresh = [u for u in uids if u not in session.known]
        for start in range(0, len(fresh), _SET):
            part = fresh[start : start + _SET]
            sizes = await session.sizes(part)
            for wave in _waves(part, sizes):
                small = [u for u in wave if sizes[u] <= self.settings.max_mail]
                mails = await session.together(small, sizes) if len(small) > 1 else {}
                async with asyncio.TaskGroup() as group:
                    for uid in wave:
                        # Of a mail over the limit only the head is taken: a dead letter says so.
                        large = sizes[uid] > self.settings.max_mail
                        raw = mails.get(uid)
                        if raw is None:
                            raw = await session.fetch(uid, sizes[uid], head=large)
                        if raw is not None:
                            made = self._delivery(raw, epoch, mailbox, uid)
                            if large:
                                made = replace(made, refused=_too_large(sizes[uid]))
                            group.create_task(accept(made))
                # Only now, with all of the wave safe: the cursor never passes what is not.
                session.known.update(wave)
                if max(wave) > cursor.position:
                    cursor = Cursor(
                        source=name, epoch=epoch, position=max(wave), at=self.context.now()
                    )
                    await cursors.save(cursor)

    def _delivery(self, raw: bytes, epoch: str, mailbox: str, uid: int) -> Delivery:
        return Delivery(
            raw=raw,
            account=self.account,
            received_at=self.context.now(),
            position=f"{mailbox};{epoch};{uid}",
            hint=mailbox,
        )

    async def inventory(self) -> AsyncIterator[str]:
        """Yield `mailbox;UIDVALIDITY;UID` of every mail the account holds."""
        for mailbox in self.settings.mailboxes:
            async with self._session(mailbox) as session:
                for uid in await session.uids(1):
                    yield f"{mailbox};{session.uidvalidity};{uid}"

    @contextlib.asynccontextmanager
    async def _session(self, mailbox: str) -> AsyncIterator["Session"]:
        session = Session(self.settings, self.account, self.tokens())
        try:
            await session.open()
            await session.select(mailbox)
            yield session
        except* (AioImapException, OSError, TimeoutError) as errors:
            first = errors.exceptions[0]
            raise Retry(
                RECONNECT_S, f"{self.account}/{mailbox}: {type(first).__name__}: {first}"
            ) from errors
        finally:
            await session.close()


def _waves(uids: list[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    """Yield mails a few at a time, a large one alone, without what was expunged meanwhile."""
    wave: list[int] = []
    held = 0
    for uid in uids:
        if uid not in sizes:
            continue
        if wave and (len(wave) == _FETCH_AT_ONCE or held + sizes[uid] > _CHUNK):
            yield wave
            wave, held = [], 0
        wave.append(uid)
        held += sizes[uid]
    if wave:
        yield wave


class Session:
    """One IMAP connection; anything unexpected in an answer raises Retry.

    aioimaplib raises nothing when the connection is lost, and may wait for ever: every command
    here ends with the connection, or with a deadline of our own.
    """

    def __init__(self, settings: Account, account: str, tokens: OAuthTokens | None = None) -> None:
        self._settings, self._tokens = settings, tokens
        self._account = account
        self._timeout = settings.timeout.total_seconds()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kind = IMAP4_SSL if settings.tls else IMAP4
        self._client = kind(host=settings.host, port=settings.port, timeout=self._timeout)
        self._client.protocol.conn_lost_cb = self._on_lost
        self.uidvalidity = ""
        self.uidnext = 0
        self.known: set[int] = set()

    def _on_lost(self, _error: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)

    async def _await(self, work: Awaitable[T], seconds: float) -> T:
        """Return what `work` gives; raise OSError when the connection goes, or TimeoutError.

        `work` is a task of its own: asyncio.wait_for, in which aioimaplib sends, loses a
        cancellation that comes together with its result before Python 3.12.
        """
        task: asyncio.Future[Any] = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait(
                {task, self._lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if task in done:
                result: T = task.result()
                return result
            if self._lost in done:
                raise ConnectionError("the server closed the connection")
            raise TimeoutError(f"no answer within {seconds:g} s")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _do(self, what: str, work: Awaitable[Any]) -> list[bytes]:
        """Run one command; return its lines, raise Retry when the server refuses it."""
        answer = await self._await(work, self._timeout)
        if answer.result != "OK":
            said = b" ".join(bytes(x) for x in answer.lines[-1:]).decode("utf-8", "replace")
            told = _BACKOFF.search(said)
            after = min(int(told[1]) / 1000, _LONGEST_S) if told else _PLAIN_RETRY_S
            raise Retry(
                after, f"{self._account}: the server refused {what}: {said or answer.result}"
            )
        return [bytes(line) for line in answer.lines]

    async def open(self) -> None:
        """Wait for the greeting and log in."""
        await self._await(self._client.wait_hello_from_server(), self._timeout)
        if self._tokens is not None:
            await self._authenticate(self._tokens)
            return
        # aioimaplib quotes the password and escapes nothing in it.
        secret = self._settings.password.replace("\\", "\\\\").replace('"', '\\"')
        await self._do("the login", self._client.login(self._settings.user, secret))

    async def _authenticate(self, tokens: OAuthTokens) -> None:
        """Log in by XOAUTH2; a refusal makes the next login ask for a new token."""
        token = await tokens.token()
        task = asyncio.ensure_future(
            self._do("the login by token", self._client.xoauth2(self._settings.user, token))
        )
        try:
            await asyncio.wait({task}, timeout=_CHALLENGE_S)
            if not task.done() and not self._lost.done():
                # Google explains a refusal in a challenge, and says NO once that is answered.
                self._client.protocol.transport.write(b"\r\n")
            await task
        except Retry:
            tokens.discard()
            raise
        finally:
            task.cancel()  # a stop leaves no login behind

    async def select(self, mailbox: str) -> None:
        """Open a mailbox and learn its UIDVALIDITY. Nothing in it is ever changed."""
        name = encode_mailbox(mailbox)
        lines = await self._do(f"mailbox {mailbox!r}", self._client.select(name))
        found = re.search(rb"UIDVALIDITY (\d+)", b"\n".join(lines))
        if found is None:
            raise Retry(OUTAGE_S, f"{self._account}: no UIDVALIDITY for {mailbox!r}")
        validity = found[1].decode()
        if validity != self.uidvalidity:
            self.known.clear()
        self.uidvalidity = validity
        following = re.search(rb"UIDNEXT (\d+)", b"\n".join(lines))
        self.uidnext = int(following[1]) if following else 0

    async def uids(self, low: int) -> list[int]:
        """Return all UIDs from `low` up, ascending."""
        lines = await self._do("a search", self._client.uid_search(f"UID {low}:*", charset=None))
        first = lines[0] if lines else b""
        # `N:*` names the highest mail even when it is below N.
        return sorted({int(word) for word in first.split() if word.isdigit() and int(word) >= low})

    async def sizes(self, uids: list[int]) -> dict[int, int]:
        """Return the size in bytes of each mail that is still there; at most _SET uids."""
        names = ",".join(map(str, uids))
        lines = await self._do("sizes", self._client.uid("fetch", names, "(UID RFC822.SIZE)"))
        found: dict[int, int] = {}
        for line in lines:
            # Somebody else's flag changes come in between: they have no size.
            uid, size = re.search(rb"UID (\d+)", line), re.search(rb"SIZE (\d+)", line)
            if uid and size:
                found[int(uid[1])] = int(size[1])
        return found

    async def together(self, uids: list[int], sizes: dict[int, int]) -> dict[int, bytes]:
        """Return small mails by one command; what is not in the answer is to be fetched alone."""
        if sum(sizes[u] for u in uids) > _CHUNK:
            return {}
        names = ",".join(map(str, uids))
        lines = await self._do("mails", self._client.uid("fetch", names, "(UID BODY.PEEK[])"))
        found: dict[int, bytes] = {}
        for at, line in enumerate(lines[:-1]):
            if not _LITERAL.search(line):
                continue
            # UID stands before the literal or behind it, as the server likes.
            uid = _UID.search(line) or _UID.search(lines[at + 2] if at + 2 < len(lines) else b"")
            if uid is not None:
                found[int(uid[1])] = lines[at + 1]
        return {u: raw for u, raw in found.items() if u in sizes}

    async def fetch(self, uid: int, size: int, *, head: bool = False) -> bytes | None:
        """Return a mail's bytes, a large one piece by piece; None if it is gone meanwhile."""
        if head:
            return await self._body(uid, "BODY.PEEK[HEADER]")
        if size <= _CHUNK:
            return await self._body(uid, "BODY.PEEK[]")
        made = bytearray()
        while True:
            piece = await self._body(uid, f"BODY.PEEK[]<{len(made)}.{_CHUNK}>")
            if piece is None:
                return None
            made += piece
            # RFC822.SIZE may lie: the end is where a piece comes back short.
            if len(piece) < _CHUNK:
                return bytes(made)

    async def _body(self, uid: int, item: str) -> bytes | None:
        """Return what a FETCH gives, literal or quoted string; None when the mail is gone."""
        lines = await self._do("a mail", self._client.uid("fetch", str(uid), f"(UID {item})"))
        there = False
        for at, line in enumerate(lines[:-1]):
            if re.search(rb"BODY\[(?:HEADER)?\](?:<\d+>)? \{\d+\}$", line):
                return lines[at + 1]
            if quoted := _QUOTED_BODY.search(line):
                return re.sub(rb"\\(.)", rb"\1", quoted[1])
            if re.search(rb"BODY\[(?:HEADER)?\](?:<\d+>)? NIL", line):
                return b""
            there = there or bool(re.search(rb"FETCH \(.*UID %d\b" % uid, line))
        if there:
            raise Retry(OUTAGE_S, f"{self._account}: the server's answer for UID {uid} has no body")
        return None

    async def wait(self, seconds: float, pause: Callable[[float], Awaitable[None]]) -> None:
        """Return when something happens in the mailbox, or when the poll is due."""
        if not self._client.has_capability("IDLE"):
            await pause(seconds)
            return
        started = self._client.idle_start(timeout=seconds + 2 * self._timeout)
        idle = await self._await(started, self._timeout)
        with contextlib.suppress(TimeoutError):
            await self._await(self._client.wait_server_push(), seconds)
        self._client.idle_done()
        await self._await(asyncio.shield(idle), self._timeout)

    async def close(self) -> None:
        """Leave; nothing of the client stays behind, whatever state it was in."""
        idle = self._client.has_pending_idle()
        if not self._lost.done() and not idle and self._client.get_state() != "NONAUTH":
            with contextlib.suppress(AioImapException, OSError, TimeoutError):
                await self._await(self._client.logout(), 2)
        await asyncio.gather(*_cancel_tasks(self._client), return_exceptions=True)
        transport = self._client.protocol.transport
        if transport is not None:
            transport.abort()


def _cancel_tasks(client: Any) -> list[asyncio.Task[Any]]:
    """Cancel what a logout leaves behind, and return its tasks; aioimaplib shows only some."""
    if client._idle_waiter is not None:  # a timer
        client._idle_waiter.cancel()
    left = [client._client_task, *client.tasks, *client.protocol.tasks]
    for task in left:
        task.cancel()
    return left
