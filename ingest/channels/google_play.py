"""Google Play: reviews of an app.

Before: the Play Console holds reviews; its API gives those of the last seven days that have a
text. After: accept publishes; a review that is changed keeps its id and is an event of it. Source:
developers.google.com, androidpublisher v3, reviews; OAuth 2.0 for service accounts.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Literal

import jwt
import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.source import Source, SourceContext
from ingest.sources.polling import (
    MAX_PAGES,
    BearerToken,
    PolledItem,
    PolledSource,
    VendorClient,
    archived_item,
    build_item,
    content_hash,
    identify_version,
    star_rating,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval, TokenAddress
from schemas.base import Record
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.message import Answering, Handle, Party, Post

LIMIT = 350
_SCOPE = "https://www.googleapis.com/auth/androidpublisher"


class Account(Record, frozen=True, kw_only=True):
    """One app and a service account."""

    brand: Brand = ""
    package: Annotated[str, msgspec.Meta(description="The app's package name.")] = ""
    client_email: Annotated[
        str, msgspec.Meta(description="The mail address of the service account.")
    ] = ""
    private_key: Annotated[
        str, msgspec.Meta(description="The private key of the service account, PEM.")
    ] = ""
    api: ApiAddress = "https://androidpublisher.googleapis.com"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    poll: PollInterval = timedelta(minutes=10)


class Timestamp(Record, frozen=True, kw_only=True):
    """An instant; its seconds are a text."""

    seconds: Text = None


class UserComment(Record, frozen=True, kw_only=True, rename="camel"):
    """What the customer wrote: title and text, a tab between them."""

    text: str | None = ""
    original_text: str | None = ""
    last_modified: Timestamp | None = None
    star_rating: Text = None
    reviewer_language: str | None = ""
    app_version_name: str | None = ""
    device: str | None = ""


class ReviewComment(Record, frozen=True, kw_only=True, rename="camel"):
    """The customer's words, or ours."""

    user_comment: UserComment | None = None


class PlayReview(Record, frozen=True, kw_only=True, rename="camel"):
    """A review."""

    review_id: str = ""
    author_name: str | None = ""
    comments: tuple[ReviewComment, ...] = ()


class TokenPagination(Record, frozen=True, kw_only=True, rename="camel"):
    """Where the next page is."""

    next_page_token: str | None = ""


class ReviewsListResponse(Record, frozen=True, kw_only=True, rename="camel"):
    """A page of reviews."""

    reviews: tuple[msgspec.Raw, ...] = ()
    token_pagination: TokenPagination | None = None


class GooglePlay:
    """The channel and its poll."""

    name = "google_play"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "reviews with their stars, and their later versions"
    ignores = "reviews without a text, which the API does not give"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        kept = archived_item(delivery.raw)
        told = decode_json(PlayReview, kept.item)
        comment = _comment(told)
        if not told.review_id or comment is None:
            raise Rejected("json.invalid", "a review without its id or the customer's comment")
        title, _, text = (comment.original_text or comment.text or "").strip().rpartition("\t")
        native, event = identify_version("google_play", delivery, told.review_id, kept.version)
        about = " ".join(t for t in (comment.app_version_name, comment.device) if t)
        return Parsed(
            message=build_message(
                "google_play",
                delivery,
                context,
                native_id=native,
                root=told.review_id,
                kind="review",
                subject=title.strip(),
                text=text.strip(),
                event=event,
                full_text="\n".join(t for t in (text.strip(), f"[{about}]" if about else "") if t),
                sender=Party(
                    name=told.author_name or "",
                    handles=(Handle(kind="handle", value=f"google_play:{told.review_id}"),),
                ),
                sent_at=parse_time(comment.last_modified.seconds)
                if comment.last_modified
                else None,
                post=Post(rating=star_rating(comment.star_rating)),
                reply_to=told.review_id,
                thread=(told.review_id,),
                answering=Answering(limit=LIMIT, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is an app to ask for."""
        return bool(settings.package and settings.client_email and settings.private_key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one app."""
        return PolledSource("google_play", account, settings, context, GooglePlayReviews().items)


def _comment(told: PlayReview) -> UserComment | None:
    return next((c.user_comment for c in told.comments if c.user_comment), None)


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(PlayReview, raw)
    words = _comment(told) or UserComment()
    made = parse_time(words.last_modified.seconds) if words.last_modified else None
    version = content_hash(words.text, words.star_rating)
    return PolledItem(id=told.review_id, raw=bytes(raw), version=version, created_at=made)


class GooglePlayReviews:
    """Lists an app's reviews; its access token is kept for as long as it holds."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield every review there is."""
        url = f"{settings.api}/androidpublisher/v3/applications/{settings.package}/reviews"
        token, form = "", _form(settings, client)
        for _ in range(MAX_PAGES):
            query = {"maxResults": "100"} | ({"token": token} if token else {})
            headers = await self._bearer.headers(client, settings.token_url, form)
            page = decode_json(
                ReviewsListResponse, await client.get(url, params=query, headers=headers)
            )
            for raw in page.reviews:
                yield build_item(raw, functools.partial(_item, raw))
            token = (page.token_pagination.next_page_token if page.token_pagination else "") or ""
            if not token:
                return


def _form(settings: Account, client: VendorClient) -> dict[str, str]:
    """Return what an access token is asked with (RFC 7523, 2.1)."""
    stamp = int(client.now().timestamp())
    claims = {
        "iss": settings.client_email,
        "scope": _SCOPE,
        "aud": settings.token_url,
        "iat": stamp,
        "exp": stamp + 3600,
    }
    try:
        signed = jwt.encode(claims, settings.private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Retry(
            SETUP_PROBLEM_S, f"google_play: `private_key` is no RSA key: {error}"[:ERROR_TEXT_LIMIT]
        ) from error
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
