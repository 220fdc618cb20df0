"""Answers on Mastodon, as public or as private as the post that is answered.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's notifications. The
server takes a reply's id once within an hour (Idempotency-Key). Source:
docs.joinmastodon.org/methods/statuses.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused, to_send
from workers.actions.outgoing_text import without_mentions

_KEY_HOLDS = timedelta(minutes=50)
"""The server forgets a key after an hour: after that a second sending is a second post."""


_POST = re.compile(r"[A-Za-z0-9]{1,64}")
_ACCT = re.compile(r"[\w.-]{1,100}(@[\w.-]{1,200})?")
_SEEN_BY = frozenset({"public", "unlisted", "private", "direct"})


class Account(Record, frozen=True, kw_only=True):
    """The account that answers."""

    url: Annotated[str, msgspec.Meta(description="The server's address.")] = ""
    token: Annotated[str, msgspec.Meta(description="The access token.")] = ""
    timeout_s: SendTimeout = 30


class Written(Record, frozen=True, kw_only=True):
    """The post that was made, or why there is none."""

    id: str = ""
    error: str = ""


class ReplyMastodon:
    """The action for conversations that came by Mastodon."""

    name = "reply_mastodon"
    channel = "mastodon"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("url", "token")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return the post's id."""
        place = to_send(reply.reply_to, settings.token, "[channels.mastodon.ACCOUNT]")
        number, _, rest = place.partition("|")
        acct, _, visibility = rest.rpartition("|")
        visibility = visibility or "unlisted"
        if not _POST.fullmatch(number) or not _ACCT.fullmatch(acct) or visibility not in _SEEN_BY:
            raise Rejected("reply.no_address", f"{place[:100]!r} is not a post")
        # Without the name in the text the customer would not be told.
        named = re.search(
            rf"(?<![\w@])@{re.escape(acct)}(?![\w@-]|\.\w)", reply.text, re.IGNORECASE
        )
        # Any other person named here would see the answer, even a private one.
        words = without_mentions(reply.text, keep=acct)
        text = words if named else f"@{acct} {words}"
        body = {"status": text, "in_reply_to_id": number, "visibility": visibility}
        if reply.language in ("tr", "en"):
            body["language"] = reply.language
        answer = await post(
            f"{settings.url}/api/v1/statuses",
            "Mastodon",
            json=body,
            timeout_s=settings.timeout_s,
            headers={"authorization": f"Bearer {settings.token}", "idempotency-key": reply.id},
            safe=datetime.now(UTC) - reply.at < _KEY_HOLDS,
        )
        told = answer.read(Written) or Written()
        if answer.status == 200:
            return f"post {told.id}"
        if answer.status == 401:
            raise Retry(
                ACCOUNT_PROBLEM_S, f"Mastodon refuses the token: {told.error}"[:ERROR_TEXT_LIMIT]
            )
        if answer.status >= 500 and datetime.now(UTC) - reply.at < _KEY_HOLDS:
            raise Retry(later(answer.headers, RECOVERY_S), f"Mastodon answered {answer.status}")
        raise refused(answer, "Mastodon", told.error)
