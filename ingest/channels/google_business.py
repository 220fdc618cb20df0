"""The Google Business Profile channel takes the reviews of a business' locations.

A changed review keeps its name, and its later version is an event of the review.
Source: developers.google.com, My Business API v4, reviews.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Literal

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
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post

_MAX_ANSWER_BYTES = 4096  # Google refuses longer answers
_STARS_OF_WORD = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
_TRANSLATED, _ORIGINAL = "(Translated by Google)", "(Original)"


class Account(Record, frozen=True, kw_only=True):
    """One business with its locations, and an OAuth client."""

    brand: Brand = ""
    locations: Annotated[
        tuple[str, ...], msgspec.Meta(description="The places, as `accounts/…/locations/…`.")
    ] = ()
    client_id: Annotated[str, msgspec.Meta(description="The id of the OAuth client.")] = ""
    client_secret: Annotated[str, msgspec.Meta(description="The secret of the OAuth client.")] = ""
    refresh_token: Annotated[
        str, msgspec.Meta(description="The refresh token, scope business.manage.")
    ] = ""
    api: ApiAddress = "https://mybusiness.googleapis.com"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    poll: PollInterval = timedelta(minutes=5)


class Reviewer(Record, frozen=True, kw_only=True, rename="camel"):
    """The author of a review; an anonymous author has no name."""

    display_name: str | None = ""
    is_anonymous: bool = False


class BusinessReview(Record, frozen=True, kw_only=True, rename="camel"):
    """A review, whose stars are a word such as `FOUR`."""

    name: str = ""
    review_id: str = ""
    reviewer: Reviewer = Reviewer()
    star_rating: str = ""
    comment: str | None = ""
    create_time: Text = None
    update_time: Text = None


class ListReviewsResponse(Record, frozen=True, kw_only=True, rename="camel"):
    """A page of reviews."""

    reviews: tuple[msgspec.Raw, ...] = ()
    next_page_token: str | None = ""


class GoogleBusiness:
    """The channel of Google Business Profile reviews."""

    name = "google_business"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "reviews of the business' places with their stars, and their later versions"
    ignores = "nothing: a rating without a text is a message, too"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        archived = archived_item(delivery.raw)
        review = decode_json(BusinessReview, archived.item)
        name = review.name or review.review_id
        if not name:
            raise Rejected("json.invalid", "a review without its name")
        native_id, event = identify_version("google_business", delivery, name, archived.version)
        text = original_text(review.comment or "")
        return Parsed(
            message=build_message(
                "google_business",
                delivery,
                context,
                native_id=native_id,
                root=name,
                kind="review",
                text=text,
                full_text=text or f"[{review.star_rating.lower()} stars]",
                event=event,
                sender=Party(
                    name=review.reviewer.display_name or "",
                    handles=(Handle(kind="handle", value=f"google_business:{name}"),),
                ),
                sent_at=parse_time(review.update_time if event else review.create_time),
                post=Post(rating=star_rating(_STARS_OF_WORD.get(review.star_rating))),
                reply_to=name,
                thread=(name,),
                answering=Answering(limit=_MAX_ANSWER_BYTES, unit="bytes", public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name locations and a token to read their reviews with."""
        return bool(settings.locations and settings.refresh_token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the reviews of one business."""
        list_items = GoogleBusinessReviews().list_items
        return PolledSource("google_business", account, settings, context, list_items)


def original_text(comment: str) -> str:
    """Return the text of a comment in its own language, without Google's translation."""
    if _ORIGINAL in comment:
        return comment.partition(_ORIGINAL)[2].strip()
    return comment.partition(_TRANSLATED)[0].strip() or comment.replace(_TRANSLATED, "").strip()


class GoogleBusinessReviews:
    """Lists the reviews of every location, with one access token for all requests."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def list_items(
        self, settings: Account, client: VendorClient
    ) -> AsyncIterator[PolledItem]:
        """Yield every review, the last changed ones of each location first."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": settings.refresh_token,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
        for location in settings.locations:
            page_token = ""
            for _ in range(MAX_PAGES):
                headers = await self._bearer.headers(client, settings.token_url, form)
                query = {"pageSize": "50", "orderBy": "updateTime desc"}
                query |= {"pageToken": page_token} if page_token else {}
                url = f"{settings.api}/v4/{location}/reviews"
                body = await client.get(url, params=query, headers=headers)
                page = decode_json(ListReviewsResponse, body)
                for raw in page.reviews:
                    yield build_item(raw, functools.partial(_item_of, raw))
                page_token = page.next_page_token or ""
                if not page_token:
                    break


def _item_of(raw: msgspec.Raw) -> PolledItem:
    review = decode_json(BusinessReview, raw)
    return PolledItem(
        id=review.name or review.review_id,
        raw=bytes(raw),
        version=content_hash(review.star_rating, review.comment),
        created_at=parse_time(review.create_time),
    )
