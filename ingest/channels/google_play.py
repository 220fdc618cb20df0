"""The Google Play channel takes the reviews of an app, with each later version of a review.

The API lists only the reviews of the last seven days that have a text. A changed review keeps its
id, and its later version is an event of the review.
Source: developers.google.com, androidpublisher v3, reviews; OAuth 2.0 for service accounts.
"""

import functools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Literal

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
from schemas.account_fields import (
    ApiAddress,
    Brand,
    PlayPackage,
    PollInterval,
    ServiceAccountKey,
    ServiceAccountMail,
    TokenAddress,
)
from schemas.base import Record
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.message import Answering, Handle, Party, Post

_MAX_ANSWER_CHARS = 350  # Google Play refuses longer answers
_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
_ASSERTION_LIFETIME_S = 3600  # Google accepts no longer one


class Account(Record, frozen=True, kw_only=True):
    """One app and a service account."""

    brand: Brand = ""
    package: PlayPackage = ""
    client_email: ServiceAccountMail = ""
    private_key: ServiceAccountKey = ""
    api: ApiAddress = "https://androidpublisher.googleapis.com"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    poll: PollInterval = timedelta(minutes=10)


class Timestamp(Record, frozen=True, kw_only=True):
    """An instant, whose seconds are a text."""

    seconds: Text = None


class UserComment(Record, frozen=True, kw_only=True, rename="camel"):
    """A customer's comment, whose text has the title and a tab before it."""

    text: str | None = ""
    original_text: str | None = ""
    last_modified: Timestamp | None = None
    star_rating: Text = None
    reviewer_language: str | None = ""
    app_version_name: str | None = ""
    device: str | None = ""


class ReviewComment(Record, frozen=True, kw_only=True, rename="camel"):
    """A comment of a review, which is the customer's or, without `user_comment`, ours."""

    user_comment: UserComment | None = None


class PlayReview(Record, frozen=True, kw_only=True, rename="camel"):
    """A review."""

    review_id: str = ""
    author_name: str | None = ""
    comments: tuple[ReviewComment, ...] = ()


class TokenPagination(Record, frozen=True, kw_only=True, rename="camel"):
    """The token of the next page, empty on the last one."""

    next_page_token: str | None = ""


class ReviewsListResponse(Record, frozen=True, kw_only=True, rename="camel"):
    """A page of reviews."""

    reviews: tuple[msgspec.Raw, ...] = ()
    token_pagination: TokenPagination | None = None


class GooglePlay:
    """The channel of Google Play reviews."""

    name = "google_play"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "reviews with their stars, and their later versions"
    ignores = "reviews without a text, which the API does not give"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        archived = archived_item(delivery.raw)
        review = decode_json(PlayReview, archived.item)
        comment = _user_comment(review)
        if not review.review_id or comment is None:
            raise Rejected("json.invalid", "a review without its id or the customer's comment")
        title, _, text = (comment.original_text or comment.text or "").strip().rpartition("\t")
        text = text.strip()
        native_id, event = identify_version(
            "google_play", delivery, review.review_id, archived.version
        )
        device = " ".join(word for word in (comment.app_version_name, comment.device) if word)
        paragraphs = (text, f"[{device}]" if device else "")
        return Parsed(
            message=build_message(
                "google_play",
                delivery,
                context,
                native_id=native_id,
                root=review.review_id,
                kind="review",
                subject=title.strip(),
                text=text,
                event=event,
                full_text="\n".join(paragraph for paragraph in paragraphs if paragraph),
                sender=Party(
                    name=review.author_name or "",
                    handles=(Handle(kind="handle", value=f"google_play:{review.review_id}"),),
                ),
                sent_at=_modified_at(comment),
                post=Post(rating=star_rating(comment.star_rating)),
                reply_to=review.review_id,
                thread=(review.review_id,),
                answering=Answering(limit=_MAX_ANSWER_CHARS, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name an app and a key to read its reviews with."""
        return bool(settings.package and settings.client_email and settings.private_key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the reviews of one app."""
        return PolledSource(
            "google_play", account, settings, context, GooglePlayReviews().list_items
        )


class GooglePlayReviews:
    """Lists the reviews of an app, with one access token for all requests."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def list_items(
        self, settings: Account, client: VendorClient
    ) -> AsyncIterator[PolledItem]:
        """Yield every review of the last seven days."""
        url = f"{settings.api}/androidpublisher/v3/applications/{settings.package}/reviews"
        page_token, form = "", _token_form(settings, client)
        for _ in range(MAX_PAGES):
            query = {"maxResults": "100"} | ({"token": page_token} if page_token else {})
            headers = await self._bearer.headers(client, settings.token_url, form)
            body = await client.get(url, params=query, headers=headers)
            page = decode_json(ReviewsListResponse, body)
            for raw in page.reviews:
                yield build_item(raw, functools.partial(_item_of, raw))
            pagination = page.token_pagination or TokenPagination()
            page_token = pagination.next_page_token or ""
            if not page_token:
                return


def _user_comment(review: PlayReview) -> UserComment | None:
    comments = (comment.user_comment for comment in review.comments)
    return next((comment for comment in comments if comment), None)


def _modified_at(comment: UserComment) -> datetime | None:
    return parse_time((comment.last_modified or Timestamp()).seconds)


def _item_of(raw: msgspec.Raw) -> PolledItem:
    review = decode_json(PlayReview, raw)
    comment = _user_comment(review) or UserComment()
    return PolledItem(
        id=review.review_id,
        raw=bytes(raw),
        version=content_hash(comment.text, comment.star_rating),
        created_at=_modified_at(comment),
    )


def _token_form(settings: Account, client: VendorClient) -> dict[str, str]:
    """Return the form of a request for an access token (RFC 7523, section 2.1)."""
    now = int(client.now().timestamp())
    claims = {
        "iss": settings.client_email,
        "scope": _SCOPE,
        "aud": settings.token_url,
        "iat": now,
        "exp": now + _ASSERTION_LIFETIME_S,
    }
    try:
        assertion = jwt.encode(claims, settings.private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        text = f"google_play: `private_key` is not an RSA key: {error}"
        raise Retry(SETUP_PROBLEM_S, text[:ERROR_TEXT_LIMIT]) from error
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
