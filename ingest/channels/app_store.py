"""The App Store channel takes the reviews of an app, with each later version of a review.

A review does not tell the time of its change, and so a hash of its text is its version.
Source: developer.apple.com, App Store Connect API, customer reviews; generating tokens.
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

_MAX_ANSWER_CHARS = 5970  # App Store Connect refuses longer answers
_TOKEN_LIFETIME_S = 900  # Apple accepts at most 20 minutes


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
    """The stars, the text and the author of a review."""

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


class PageLinks(Record, frozen=True, kw_only=True):
    """The address of the next page, empty on the last one."""

    next: str | None = ""


class CustomerReviewsResponse(Record, frozen=True, kw_only=True):
    """A page of reviews."""

    data: tuple[msgspec.Raw, ...] = ()
    links: PageLinks = PageLinks()


class AppStore:
    """The channel of App Store reviews."""

    name = "app_store"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "reviews with their stars, and their later versions"
    ignores = "ratings without a review, which the API does not give"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one review."""
        archived = archived_item(delivery.raw)
        review = decode_json(CustomerReview, archived.item)
        attributes = review.attributes
        if not review.id:
            raise Rejected("json.invalid", "a review without its id")
        native_id, event = identify_version("app_store", delivery, review.id, archived.version)
        return Parsed(
            message=build_message(
                "app_store",
                delivery,
                context,
                native_id=native_id,
                root=review.id,
                kind="review",
                subject=attributes.title or "",
                text=attributes.body or attributes.title or "",
                event=event,
                sender=Party(
                    name=attributes.reviewer_nickname or "",
                    handles=(Handle(kind="handle", value=f"app_store:{review.id}"),),
                ),
                sent_at=parse_time(attributes.created_date),
                post=Post(rating=star_rating(attributes.rating)),
                reply_to=review.id,
                thread=(review.id,),
                answering=Answering(limit=_MAX_ANSWER_CHARS, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name an app and a key to read its reviews with."""
        return bool(settings.app and settings.key_id and settings.private_key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the reviews of one app."""
        return PolledSource("app_store", account, settings, context, list_reviews)


async def list_reviews(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield all reviews of an app, the newest first."""
    url = (
        f"{settings.api}/v1/apps/{settings.app}/customerReviews"
        "?sort=-createdDate&limit=200&include=response"
    )
    for _ in range(MAX_PAGES):
        headers = {"authorization": f"Bearer {_sign_token(settings, client)}"}
        page = decode_json(CustomerReviewsResponse, await client.get(url, headers=headers))
        for raw in page.data:
            yield build_item(raw, functools.partial(_item_of, raw))
        url = page.links.next or ""
        # Only Apple may see the token, and a page could name any other server.
        if not url.startswith(f"{settings.api}/"):
            return


def _item_of(raw: msgspec.Raw) -> PolledItem:
    review = decode_json(CustomerReview, raw)
    attributes = review.attributes
    return PolledItem(
        id=review.id,
        raw=bytes(raw),
        version=content_hash(attributes.rating, attributes.title, attributes.body),
        created_at=parse_time(attributes.created_date),
    )


def _sign_token(settings: Account, client: VendorClient) -> str:
    """Return a token for the next minutes; raise Retry for a private key that can't sign."""
    now = int(client.now().timestamp())
    claims = {
        "iss": settings.issuer,
        "iat": now,
        "exp": now + _TOKEN_LIFETIME_S,
        "aud": "appstoreconnect-v1",
    }
    try:
        return jwt.encode(
            claims, settings.private_key, algorithm="ES256", headers={"kid": settings.key_id}
        )
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        text = f"app_store: `private_key` is not an EC key: {error}"
        raise Retry(SETUP_PROBLEM_S, text[:ERROR_TEXT_LIMIT]) from error
