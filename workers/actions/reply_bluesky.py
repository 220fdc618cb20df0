"""Answers on Bluesky, by a public post under the customer's.

The record's key is derived from the reply, and putRecord overwrites a record of the same key, so a
second sending leaves one post.
Source: docs.bsky.app, com.atproto.repo.putRecord; atproto.com, record keys (TID).
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import ActionResponse, error_for_response, post, retry_delay
from workers.actions.oauth import bearer_header

_TID_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_TID_CHARS = 13
_COLLECTION = "app.bsky.feed.post"
_MAX_TRIES = 2
"""The second try uses a new session."""


class BlueskyReplyAccount(Record, frozen=True, kw_only=True):
    """The account that answers."""

    handle: Annotated[str, msgspec.Meta(description="The handle of the account that answers.")] = ""
    password: Annotated[str, msgspec.Meta(description="An app password of that account.")] = ""
    pds: Annotated[str, msgspec.Meta(description="The account's server.")] = "https://bsky.social"
    timeout_s: SendTimeout = 30


class BlueskySession(Record, frozen=True, kw_only=True, rename="camel"):
    """A login, which the server ends after some time."""

    did: str
    access_jwt: str


class XrpcError(Record, frozen=True, kw_only=True):
    """The server's reason for a refusal."""

    error: str = ""
    message: str = ""


class PutRecordBody(Record, frozen=True, kw_only=True):
    """The address of the written post."""

    uri: str = ""


class ReplyBluesky:
    """The action for conversations on Bluesky."""

    name = "reply_bluesky"
    channel = "bluesky"
    account = BlueskyReplyAccount
    shares: tuple[str, ...] = ("pds",)
    required: tuple[str, ...] = ("handle", "password")

    def __init__(self) -> None:
        # Bluesky allows 300 logins a day, so each session is used until the server refuses it.
        self._sessions: dict[str, BlueskySession] = {}

    async def send(self, reply: Reply, settings: BlueskyReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the address of the post."""
        if not (settings.handle and settings.password):
            raise Rejected(
                "reply.no_server", "set handle and password in [actions.reply_bluesky.…]"
            )
        record, key = _record(reply), record_key(reply.at, reply.id)
        for _ in range(_MAX_TRIES):
            session = await self._session(settings)
            response = await _put_record(settings, session, record, key)
            if response.status == 200:
                return (response.decode(PutRecordBody) or PutRecordBody()).uri or "written"
            error = response.decode(XrpcError) or XrpcError()
            if error.error not in ("ExpiredToken", "InvalidToken") and response.status != 401:
                raise _error_for(response, error)
            self._sessions.pop(settings.handle, None)
        raise Retry(BUSY_S, "Bluesky refuses a new session's token")

    async def _session(self, settings: BlueskyReplyAccount) -> BlueskySession:
        """Return the account's session; log in if it has none."""
        session = self._sessions.get(settings.handle)
        if session is None:
            session = await _create_session(settings)
            self._sessions[settings.handle] = session
        return session


def _record(reply: Reply) -> Mapping[str, object]:
    """Return the post; `references` are the root and the parent, each `uri|cid`."""
    references = [reference.partition("|") for reference in reply.references]
    if len(references) < 2 or not references[-1][2]:
        raise Rejected("reply.no_address", "the version of the customer's post is missing")
    root, parent = references[0], references[-1]
    return {
        "$type": _COLLECTION,
        "text": reply.text,
        "createdAt": reply.at.astimezone(UTC).isoformat(),
        "langs": [reply.language] if reply.language in ("tr", "en") else [],
        "reply": {
            "root": {"uri": root[0], "cid": root[2]},
            "parent": {"uri": parent[0], "cid": parent[2]},
        },
    }


async def _create_session(settings: BlueskyReplyAccount) -> BlueskySession:
    """Log in with the account's app password."""
    response = await post(
        f"{settings.pds}/xrpc/com.atproto.server.createSession",
        "Bluesky",
        json={"identifier": settings.handle, "password": settings.password},
        timeout_s=settings.timeout_s,
        safe=True,
    )
    session = response.decode(BlueskySession)
    if response.status == 200 and session is not None:
        return session
    error = response.decode(XrpcError) or XrpcError()
    if response.status == 401:
        text = f"Bluesky refuses handle and app password: {error.message}"
        raise Retry(ACCOUNT_PROBLEM_S, text[:ERROR_TEXT_LIMIT])
    delay_s = retry_delay(response.headers, BUSY_S)
    raise Retry(delay_s, f"Bluesky gave no session ({response.status})")


async def _put_record(
    settings: BlueskyReplyAccount, session: BlueskySession, record: Mapping[str, object], key: str
) -> ActionResponse:
    """Write a post under its key."""
    return await post(
        f"{settings.pds}/xrpc/com.atproto.repo.putRecord",
        "Bluesky",
        json={"repo": session.did, "collection": _COLLECTION, "rkey": key, "record": record},
        headers=bearer_header(session.access_jwt),
        timeout_s=settings.timeout_s,
        safe=True,
    )


def _error_for(response: ActionResponse, error: XrpcError) -> Exception:
    """Return the error for a refusal."""
    if response.status >= 500:
        # putRecord overwrites the record of the same key, so another try makes no second post.
        return Retry(retry_delay(response.headers), f"Bluesky answered {response.status}")
    return error_for_response(response, "Bluesky", f"{error.error} {error.message}".strip())


def record_key(time: datetime, reply_id: str) -> str:
    """Return the TID of a reply: 53 bits of microseconds, then 10 bits of its id's hash."""
    clock_id = int.from_bytes(hashlib.sha256(reply_id.encode()).digest()[:2]) & 0x3FF
    number = (int(time.timestamp() * 1_000_000) << 10) | clock_id
    digits = ""
    for _ in range(_TID_CHARS):
        digits = _TID_ALPHABET[number & 31] + digits
        number >>= 5
    return digits
