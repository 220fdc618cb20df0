"""The Trustpilot channel takes the service reviews of a business, with their later versions.

Trustpilot does not sign its webhooks, and so Santral reads the reviews. A changed review keeps its
id, and its later version is an event of the review.
Source: developers.trustpilot.com, client credentials, private reviews of a business unit.
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
    window_start,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post

_PAGE_SIZE = 100  # reviews; Trustpilot gives no more at one time
_MAX_HANDLE_CHARS = 512  # as Handle allows


class Account(Record, frozen=True, kw_only=True):
    """One business unit and an application."""

    brand: Brand = ""
    unit: Annotated[str, msgspec.Meta(description="The id of the business unit.")] = ""
    key: Annotated[str, msgspec.Meta(description="The application's key.")] = ""
    secret: Annotated[str, msgspec.Meta(description="The application's secret.")] = ""
    api: ApiAddress = "https://api.trustpilot.com"
    window: Annotated[
        timedelta,
        msgspec.Meta(description="The age up to which reviews are read again for later versions."),
    ] = timedelta(days=30)
    poll: PollInterval = timedelta(minutes=10)


class Consumer(Record, frozen=True, kw_only=True, rename="camel"):
    """The author of a review."""

    id: str | None = ""
    display_name: str | None = ""


class ServiceReview(Record, frozen=True, kw_only=True, rename="camel"):
    """A review; `referral_email` is the address of a customer whom the business invited."""

    id: str = ""
    stars: Text = None
    title: str | None = ""
    text: str | None = ""
    consumer: Consumer = Consumer()
    created_at: Text = None
    updated_at: Text = None
    referral_email: str | None = ""


class ServiceReviewsPage(Record, frozen=True, kw_only=True):
    """A page of reviews; the page after the last one is empty."""

    reviews: tuple[msgspec.Raw, ...] = ()


class Trustpilot:
    """The channel of Trustpilot reviews."""

    name = "trustpilot"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "service reviews with their stars, and their later versions"
    ignores = "product reviews, and deletions, which the listing does not show"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        archived = archived_item(delivery.raw)
        review = decode_json(ServiceReview, archived.item)
        if not review.id:
            raise Rejected("json.invalid", "a review without its id")
        native_id, event = identify_version("trustpilot", delivery, review.id, archived.version)
        changed_at = review.updated_at or review.created_at
        return Parsed(
            message=build_message(
                "trustpilot",
                delivery,
                context,
                native_id=native_id,
                root=review.id,
                kind="review",
                subject=review.title or "",
                text=review.text or review.title or "",
                event=event,
                sender=Party(name=review.consumer.display_name or "", handles=_handles(review)),
                sent_at=parse_time(changed_at if event else review.created_at),
                post=Post(
                    url=f"https://www.trustpilot.com/reviews/{review.id}",
                    rating=star_rating(review.stars),
                ),
                reply_to=review.id,
                thread=(review.id,),
                answering=Answering(public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name a business and a key to read its reviews with."""
        return bool(settings.unit and settings.key and settings.secret)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the reviews of one business."""
        list_items = TrustpilotReviews().list_items
        return PolledSource("trustpilot", account, settings, context, list_items)


class TrustpilotReviews:
    """Lists the reviews of a business, with one access token for all requests."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def list_items(
        self, settings: Account, client: VendorClient
    ) -> AsyncIterator[PolledItem]:
        """Yield the reviews of the window, the newest first."""
        url = f"{settings.api}/v1/private/business-units/{settings.unit}/reviews"
        token_url = f"{settings.api}/v1/oauth/oauth-business-users-for-applications/accesstoken"
        form = {"grant_type": "client_credentials"}
        start = window_start(client.now(), settings.window)
        for number in range(1, MAX_PAGES + 1):
            headers = await self._bearer.headers(
                client, token_url, form, auth=(settings.key, settings.secret)
            )
            query = {"page": str(number), "perPage": str(_PAGE_SIZE), "orderBy": "createdat.desc"}
            body = await client.get(url, params=query, headers=headers)
            page = decode_json(ServiceReviewsPage, body)
            items = [build_item(raw, functools.partial(_item_of, raw)) for raw in page.reviews]
            for item in items:
                yield item
            if len(items) < _PAGE_SIZE:
                return
            oldest = items[-1].created_at
            if oldest is not None and oldest < start:
                return


def _item_of(raw: msgspec.Raw) -> PolledItem:
    review = decode_json(ServiceReview, raw)
    return PolledItem(
        id=review.id,
        raw=bytes(raw),
        version=content_hash(review.stars, review.title, review.text),
        created_at=parse_time(review.created_at),
    )


def _handles(review: ServiceReview) -> tuple[Handle, ...]:
    """Return the handle of a review's author, and the mail address of an invited customer."""
    value = f"trustpilot:{review.consumer.id or review.id}"
    author = Handle(kind="handle", value=value[:_MAX_HANDLE_CHARS])
    address = (review.referral_email or "").strip().lower()
    if "@" not in address:
        return (author,)
    return (author, Handle(kind="email", value=address[:_MAX_HANDLE_CHARS]))
