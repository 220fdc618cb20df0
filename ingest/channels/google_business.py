"""Google Business Profile: reviews of the places of a business.

Before: Google holds reviews. After: accept publishes; a review that is changed keeps its name and
is an event of it. Stars come as words. Source: developers.google.com, My Business API v4, reviews.
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

LIMIT = 4096
_STARS = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
_TRANSLATED, _ORIGINAL = "(Translated by Google)", "(Original)"


class Account(Record, frozen=True, kw_only=True):
    """One business, its places and an OAuth client."""

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
    """Who wrote it; an anonymous one has no name."""

    display_name: str | None = ""
    is_anonymous: bool = False


class BusinessReview(Record, frozen=True, kw_only=True, rename="camel"):
    """A review."""

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
    """The channel and its poll."""

    name = "google_business"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "reviews of the business' places with their stars, and their later versions"
    ignores = "nothing: a rating without a text is a message, too"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        kept = archived_item(delivery.raw)
        told = decode_json(BusinessReview, kept.item)
        name = told.name or told.review_id
        if not name:
            raise Rejected("json.invalid", "a review without its name")
        native, event = identify_version("google_business", delivery, name, kept.version)
        text = original(told.comment or "")
        return Parsed(
            message=build_message(
                "google_business",
                delivery,
                context,
                native_id=native,
                root=name,
                kind="review",
                text=text,
                full_text=text or f"[{told.star_rating.lower()} stars]",
                event=event,
                sender=Party(
                    name=told.reviewer.display_name or "",
                    handles=(Handle(kind="handle", value=f"google_business:{name}"),),
                ),
                sent_at=parse_time(told.update_time if event else told.create_time),
                post=Post(rating=star_rating(_STARS.get(told.star_rating))),
                reply_to=name,
                thread=(name,),
                answering=Answering(limit=LIMIT, unit="bytes", public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is a place to ask for."""
        return bool(settings.locations and settings.refresh_token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one business."""
        return PolledSource(
            "google_business", account, settings, context, GoogleBusinessReviews().items
        )


def original(comment: str) -> str:
    """Return a comment's own words, where Google put a translation beside them."""
    if _ORIGINAL in comment:
        return comment.partition(_ORIGINAL)[2].strip()
    return comment.partition(_TRANSLATED)[0].strip() or comment.replace(_TRANSLATED, "").strip()


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(BusinessReview, raw)
    version = content_hash(told.star_rating, told.comment)
    at = parse_time(told.create_time)
    return PolledItem(
        id=told.name or told.review_id, raw=bytes(raw), version=version, created_at=at
    )


class GoogleBusinessReviews:
    """Lists the reviews of every place."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield every review, those changed last first."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": settings.refresh_token,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
        for place in settings.locations:
            token = ""
            for _ in range(MAX_PAGES):
                headers = await self._bearer.headers(client, settings.token_url, form)
                query = {"pageSize": "50", "orderBy": "updateTime desc"}
                query |= {"pageToken": token} if token else {}
                url = f"{settings.api}/v4/{place}/reviews"
                page = decode_json(
                    ListReviewsResponse, await client.get(url, params=query, headers=headers)
                )
                for raw in page.reviews:
                    yield build_item(raw, functools.partial(_item, raw))
                token = page.next_page_token or ""
                if not token:
                    break
