"""Answers comments on YouTube in public.

A second sending would be a second comment, so an unclear end is never repeated.
Source: developers.google.com, YouTube Data API v3, comments.insert.
"""

from schemas.account_fields import ApiAddress
from schemas.base import Record
from schemas.delays import QUOTA_S
from schemas.errors import Retry
from schemas.outcome import Reply
from workers.actions.http import error_for_account, post, require_target
from workers.actions.oauth import (
    CLIENT_SETTINGS,
    OAuthClient,
    bearer_header,
    refresh_access_token,
)
from workers.actions.outgoing_text import without_mentions


class YoutubeReplyAccount(OAuthClient, frozen=True, kw_only=True):
    """The OAuth client that answers."""

    api: ApiAddress = "https://www.googleapis.com/youtube/v3"


class InsertedComment(Record, frozen=True, kw_only=True):
    """The comment that YouTube inserted."""

    id: str = ""


class ReplyYoutube:
    """The action for comments on YouTube."""

    name = "reply_youtube"
    channel = "youtube"
    account = YoutubeReplyAccount
    shares: tuple[str, ...] = CLIENT_SETTINGS
    required: tuple[str, ...] = ("refresh_token",)

    async def send(self, reply: Reply, settings: YoutubeReplyAccount, signing_key: bytes) -> str:
        """Send one reply, which costs 50 units of the day's 10,000."""
        thread = require_target(
            reply.reply_to, settings.refresh_token, "[channels.youtube.ACCOUNT]"
        )
        token = await refresh_access_token(settings)
        response = await post(
            f"{settings.api}/comments?part=snippet",
            "YouTube",
            timeout_s=settings.timeout_s,
            json={"snippet": {"parentId": thread, "textOriginal": without_mentions(reply.text)}},
            headers=bearer_header(token),
        )
        if b"quotaExceeded" in response.body or b"rateLimitExceeded" in response.body:
            raise Retry(QUOTA_S, "YouTube's quota of the day is used up")
        comment = response.decode(InsertedComment)
        if response.status != 200 or comment is None:
            raise error_for_account(response, "YouTube")
        return comment.id or "taken"
