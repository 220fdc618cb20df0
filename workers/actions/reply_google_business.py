"""Answers reviews on Google Business Profile in public.

A review has one answer, so a second sending overwrites the first.
Source: developers.google.com, My Business API v4, reviews.updateReply.
"""

import re

from schemas.account_fields import ApiAddress
from schemas.base import Record
from schemas.errors import Rejected
from schemas.outcome import Reply
from workers.actions.http import error_for_account, post, require_target
from workers.actions.oauth import (
    CLIENT_SETTINGS,
    OAuthClient,
    bearer_header,
    refresh_access_token,
)
from workers.actions.outgoing_text import path_segment

_REVIEW = re.compile(r"accounts/[^/]+/locations/[^/]+/reviews/[^/]+")


class GoogleBusinessReplyAccount(OAuthClient, frozen=True, kw_only=True):
    """The OAuth client that answers."""

    api: ApiAddress = "https://mybusiness.googleapis.com"


class ReviewReply(Record, frozen=True, kw_only=True):
    """The answer that Google stored."""

    id: str = ""


class ReplyGoogleBusiness:
    """The action for reviews on Google Business Profile."""

    name = "reply_google_business"
    channel = "google_business"
    account = GoogleBusinessReplyAccount
    shares: tuple[str, ...] = CLIENT_SETTINGS
    required: tuple[str, ...] = ("refresh_token",)

    async def send(
        self, reply: Reply, settings: GoogleBusinessReplyAccount, signing_key: bytes
    ) -> str:
        """Send one reply, which Google's moderation may still refuse later."""
        name = require_target(
            reply.reply_to, settings.refresh_token, "[channels.google_business.ACCOUNT]"
        )
        if not _REVIEW.fullmatch(name):
            raise Rejected("reply.no_address", f"{name[:100]!r} is not a review")
        path = "/".join(map(path_segment, name.split("/")))
        token = await refresh_access_token(settings)
        response = await post(
            f"{settings.api}/v4/{path}/reply",
            "Google",
            method="PUT",
            safe=True,
            json={"comment": reply.text},
            headers=bearer_header(token),
            timeout_s=settings.timeout_s,
        )
        answer = response.decode(ReviewReply)
        if response.status != 200 or answer is None:
            raise error_for_account(response, "Google", safe=True)
        return answer.id or "taken"
