"""Reads the IMAP mailboxes of one account, from a cursor that Kafka keeps.

The cursor is the UIDVALIDITY and the highest UID that is safe in Kafka. The \\Seen flag doesn't
count, because people read the same mailbox. A pass reads the last UIDs below the cursor again,
because some servers show a lower UID late. IDLE only starts the next pass earlier.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.session import (
    MAX_BATCH_BYTES,
    MAX_UIDS,
    PLAIN_RETRY_S,
    ImapSession,
    open_session,
)
from ingest.parsing.mail.message import CHANNEL
from ingest.source import Accept, CursorStore, SourceContext
from ingest.sources.oauth import OAuthTokens
from schemas.errors import Rejected, Retry, retries
from schemas.state.cursor import Cursor

_LATE_UIDS = 50  # UIDs below the cursor that a pass reads again
_MAX_BATCH_MAILS = 25  # small mails that one command fetches
_MIN_DELAY_S = 1.0
_MAX_DELAY_S = 60.0
_LOG_INTERVAL = timedelta(minutes=1)  # between two lines about the same failure


@dataclass(frozen=True, kw_only=True)
class _Wave:
    """The mails that are handed over at the same time, and their UIDs."""

    uids: frozenset[int]
    deliveries: list[Delivery]


@dataclass(kw_only=True)
class _Backoff:
    """The pause between two tries to read one mailbox, and the failure that was logged last."""

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
        if error.after > PLAIN_RETRY_S:
            self.delay_s = max(self.delay_s, error.after)
        self.logged = "" if self._has_worked else self.logged
        self._has_worked = False
        return self.delay_s

    def is_news(self, failure: str, now: datetime) -> bool:
        """Return whether to log a failure: a new one, or the same one a minute later."""
        if failure == self.logged and now - self.logged_at <= _LOG_INTERVAL:
            return False
        self.logged, self.logged_at = failure, now
        return True


@dataclass
class ImapSource:
    """The mailboxes of one account, each read by its own connection."""

    patient = True

    account: str
    settings: Account
    context: SourceContext
    _tokens: OAuthTokens | None = None

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Read every mailbox for ever; a mailbox that fails does not delay the others."""
        async with asyncio.TaskGroup() as group:
            for mailbox in self.settings.mailboxes:
                group.create_task(self._read_for_ever(mailbox, accept, cursors))

    async def inventory(self) -> AsyncIterator[str]:
        """Yield `mailbox;UIDVALIDITY;UID` of every mail that the account holds."""
        for mailbox in self.settings.mailboxes:
            async with self._session(mailbox) as session:
                for uid in await session.list_uids(1):
                    yield session.position(uid)

    def _session(self, mailbox: str) -> AbstractAsyncContextManager[ImapSession]:
        return open_session(self.settings, self.account, mailbox, self._login_tokens())

    def _login_tokens(self) -> OAuthTokens | None:
        """Return the tokens for the login, or None for an account with a password."""
        if self.settings.oauth.client_id and self._tokens is None:
            self._tokens = OAuthTokens(
                f"email-{self.account}",
                self.settings.oauth,
                self.context.now,
                self.context.load_state,
                self.context.save_state,
            )
        return self._tokens

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
                        source=self._cursor_name(mailbox),
                        why=str(error),
                        again_in_s=pause_s,
                    )
            # Not within `except*`, which would wrap a cancellation in a group.
            await self.context.pause(pause_s)

    async def _read(
        self, mailbox: str, backoff: _Backoff, accept: Accept, cursors: CursorStore
    ) -> None:
        """Pass over a mailbox again and again; raise Retry when its connection fails."""
        async with self._session(mailbox) as session:
            while True:
                await self._pass(session, accept, cursors)
                backoff.reset()
                self.context.report_pass(self._cursor_name(mailbox))
                await session.wait_for_change(
                    self.settings.poll.total_seconds(), self.context.pause
                )
                await session.select()

    async def _pass(self, session: ImapSession, accept: Accept, cursors: CursorStore) -> None:
        """Hand over the mails above the cursor, and those that appeared late below it."""
        cursor = await self._load_cursor(session, cursors)
        uids = await session.list_uids(max(1, cursor.position - _LATE_UIDS + 1))
        # A restart hands over the window below the cursor once more, and the ids absorb that.
        new_uids = [uid for uid in uids if uid not in session.handed_over]
        async with aclosing(self._fetch_waves(new_uids, session)) as waves:
            following = asyncio.ensure_future(anext(waves, None))
            try:
                while wave := await following:
                    # The server sends the next mails while Kafka takes these.
                    following = asyncio.ensure_future(anext(waves, None))
                    async with asyncio.TaskGroup() as group:
                        for delivery in wave.deliveries:
                            group.create_task(accept(delivery))
                    # The cursor moves only now: it never passes a mail that is not safe.
                    session.handed_over.update(wave.uids)
                    if max(wave.uids) > cursor.position:
                        cursor = self._cursor(session, max(wave.uids))
                        await cursors.save(cursor)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _load_cursor(self, session: ImapSession, cursors: CursorStore) -> Cursor:
        """Return the cursor of a mailbox, at 0 where the server numbered its mails again."""
        name = self._cursor_name(session.mailbox)
        cursor = await cursors.load(name)
        if cursor is not None:
            if 0 < session.uidnext <= cursor.position:
                # A restored backup gives UIDs that were read before to new mails.
                self.context.warn(
                    "source.went_back", source=name, read=cursor.position, next=session.uidnext
                )
            elif cursor.epoch != session.uidvalidity:
                self.context.warn(
                    "source.renumbered", source=name, was=cursor.epoch, now=session.uidvalidity
                )
            else:
                return cursor
        session.handed_over.clear()
        return self._cursor(session, 0)

    def _cursor(self, session: ImapSession, position: int) -> Cursor:
        return Cursor(
            source=self._cursor_name(session.mailbox),
            epoch=session.uidvalidity,
            position=position,
            at=self.context.now(),
        )

    def _cursor_name(self, mailbox: str) -> str:
        return f"{CHANNEL}:{self.account}:{mailbox}"

    async def _fetch_waves(
        self, uids: list[int], session: ImapSession
    ) -> AsyncGenerator[_Wave, None]:
        """Yield the mails with these UIDs, a few at a time."""
        for start in range(0, len(uids), MAX_UIDS):
            batch = uids[start : start + MAX_UIDS]
            for sizes in _split_into_waves(batch, await session.fetch_sizes(batch)):
                yield await self._fetch_wave(sizes, session)

    async def _fetch_wave(self, sizes: dict[int, int], session: ImapSession) -> _Wave:
        """Return the mails of a wave, without those that were deleted in the meantime."""
        small = {uid: size for uid, size in sizes.items() if size <= self.settings.max_mail}
        mails = await session.fetch_small_mails(small) if len(small) > 1 else {}
        deliveries: list[Delivery] = []
        for uid, size in sizes.items():
            raw = mails.get(uid)
            if raw is None:
                raw = await session.fetch_mail(uid, size, head=uid not in small)
            if raw is not None:
                refused = None if uid in small else _too_large(size)
                deliveries.append(
                    Delivery(
                        raw=raw,
                        account=self.account,
                        received_at=self.context.now(),
                        position=session.position(uid),
                        hint=session.mailbox,
                        refused=refused,
                    )
                )
        return _Wave(uids=frozenset(sizes), deliveries=deliveries)


def _too_large(size: int) -> Rejected:
    return Rejected("mail.too_large", f"{size} bytes, only its head was kept")


def _split_into_waves(uids: list[int], sizes: dict[int, int]) -> Iterator[dict[int, int]]:
    """Yield the sizes by UID of a few mails at a time, and of a large mail alone.

    A mail without a size was deleted in the meantime.
    """
    wave: dict[int, int] = {}
    for uid in uids:
        if uid not in sizes:
            continue
        is_full = len(wave) == _MAX_BATCH_MAILS or sum(wave.values()) + sizes[uid] > MAX_BATCH_BYTES
        if wave and is_full:
            yield wave
            wave = {}
        wave[uid] = sizes[uid]
    if wave:
        yield wave
