"""Answers on Google Business Profile, YouTube and Reddit: in public, with an OAuth client.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's page there. A review
has one answer, which a second sending writes over; a comment may be doubled, and is never sent
unclear. Source: developers.google.com (My Business v4, YouTube v3 comments.insert);
reddit.com/dev/api.
"""

import re
from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout, TokenAddress
from schemas.base import Record
from schemas.delays import QUOTA_S, SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import Answer, failed, granted, post, to_send
from workers.actions.outgoing_text import (
    as_markdown,
    path_segment,
    without_mentions,
    without_reddit_mentions,
)

_LATER = frozenset({"RATELIMIT"})
_REVIEW = re.compile(r"accounts/[^/]+/locations/[^/]+/reviews/[^/]+")


class Business(Record, frozen=True, kw_only=True):
    """The OAuth client that answers."""

    client_id: Annotated[str, msgspec.Meta(description="The id of the OAuth client.")] = ""
    client_secret: Annotated[str, msgspec.Meta(description="The secret of the OAuth client.")] = ""
    refresh_token: Annotated[str, msgspec.Meta(description="The refresh token.")] = ""
    api: ApiAddress = "https://mybusiness.googleapis.com"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    timeout_s: SendTimeout = 30


class Video(Business, frozen=True, kw_only=True):
    """The OAuth client that answers."""

    api: ApiAddress = "https://www.googleapis.com/youtube/v3"


class Forum(Business, frozen=True, kw_only=True):
    """The app that answers."""

    agent: Annotated[str, msgspec.Meta(description="The app's name as Reddit wants it.")] = (
        "linux:santral:1 (by /u/santral)"
    )
    api: ApiAddress = "https://oauth.reddit.com"
    token_url: TokenAddress = "https://www.reddit.com/api/v1/access_token"  # noqa: S105 - an address


class Made(Record, frozen=True, kw_only=True):
    """What was made."""

    id: str = ""


class Json(Record, frozen=True, kw_only=True):
    """Reddit's word: its errors come with 200."""

    errors: tuple[tuple[str | None, ...], ...] = ()


class Told(Record, frozen=True, kw_only=True):
    """The body of Reddit's answer."""

    json: Json


_SHARED = ("client_id", "client_secret", "refresh_token", "api", "token_url")


async def _token(settings: Business, **more: Any) -> dict[str, str]:
    form = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token}
    if "auth" not in more:
        form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
    return await granted(
        settings.token_url, "the token server", form, timeout_s=settings.timeout_s, **more
    )


class ReplyGoogleBusiness:
    """The action for reviews on Google Business Profile."""

    name = "reply_google_business"
    channel = "google_business"
    account: type[msgspec.Struct] = Business
    shares: tuple[str, ...] = _SHARED

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; Google may still refuse it after a look."""
        key = settings.refresh_token
        place = to_send(reply.reply_to, key, "[channels.google_business.ACCOUNT]")
        if not _REVIEW.fullmatch(place):
            raise Rejected("reply.no_address", f"{place[:100]!r} is not a review")
        review = "/".join(map(path_segment, place.split("/")))
        answer = await post(
            f"{settings.api}/v4/{review}/reply",
            "Google",
            method="PUT",
            safe=True,
            json={"comment": reply.text},
            headers=await _token(settings),
            timeout_s=settings.timeout_s,
        )
        return _taken(answer, "Google", safe=True)


class ReplyYoutube:
    """The action for comments on YouTube."""

    name = "reply_youtube"
    channel = "youtube"
    account: type[msgspec.Struct] = Video
    shares: tuple[str, ...] = _SHARED

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; it costs 50 units of the day's 10,000."""
        thread = to_send(reply.reply_to, settings.refresh_token, "[channels.youtube.ACCOUNT]")
        answer = await post(
            f"{settings.api}/comments?part=snippet",
            "YouTube",
            timeout_s=settings.timeout_s,
            json={"snippet": {"parentId": thread, "textOriginal": without_mentions(reply.text)}},
            headers=await _token(settings),
        )
        if b"quotaExceeded" in answer.body or b"rateLimitExceeded" in answer.body:
            raise Retry(QUOTA_S, "YouTube's quota of the day is used up")
        return _taken(answer, "YouTube", safe=False)


class ReplyReddit:
    """The action for comments on Reddit."""

    name = "reply_reddit"
    channel = "reddit"
    account: type[msgspec.Struct] = Forum
    shares: tuple[str, ...] = (*_SHARED, "agent")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply."""
        thing = to_send(reply.reply_to, settings.refresh_token, "[channels.reddit.ACCOUNT]")
        words = as_markdown(without_reddit_mentions(reply.text))
        agent = {"user-agent": settings.agent}
        token = await _token(
            settings, auth=(settings.client_id, settings.client_secret), headers=agent
        )
        answer = await post(
            f"{settings.api}/api/comment",
            "Reddit",
            timeout_s=settings.timeout_s,
            data={"thing_id": thing, "text": words, "api_type": "json"},
            headers=token | agent,
        )
        told = answer.read(Told)
        if answer.status == 200 and told is not None:
            codes = [e[0] or "" for e in told.json.errors if e]
            if not codes:
                return "taken"
            if _LATER & set(codes):
                raise Retry(SETUP_PROBLEM_S, f"Reddit: {', '.join(codes)}")
            raise Rejected("reply.refused", f"Reddit: {', '.join(codes)}"[:ERROR_TEXT_LIMIT])
        return _taken(answer, "Reddit", safe=False)


def _taken(answer: Answer, vendor: str, *, safe: bool) -> str:
    made = answer.read(Made)
    if answer.status == 200 and made is not None:
        return made.id or "taken"
    raise failed(answer, vendor, safe=safe)
