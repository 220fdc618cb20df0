"""Tells a retry of an answer from another answer. Pure.

commands.py asks before it writes an answer. The caller's key decides. Without a key the text
decides, as in the versions before, and the same text again is refused once it is on its way.
"""

import re
from hashlib import sha256
from typing import NamedTuple

from schemas.base import derived_id
from schemas.decision import RETURNED, WorkItem
from schemas.errors import Rejected

_KEY = re.compile(r"[!-~]{1,128}")
_DIGEST_CHARS = 16


class ReplyIdentity(NamedTuple):
    """The identity of an answer to one item.

    `reply` is the id under which the sender sends it once. `name` and `digest`, of the key and of
    the text, are what the desk queue remembers. `salt` is for the id of the outcome.
    """

    reply: str
    salt: str
    name: str
    digest: str


def identify_reply(item: str, work: WorkItem, text: str, key: str) -> ReplyIdentity:
    """Return the identity of an answer; `key` is empty without an Idempotency-Key.

    With a key, the id does not depend on the message, because a customer may write between two
    tries. It depends on the text, so that a key for two texts never costs one of them, even
    after Redis has lost what it remembered. Raises Rejected for a malformed key.
    """
    digest = _digest(text)
    # The words that were undeliverable may be tried again, once the item came back.
    again = str(work.decision.hops) if RETURNED in work.decision.flags else ""
    if not key:
        return ReplyIdentity(
            reply=derived_id("reply", item, work.message.id, digest + again),
            salt=digest,
            name=f"text {digest}{again}",
            digest=digest,
        )
    check_key(key)
    return ReplyIdentity(
        reply=derived_id("reply", item, "key", key, digest + again),
        salt=f"{_digest(key)} {digest}",
        name=f"key {_digest(key)}{again}",
        digest=digest,
    )


def check_key(key: str) -> None:
    """Raise Rejected for a malformed key."""
    if _KEY.fullmatch(key) is None:
        raise Rejected("key.invalid")


def check_remembered(identity: ReplyIdentity, digest: str, outcome: str, *, key: str) -> None:
    """Raise Rejected unless an answer may be written, or repeated, under its name.

    `digest` and `outcome` are those of the remembered answer with this name.
    """
    if digest != identity.digest:
        raise Rejected("key.reused")
    if outcome and not key:
        raise Rejected("reply.repeated")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]
