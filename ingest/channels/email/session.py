"""One IMAP connection, which reads one mailbox and changes nothing in it.

aioimaplib is GPL-3.0-only, and this is the only file that imports it. It raises no error when the
connection is lost and may wait for ever, so every command here ends with the connection or at a
deadline. An unexpected answer raises Retry. Source: RFC 3501, RFC 2177, RFC 6851.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TypeVar

from aioimaplib import IMAP4, IMAP4_SSL, AioImapException
from aioimaplib.aioimaplib import quoted

from ingest.channels.email.account import Account
from ingest.channels.email.utf7 import encode_mailbox
from ingest.sources.oauth import OAuthTokens
from schemas.delays import OUTAGE_S, RECONNECT_S
from schemas.errors import Retry

MAX_UIDS = 50
"""UIDs in one command: aioimaplib examines all lines of an answer at each, and hangs at 1,000."""

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""Bytes that one command fetches, so that no answer takes minutes."""

PLAIN_RETRY_S = 15.0
"""The delay after a refusal that names no time."""

_MAX_BACKOFF_S = 3600.0  # the longest wait that a server may ask for
_CHALLENGE_S = 5.0  # a refusal of a token without a challenge comes sooner
_LOGOUT_S = 2.0

# "Request is throttled. Suggested Backoff Time: 57000 milliseconds", as Exchange Online has it.
_BACKOFF_MS = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)
_UIDVALIDITY = re.compile(rb"UIDVALIDITY (\d+)")
_UIDNEXT = re.compile(rb"UIDNEXT (\d+)")
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"SIZE (\d+)")
_MAIL_LITERAL = re.compile(rb"BODY\[\] \{\d+\}$")
_BODY_LITERAL = re.compile(rb"BODY\[(?:HEADER)?\](?:<\d+>)? \{\d+\}$")
_BODY_QUOTED = re.compile(rb'BODY\[(?:HEADER)?\](?:<\d+>)? "((?:[^"\\]|\\.)*)"')
_BODY_NIL = re.compile(rb"BODY\[(?:HEADER)?\](?:<\d+>)? NIL")

T = TypeVar("T")


Line = bytes | bytearray
"""A line of an answer as bytes, or a literal in it, such as a mail, as bytearray (aioimaplib)."""


class _Response(Protocol):
    """aioimaplib's answer to a command."""

    result: str
    lines: Sequence[Line]


@asynccontextmanager
async def open_session(
    settings: Account, account: str, mailbox: str, tokens: OAuthTokens | None
) -> AsyncIterator["ImapSession"]:
    """Log in and select a mailbox; raise Retry when the connection fails, now or later."""
    session = ImapSession(settings, account, mailbox, tokens)
    try:
        await session.open()
        await session.select()
        yield session
    except* (AioImapException, OSError, TimeoutError) as errors:
        first = errors.exceptions[0]
        raise Retry(
            RECONNECT_S, f"{account}/{mailbox}: {type(first).__name__}: {first}"
        ) from errors
    finally:
        await session.close()


class ImapSession:
    """The connection of one mailbox.

    `uidvalidity` and `uidnext` are as the last SELECT gave them. `handed_over` has the UIDs that
    are safe, and is empty after a new UIDVALIDITY.
    """

    def __init__(
        self, settings: Account, account: str, mailbox: str, tokens: OAuthTokens | None = None
    ) -> None:
        self.mailbox, self.uidvalidity, self.uidnext = mailbox, "", 0
        self.handed_over: set[int] = set()
        self._settings, self._account, self._tokens = settings, account, tokens
        self._timeout_s = settings.timeout.total_seconds()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        client = IMAP4_SSL if settings.tls else IMAP4
        self._client = client(host=settings.host, port=settings.port, timeout=self._timeout_s)
        self._client.protocol.conn_lost_cb = self._on_lost

    def _on_lost(self, _error: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)

    def position(self, uid: int) -> str:
        """Return the position of a mail at its source: `mailbox;UIDVALIDITY;UID`."""
        return f"{self.mailbox};{self.uidvalidity};{uid}"

    async def open(self) -> None:
        """Wait for the greeting and log in."""
        await self._await(self._client.wait_hello_from_server(), self._timeout_s)
        if self._tokens is not None:
            await self._authenticate(self._tokens)
            return
        # aioimaplib quotes the password, but not the user.
        login = self._client.login(quoted(self._settings.user), self._settings.password)
        await self._run("the login", login)

    async def _authenticate(self, tokens: OAuthTokens) -> None:
        """Log in by XOAUTH2; after a refusal the next login fetches a new token."""
        token = await tokens.token()
        task = asyncio.ensure_future(
            self._run("the login by token", self._client.xoauth2(self._settings.user, token))
        )
        try:
            await asyncio.wait({task}, timeout=_CHALLENGE_S)
            if not task.done() and not self._lost.done():
                # Google explains a refusal in a challenge, and says NO after the answer to it.
                self._client.protocol.transport.write(b"\r\n")
            await task
        except Retry:
            tokens.discard()
            raise
        finally:
            task.cancel()  # a stop leaves no login behind

    async def select(self) -> None:
        """Select the mailbox, and note its UIDVALIDITY and UIDNEXT."""
        name = encode_mailbox(self.mailbox)
        lines = await self._run(f"mailbox {self.mailbox!r}", self._client.select(name))
        answer = b"\n".join(lines)
        validity, following = _UIDVALIDITY.search(answer), _UIDNEXT.search(answer)
        if validity is None:
            raise Retry(OUTAGE_S, f"{self._account}: no UIDVALIDITY for {self.mailbox!r}")
        uidvalidity = validity[1].decode()
        if uidvalidity != self.uidvalidity:
            self.handed_over.clear()
        self.uidvalidity = uidvalidity
        self.uidnext = int(following[1]) if following else 0

    async def list_uids(self, lowest: int) -> list[int]:
        """Return all UIDs from `lowest` up, ascending."""
        search = self._client.uid_search(f"UID {lowest}:*", charset=None)
        lines = await self._run("a search", search)
        words = lines[0].split() if lines else []
        # `N:*` names the highest mail even when it is below N.
        return sorted({int(word) for word in words if word.isdigit() and int(word) >= lowest})

    async def fetch_sizes(self, uids: list[int]) -> dict[int, int]:
        """Return the bytes of each mail that still exists; at most MAX_UIDS mails."""
        lines = await self._run("sizes", self._fetch(uids, "UID RFC822.SIZE"))
        sizes: dict[int, int] = {}
        for line in lines:
            # The server also reports flags that another client changes, without a size.
            uid, size = _UID.search(line), _SIZE.search(line)
            if uid and size:
                sizes[int(uid[1])] = int(size[1])
        return sizes

    async def fetch_small_mails(self, sizes: dict[int, int]) -> dict[int, bytes]:
        """Return mails by one command, without those that need a command of their own."""
        if sum(sizes.values()) > MAX_BATCH_BYTES:
            return {}
        lines = await self._run("mails", self._fetch(list(sizes), "UID BODY.PEEK[]"))
        mails: dict[int, bytes] = {}
        for index, line in enumerate(lines[:-1]):
            if isinstance(line, bytearray) or not _MAIL_LITERAL.search(line):
                continue
            # Some servers write the UID before the literal, others after it.
            after = lines[index + 2] if index + 2 < len(lines) else b""
            uid = _UID.search(line) or _UID.search(after)
            if uid is not None:
                mails[int(uid[1])] = bytes(lines[index + 1])
        return {uid: raw for uid, raw in mails.items() if uid in sizes}

    async def fetch_mail(self, uid: int, size: int, *, head: bool = False) -> bytes | None:
        """Return the bytes of a mail or of its head; None when it no longer exists.

        A mail of more than MAX_BATCH_BYTES comes in several pieces.
        """
        if head:
            return await self._fetch_body(uid, "BODY.PEEK[HEADER]")
        if size <= MAX_BATCH_BYTES:
            return await self._fetch_body(uid, "BODY.PEEK[]")
        mail = bytearray()
        while True:
            piece = await self._fetch_body(uid, f"BODY.PEEK[]<{len(mail)}.{MAX_BATCH_BYTES}>")
            if piece is None:
                return None
            mail += piece
            # RFC822.SIZE can be wrong, but the last piece is always short.
            if len(piece) < MAX_BATCH_BYTES:
                return bytes(mail)

    async def _fetch_body(self, uid: int, item: str) -> bytes | None:
        """Return the literal or quoted string of a FETCH; None when the mail no longer exists."""
        lines = await self._run("a mail", self._fetch([uid], f"UID {item}"))
        exists = False
        for index, line in enumerate(lines[:-1]):
            if isinstance(line, bytearray):
                continue  # a mail is never read as a line
            if _BODY_LITERAL.search(line):
                return bytes(lines[index + 1])
            if quoted := _BODY_QUOTED.search(line):
                return re.sub(rb"\\(.)", rb"\1", quoted[1])
            if _BODY_NIL.search(line):
                return b""
            exists = exists or bool(re.search(rb"FETCH \(.*UID %d\b" % uid, line))
        if exists:
            raise Retry(OUTAGE_S, f"{self._account}: the server's answer for UID {uid} has no body")
        return None

    def _fetch(self, uids: list[int], items: str) -> Awaitable[_Response]:
        response: Awaitable[_Response] = self._client.uid(
            "fetch", ",".join(map(str, uids)), f"({items})"
        )
        return response

    async def wait_for_change(
        self, seconds: float, pause: Callable[[float], Awaitable[None]]
    ) -> None:
        """Return when the mailbox changes, at the latest after `seconds`."""
        if not self._client.has_capability("IDLE"):
            await pause(seconds)
            return
        started = self._client.idle_start(timeout=seconds + 2 * self._timeout_s)
        idle = await self._await(started, self._timeout_s)
        with suppress(TimeoutError):
            await self._await(self._client.wait_server_push(), seconds)
        self._client.idle_done()
        await self._await(asyncio.shield(idle), self._timeout_s)

    async def close(self) -> None:
        """Log out, and end all tasks of the client in whatever state it was."""
        idle = self._client.has_pending_idle()
        if not self._lost.done() and not idle and self._client.get_state() != "NONAUTH":
            with suppress(AioImapException, OSError, TimeoutError):
                await self._await(self._client.logout(), _LOGOUT_S)
        await asyncio.gather(*_cancel_tasks(self._client), return_exceptions=True)
        transport = self._client.protocol.transport
        if transport is not None:
            transport.abort()

    async def _run(self, purpose: str, command: Awaitable[_Response]) -> list[Line]:
        """Run a command; return the lines of its answer, raise Retry when the server refuses it."""
        response = await self._await(command, self._timeout_s)
        if response.result != "OK":
            last_line = b" ".join(bytes(line) for line in response.lines[-1:])
            reason = last_line.decode("utf-8", "replace")
            backoff = _BACKOFF_MS.search(reason)
            raise Retry(
                min(int(backoff[1]) / 1000, _MAX_BACKOFF_S) if backoff else PLAIN_RETRY_S,
                f"{self._account}: the server refused {purpose}: {reason or response.result}",
            )
        return list(response.lines)

    async def _await(self, work: Awaitable[T], seconds: float) -> T:
        """Return the result of `work`; raise OSError without a connection, or TimeoutError.

        `work` is a task of its own. aioimaplib sends within asyncio.wait_for, which before Python
        3.12 loses a cancellation that comes together with its result.
        """
        task: asyncio.Future[T] = asyncio.ensure_future(work)
        try:
            waited: set[asyncio.Future[T] | asyncio.Future[None]] = {task, self._lost}
            done, _ = await asyncio.wait(
                waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if task in done:
                return task.result()
            if self._lost in done:
                raise ConnectionError("the server closed the connection")
            raise TimeoutError(f"no answer within {seconds:g} s")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def _cancel_tasks(client: IMAP4) -> list[asyncio.Future[object]]:
    """Cancel and return the tasks that a logout leaves behind; aioimaplib shows only some."""
    if client._idle_waiter is not None:  # a timer
        client._idle_waiter.cancel()
    tasks = [client._client_task, *client.tasks, *client.protocol.tasks]
    for task in tasks:
        task.cancel()
    return tasks
