"""Google Play: reviews of an app.

Before: the Play Console holds reviews; its API gives those of the last seven days that have a
text. After: accept publishes; a review that is changed keeps its id and is an event of it. Source:
developers.google.com, androidpublisher v3, reviews; OAuth 2.0 for service accounts.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Literal

import jwt
import msgspec

from ingest.channel import Context, Delivery, Parsed, Source, Tools, message_of
from ingest.clean.told import Text, instant, read
from ingest.polling import Ask, Bearer, Item, Poll, item_of, mark, pages, stars, stored, versioned
from schemas.base import Record
from schemas.errors import Rejected, Retry
from schemas.message import Answering, Handle, Party, Post

LIMIT = 350
_SCOPE = "https://www.googleapis.com/auth/androidpublisher"


class Account(Record, frozen=True, kw_only=True):
    """An app (`package`) and a service account: its mail address and private key (PEM)."""

    brand: str = ""
    package: str = ""
    client_email: str = ""
    private_key: str = ""
    api: str = "https://androidpublisher.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    poll: timedelta = timedelta(minutes=10)


class When(Record, frozen=True, kw_only=True):
    """An instant; its seconds are a text."""

    seconds: Text = None


class Comment(Record, frozen=True, kw_only=True):
    """What the customer wrote: title and text, a tab between them."""

    text: str | None = ""
    originalText: str | None = ""  # noqa: N815 - Google's name
    lastModified: When | None = None  # noqa: N815 - as above
    starRating: Text = None  # noqa: N815 - as above
    reviewerLanguage: str | None = ""  # noqa: N815 - as above
    appVersionName: str | None = ""  # noqa: N815 - as above
    device: str | None = ""


class Said(Record, frozen=True, kw_only=True):
    """The customer's words, or ours."""

    userComment: Comment | None = None  # noqa: N815 - Google's name


class Review(Record, frozen=True, kw_only=True):
    """A review."""

    reviewId: str = ""  # noqa: N815 - Google's name
    authorName: str | None = ""  # noqa: N815 - as above
    comments: tuple[Said, ...] = ()


class Next(Record, frozen=True, kw_only=True):
    """Where the next page is."""

    nextPageToken: str | None = ""  # noqa: N815 - Google's name


class Page(Record, frozen=True, kw_only=True):
    """A page of reviews."""

    reviews: tuple[msgspec.Raw, ...] = ()
    tokenPagination: Next | None = None  # noqa: N815 - Google's name


class GooglePlay:
    """The channel and its poll."""

    name = "google_play"
    way: Literal["push", "pull"] = "pull"
    account: type[msgspec.Struct] = Account
    takes = "reviews with their stars; their later versions"
    ignores = "reviews without a text, which the API does not give"

    def parse(self, delivery: Delivery, context: Context) -> Parsed:
        """Return the Message of one review."""
        kept = stored(delivery.raw)
        told = read(Review, kept.item)
        comment = _comment(told)
        if not told.reviewId or comment is None:
            raise Rejected("json.invalid", "a review without its id or the customer's comment")
        title, _, text = (comment.originalText or comment.text or "").strip().rpartition("\t")
        native, event = versioned("google_play", delivery, told.reviewId, kept.version)
        about = " ".join(t for t in (comment.appVersionName, comment.device) if t)
        return Parsed(message=message_of(
            "google_play", delivery, context, native_id=native, root=told.reviewId, kind="review",
            subject=title.strip(), text=text.strip(), event=event,
            full_text="\n".join(t for t in (text.strip(), f"[{about}]" if about else "") if t),
            sender=Party(
                name=told.authorName or "",
                handles=(Handle(kind="handle", value=f"google_play:{told.reviewId}"),),
            ),
            sent_at=instant(comment.lastModified.seconds) if comment.lastModified else None,
            post=Post(rating=stars(comment.starRating)), reply_to=told.reviewId,
            thread=(told.reviewId,), answering=Answering(limit=LIMIT, public=True),
        ))  # fmt: skip

    def pulls(self, settings: Any) -> bool:
        """Say whether there is an app to ask for."""
        return bool(settings.package and settings.client_email and settings.private_key)

    def source(self, account: str, settings: Any, tools: Tools) -> Source:
        """Return the poll of one app."""
        return Poll("google_play", account, settings, tools, Reviews().items)


def _comment(told: Review) -> Comment | None:
    return next((c.userComment for c in told.comments if c.userComment), None)


def _item(raw: msgspec.Raw) -> Item:
    told = read(Review, raw)
    words = _comment(told) or Comment()
    made = instant(words.lastModified.seconds) if words.lastModified else None
    version = mark(words.text, words.starRating)
    return Item(id=told.reviewId, raw=bytes(raw), version=version, at=made)


class Reviews:
    """Lists an app's reviews; its access token is kept for as long as it holds."""

    def __init__(self) -> None:
        self._bearer = Bearer()

    async def items(self, settings: Account, ask: Ask) -> AsyncIterator[Item]:
        """Yield every review there is."""
        url = f"{settings.api}/androidpublisher/v3/applications/{settings.package}/reviews"
        token, form = "", _form(settings, ask)
        for _ in pages():
            query = {"maxResults": "100"} | ({"token": token} if token else {})
            headers = await self._bearer.headers(ask, settings.token_url, form)
            page = read(Page, await ask.get(url, params=query, headers=headers))
            for raw in page.reviews:
                yield item_of(raw, functools.partial(_item, raw))
            token = (page.tokenPagination.nextPageToken if page.tokenPagination else "") or ""
            if not token:
                return


def _form(settings: Account, ask: Ask) -> dict[str, str]:
    """Return what an access token is asked with (RFC 7523, 2.1)."""
    stamp = int(ask.now().timestamp())
    claims = {"iss": settings.client_email, "scope": _SCOPE, "aud": settings.token_url,
              "iat": stamp, "exp": stamp + 3600}  # fmt: skip
    try:
        signed = jwt.encode(claims, settings.private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Retry(600, f"google_play: `private_key` is no RSA key: {error}"[:300]) from error
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
