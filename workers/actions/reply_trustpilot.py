"""Answers reviews on Trustpilot in public.

A review has one answer, so a second sending overwrites the first.
Source: developers.trustpilot.com, service reviews, reply to a review.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.errors import Rejected
from schemas.outcome import Reply
from workers.actions.http import error_for_account, post, require_target
from workers.actions.oauth import bearer_header, request_access_token
from workers.actions.outgoing_text import path_segment

_TOKEN_PATH = "/v1/oauth/oauth-business-users-for-applications/accesstoken"  # noqa: S105 - an address


class TrustpilotReplyAccount(Record, frozen=True, kw_only=True):
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
    account = TrustpilotReplyAccount
    shares: tuple[str, ...] = ("key", "secret", "api")
    required: tuple[str, ...] = ("secret", "author")

    async def send(self, reply: Reply, settings: TrustpilotReplyAccount, signing_key: bytes) -> str:
        """Answer a review in the name of the account's `author`."""
        target = require_target(reply.reply_to, settings.secret, "[channels.trustpilot.ACCOUNT]")
        if not settings.author:
            account = reply.source.partition(":")[2] or "default"
            raise Rejected(
                "reply.no_server",
                f"set `author` in [actions.reply_trustpilot.{account}]: the id "
                "of the Trustpilot Business user who answers",
            )
        review = path_segment(target)
        token = await request_access_token(
            f"{settings.api}{_TOKEN_PATH}",
            "Trustpilot",
            {"grant_type": "client_credentials"},
            auth=(settings.key, settings.secret),
            timeout_s=settings.timeout_s,
        )
        response = await post(
            f"{settings.api}/v1/private/reviews/{review}/reply",
            "Trustpilot",
            safe=True,
            json={"message": reply.text, "authorBusinessUserId": settings.author},
            headers=bearer_header(token),
            timeout_s=settings.timeout_s,
        )
        if response.status not in (200, 201, 204):
            raise error_for_account(response, "Trustpilot", safe=True)
        return "taken"
