"""Answers on Trustpilot: in public, one a review.

Before: workers/deliveries/tries.py may send the Reply. After: the review's page. A review has one
answer: to send it again is safe. Source: developers.trustpilot.com, service reviews, reply to a
review.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.errors import Rejected
from schemas.outcome import Reply
from workers.actions.http import failed, granted, post, to_send
from workers.actions.outgoing_text import path_segment

_TOKEN = "/v1/oauth/oauth-business-users-for-applications/accesstoken"  # noqa: S105 - an address


class Account(Record, frozen=True, kw_only=True):
    """The business user who answers."""

    key: Annotated[str, msgspec.Meta(description="The application's key.")] = ""
    secret: Annotated[str, msgspec.Meta(description="The application's secret.")] = ""
    author: Annotated[
        str, msgspec.Meta(description="The id of the Trustpilot Business user who answers.")
    ] = ""
    api: ApiAddress = "https://api.trustpilot.com"
    timeout_s: SendTimeout = 30


class ReplyTrustpilot:
    """The action for reviews on Trustpilot."""

    name = "reply_trustpilot"
    channel = "trustpilot"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("key", "secret", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply."""
        review = to_send(reply.reply_to, settings.secret, "[channels.trustpilot.ACCOUNT]")
        if not settings.author:
            account = reply.source.partition(":")[2] or "default"
            raise Rejected(
                "reply.no_server",
                f"set `author` in [actions.reply_trustpilot.{account}]: the id "
                "of the Trustpilot Business user who answers",
            )
        where = path_segment(review)
        headers = await granted(
            f"{settings.api}{_TOKEN}",
            "Trustpilot",
            {"grant_type": "client_credentials"},
            auth=(settings.key, settings.secret),
            timeout_s=settings.timeout_s,
        )
        answer = await post(
            f"{settings.api}/v1/private/reviews/{where}/reply",
            "Trustpilot",
            safe=True,
            json={"message": reply.text, "authorBusinessUserId": settings.author},
            headers=headers,
            timeout_s=settings.timeout_s,
        )
        if answer.status in (200, 201, 204):
            return "taken"
        raise failed(answer, "Trustpilot", safe=True)
