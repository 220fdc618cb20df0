"""App Store: reviews of an app.

Before: App Store Connect holds reviews. After: accept publishes. A review has no time of its
change: a hash of its words tells. Source: developer.apple.com, App Store Connect API, customer
reviews; generating tokens.
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
    PolledItem,
    PolledSource,
    VendorClient,
    archived_item,
    build_item,
    content_hash,
    identify_version,
    star_rating,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval
from schemas.base import Record
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.message import Answering, Handle, Party, Post

LIMIT = 5970


class Account(Record, frozen=True, kw_only=True):
    """One app and its API key."""

    brand: Brand = ""
    app: Annotated[str, msgspec.Meta(description="The app's number.")] = ""
    key_id: Annotated[str, msgspec.Meta(description="The id of the API key.")] = ""
    issuer: Annotated[str, msgspec.Meta(description="The issuer of the API key.")] = ""
    private_key: Annotated[
        str, msgspec.Meta(description="The private key of the API key, PEM (ES256).")
    ] = ""
    api: ApiAddress = "https://api.appstoreconnect.apple.com"
    poll: PollInterval = timedelta(minutes=10)


class CustomerReviewAttributes(Record, frozen=True, kw_only=True, rename="camel"):
    """What the customer wrote."""

    rating: Text = None
    title: str | None = ""
    body: str | None = ""
    reviewer_nickname: str | None = ""
    created_date: Text = None
    territory: str | None = ""


class CustomerReview(Record, frozen=True, kw_only=True):
    """A review."""

    id: str = ""
    attributes: CustomerReviewAttributes = CustomerReviewAttributes()


class Links(Record, frozen=True, kw_only=True):
    """Where the next page is."""

    next: str | None = ""


class CustomerReviewsResponse(Record, frozen=True, kw_only=True):
    """A page of reviews."""

    data: tuple[msgspec.Raw, ...] = ()
    links: Links = Links()


class AppStore:
    """The channel and its poll."""

    name = "app_store"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "reviews with their stars, and their later versions"
    ignores = "ratings without a review, which the API does not give"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        kept = archived_item(delivery.raw)
        told = decode_json(CustomerReview, kept.item)
        words = told.attributes
        if not told.id:
            raise Rejected("json.invalid", "a review without its id")
        native, event = identify_version("app_store", delivery, told.id, kept.version)
        return Parsed(
            message=build_message(
                "app_store",
                delivery,
                context,
                native_id=native,
                root=told.id,
                kind="review",
                subject=words.title or "",
                text=words.body or words.title or "",
                event=event,
                sender=Party(
                    name=words.reviewer_nickname or "",
                    handles=(Handle(kind="handle", value=f"app_store:{told.id}"),),
                ),
                sent_at=parse_time(words.created_date),
                post=Post(rating=star_rating(words.rating)),
                reply_to=told.id,
                thread=(told.id,),
                answering=Answering(limit=LIMIT, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is an app to ask for."""
        return bool(settings.app and settings.key_id and settings.private_key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one app."""
        return PolledSource("app_store", account, settings, context, AppStoreReviews().items)


class AppStoreReviews:
    """Lists an app's reviews."""

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield every review there is, the newest first."""
        url = (
            f"{settings.api}/v1/apps/{settings.app}/customerReviews"
            "?sort=-createdDate&limit=200&include=response"
        )
        for _ in range(MAX_PAGES):
            headers = {"authorization": f"Bearer {token(settings, client)}"}
            page = decode_json(CustomerReviewsResponse, await client.get(url, headers=headers))
            for raw in page.data:
                yield build_item(raw, functools.partial(_item, raw))
            url = page.links.next or ""
            # The token goes to Apple, and to nobody a page names instead.
            if not url.startswith(f"{settings.api}/"):
                return


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(CustomerReview, raw)
    words = told.attributes
    version = content_hash(words.rating, words.title, words.body)
    return PolledItem(
        id=told.id, raw=bytes(raw), version=version, created_at=parse_time(words.created_date)
    )


def token(settings: Account, client: VendorClient) -> str:
    """Return a token for the next minutes."""
    stamp = int(client.now().timestamp())
    claims = {"iss": settings.issuer, "iat": stamp, "exp": stamp + 900, "aud": "appstoreconnect-v1"}
    try:
        return jwt.encode(
            claims, settings.private_key, algorithm="ES256", headers={"kid": settings.key_id}
        )
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Retry(
            SETUP_PROBLEM_S, f"app_store: `private_key` is no EC key: {error}"[:ERROR_TEXT_LIMIT]
        ) from error
