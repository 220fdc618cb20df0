"""Trustpilot: service reviews of a business.

Before: Trustpilot holds reviews. After: accept publishes; a review that is changed keeps its id and
is an event of it. Its webhooks carry no signature, so it is asked instead. Source:
developers.trustpilot.com, client credentials, private reviews of a business unit.
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

_PAGE = 100


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
    """Who wrote it."""

    id: str | None = ""
    display_name: str | None = ""


class ServiceReview(Record, frozen=True, kw_only=True, rename="camel"):
    """A review; `referralEmail` is known of a customer whom the business invited."""

    id: str = ""
    stars: Text = None
    title: str | None = ""
    text: str | None = ""
    consumer: Consumer = Consumer()
    created_at: Text = None
    updated_at: Text = None
    referral_email: str | None = ""


class ServiceReviewsPage(Record, frozen=True, kw_only=True):
    """A page of reviews; one past the last is empty."""

    reviews: tuple[msgspec.Raw, ...] = ()


class Trustpilot:
    """The channel and its poll."""

    name = "trustpilot"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "service reviews with their stars, and their later versions"
    ignores = "product reviews, and deletions, which the listing does not show"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        kept = archived_item(delivery.raw)
        told = decode_json(ServiceReview, kept.item)
        if not told.id:
            raise Rejected("json.invalid", "a review without its id")
        native, event = identify_version("trustpilot", delivery, told.id, kept.version)
        who = told.consumer.id or told.id
        handles = [Handle(kind="handle", value=f"trustpilot:{who}"[:512])]
        mail = (told.referral_email or "").strip().lower()
        if "@" in mail:
            handles.append(Handle(kind="email", value=mail[:512]))
        return Parsed(
            message=build_message(
                "trustpilot",
                delivery,
                context,
                native_id=native,
                root=told.id,
                kind="review",
                subject=told.title or "",
                text=told.text or told.title or "",
                event=event,
                sender=Party(name=told.consumer.display_name or "", handles=tuple(handles)),
                sent_at=parse_time(
                    told.updated_at or told.created_at if event else told.created_at
                ),
                post=Post(
                    url=f"https://www.trustpilot.com/reviews/{told.id}",
                    rating=star_rating(told.stars),
                ),
                reply_to=told.id,
                thread=(told.id,),
                answering=Answering(public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is a business to ask for."""
        return bool(settings.unit and settings.key and settings.secret)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one business."""
        return PolledSource("trustpilot", account, settings, context, TrustpilotReviews().items)


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(ServiceReview, raw)
    if not told.id:
        raise Rejected("json.invalid", "a review without its id")
    version = content_hash(told.stars, told.title, told.text)
    return PolledItem(
        id=told.id, raw=bytes(raw), version=version, created_at=parse_time(told.created_at)
    )


class TrustpilotReviews:
    """Lists the reviews of a business."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield the reviews of the window, the newest first."""
        url = f"{settings.api}/v1/private/business-units/{settings.unit}/reviews"
        token_url = f"{settings.api}/v1/oauth/oauth-business-users-for-applications/accesstoken"
        for number in range(MAX_PAGES):
            headers = await self._bearer.headers(
                client,
                token_url,
                {"grant_type": "client_credentials"},
                auth=(settings.key, settings.secret),
            )
            query = {"page": str(number + 1), "perPage": str(_PAGE), "orderBy": "createdat.desc"}
            page = decode_json(
                ServiceReviewsPage, await client.get(url, params=query, headers=headers)
            )
            made = [build_item(raw, functools.partial(_item, raw)) for raw in page.reviews]
            for item in made:
                yield item
            past = [
                m.created_at is not None
                and m.created_at < window_start(client.now(), settings.window)
                for m in made
            ]
            if len(made) < _PAGE or past[-1]:
                break
