"""Answers posts and comments on Reddit in public.

Reddit reports errors with the status 200. A second sending would be a second comment, so an unclear
end is never repeated. Source: reddit.com/dev/api, POST /api/comment.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, TokenAddress
from schemas.base import Record
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import ActionResponse, error_for_account, post, require_target
from workers.actions.oauth import (
    CLIENT_SETTINGS,
    OAuthClient,
    bearer_header,
    request_access_token,
)
from workers.actions.outgoing_text import as_markdown, without_reddit_mentions

_TEMPORARY_ERRORS = frozenset({"RATELIMIT"})


class RedditReplyAccount(OAuthClient, frozen=True, kw_only=True):
    """The app that answers."""

    agent: Annotated[str, msgspec.Meta(description="The app's name as Reddit wants it.")] = (
        "linux:santral:1 (by /u/santral)"
    )
    api: ApiAddress = "https://oauth.reddit.com"
    token_url: TokenAddress = "https://www.reddit.com/api/v1/access_token"  # noqa: S105 - an address


class RedditErrors(Record, frozen=True, kw_only=True):
    """The errors of a request, each with its code, its text and its field."""

    errors: tuple[tuple[str | None, ...], ...] = ()


class CommentBody(Record, frozen=True, kw_only=True):
    """The body of a response to a comment."""

    json: RedditErrors = RedditErrors()


class ReplyReddit:
    """The action for posts and comments on Reddit."""

    name = "reply_reddit"
    channel = "reddit"
    account = RedditReplyAccount
    shares: tuple[str, ...] = (*CLIENT_SETTINGS, "agent")
    required: tuple[str, ...] = ("refresh_token",)

    async def send(self, reply: Reply, settings: RedditReplyAccount, signing_key: bytes) -> str:
        """Answer a comment, as Markdown that pings nobody."""
        thing = require_target(reply.reply_to, settings.refresh_token, "[channels.reddit.ACCOUNT]")
        text = as_markdown(without_reddit_mentions(reply.text))
        agent = {"user-agent": settings.agent}
        token = await request_access_token(
            settings.token_url,
            "the token server",
            {"grant_type": "refresh_token", "refresh_token": settings.refresh_token},
            timeout_s=settings.timeout_s,
            auth=(settings.client_id, settings.client_secret),
            headers=agent,
        )
        response = await post(
            f"{settings.api}/api/comment",
            "Reddit",
            timeout_s=settings.timeout_s,
            data={"thing_id": thing, "text": text, "api_type": "json"},
            headers=bearer_header(token) | agent,
        )
        _check_response(response)
        return "taken"


def _check_response(response: ActionResponse) -> None:
    """Raise the error of a response that is not a success."""
    body = response.decode(CommentBody)
    if response.status != 200 or body is None:
        raise error_for_account(response, "Reddit")
    codes = [error[0] or "" for error in body.json.errors if error]
    if _TEMPORARY_ERRORS & set(codes):
        raise Retry(SETUP_PROBLEM_S, f"Reddit: {', '.join(codes)}")
    if codes:
        raise Rejected("reply.refused", f"Reddit: {', '.join(codes)}"[:ERROR_TEXT_LIMIT])
