"""Answers on Bluesky: a post of our own under the customer's, in everybody's sight.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's notifications. The
record's key is made of the reply's id, and putRecord writes it: sent twice is one post. Source:
docs.bsky.app, com.atproto.repo.putRecord; atproto.com, record keys (TID).
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import Answer, later, post, refused

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_POST = "app.bsky.feed.post"


class Account(Record, frozen=True, kw_only=True):
    """The account that answers."""

    handle: Annotated[str, msgspec.Meta(description="The handle of the account that answers.")] = ""
    password: Annotated[str, msgspec.Meta(description="An app password of that account.")] = ""
    pds: Annotated[str, msgspec.Meta(description="The account's server.")] = "https://bsky.social"
    timeout_s: SendTimeout = 30


class Session(Record, frozen=True, kw_only=True, rename="camel"):
    """A session: good for a while."""

    did: str
    access_jwt: str


class Fault(Record, frozen=True, kw_only=True):
    """Why it was refused."""

    error: str = ""
    message: str = ""


class Written(Record, frozen=True, kw_only=True):
    """Where the post lies."""

    uri: str = ""


class ReplyBluesky:
    """The action for conversations that came by Bluesky."""

    name = "reply_bluesky"
    channel = "bluesky"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("pds",)

    def __init__(self) -> None:
        # 300 sessions a day are all there are: one is kept until it is refused.
        self._sessions: dict[str, Session] = {}

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return where it lies."""
        if not (settings.handle and settings.password):
            raise Rejected(
                "reply.no_server", "set handle and password in [actions.reply_bluesky.…]"
            )
        places = [p.partition("|") for p in reply.references]
        if len(places) < 2 or not places[-1][2]:
            raise Rejected("reply.no_address", "the post's version is not known")
        record = {
            "$type": _POST,
            "text": reply.text,
            "createdAt": reply.at.astimezone(UTC).isoformat(),
            "langs": [reply.language] if reply.language in ("tr", "en") else [],
            "reply": {
                "root": {"uri": places[0][0], "cid": places[0][2]},
                "parent": {"uri": places[-1][0], "cid": places[-1][2]},
            },
        }
        for _ in range(2):
            session = await self._session(settings)
            answer = await self._put(settings, session, record, tid(reply.at, reply.id))
            if answer.status == 200:
                return (answer.read(Written) or Written()).uri or "written"
            fault = answer.read(Fault) or Fault()
            if fault.error in ("ExpiredToken", "InvalidToken") or answer.status == 401:
                self._sessions.pop(settings.handle, None)
                continue
            raise _fault(answer, fault)
        raise Retry(BUSY_S, "Bluesky refuses a new session's token")

    async def _put(
        self, settings: Account, session: Session, record: dict[str, Any], rkey: str
    ) -> Answer:
        body = {"repo": session.did, "collection": _POST, "rkey": rkey, "record": record}
        return await post(
            f"{settings.pds}/xrpc/com.atproto.repo.putRecord",
            "Bluesky",
            json=body,
            headers={"authorization": f"Bearer {session.access_jwt}"},
            timeout_s=settings.timeout_s,
            safe=True,
        )

    async def _session(self, settings: Account) -> Session:
        held = self._sessions.get(settings.handle)
        if held is not None:
            return held
        answer = await post(
            f"{settings.pds}/xrpc/com.atproto.server.createSession",
            "Bluesky",
            json={"identifier": settings.handle, "password": settings.password},
            timeout_s=settings.timeout_s,
            safe=True,
        )
        made = answer.read(Session)
        if answer.status != 200 or made is None:
            fault = answer.read(Fault) or Fault()
            if answer.status == 401:
                raise Retry(
                    ACCOUNT_PROBLEM_S,
                    f"Bluesky refuses handle and app password: {fault.message}"[:ERROR_TEXT_LIMIT],
                )
            raise Retry(later(answer.headers, BUSY_S), f"Bluesky gave no session ({answer.status})")
        self._sessions[settings.handle] = made
        return made


def _fault(answer: Answer, fault: Fault) -> Exception:
    if answer.status >= 500:
        # The key is ours and putRecord writes it again: nothing is doubled by another try.
        return Retry(later(answer.headers, RECOVERY_S), f"Bluesky answered {answer.status}")
    return refused(answer, "Bluesky", f"{fault.error} {fault.message}".strip())


def tid(at: datetime, identifier: str) -> str:
    """Return the record key of a reply: 53 bits of microseconds, 10 bits of its id's hash."""
    clock = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:2]) & 0x3FF
    number = (int(at.timestamp() * 1_000_000) << 10) | clock
    made = ""
    for _ in range(13):
        made = _ALPHABET[number & 31] + made
        number >>= 5
    return made
