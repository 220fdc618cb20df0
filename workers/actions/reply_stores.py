"""Answers to reviews on Google Play and in the App Store: one a review, a later one overwrites it.

Before: workers/deliveries/tries.py may send the Reply. After: the store's page. Since the second
sending writes the same over the first, it is harmless. Source: developers.google.com,
androidpublisher v3, reviews.reply; developer.apple.com, customer review responses.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
import msgspec

from schemas.account_fields import ApiAddress, SendTimeout, TokenAddress
from schemas.base import Record
from schemas.errors import ERROR_TEXT_LIMIT, Rejected
from schemas.outcome import Reply
from workers.actions.http import Answer, failed, granted, post, to_send
from workers.actions.outgoing_text import path_segment

_SCOPE = "https://www.googleapis.com/auth/androidpublisher"


class Play(Record, frozen=True, kw_only=True):
    """The service account that answers."""

    package: Annotated[str, msgspec.Meta(description="The app's package name.")] = ""
    client_email: Annotated[
        str, msgspec.Meta(description="The mail address of the service account.")
    ] = ""
    private_key: Annotated[
        str, msgspec.Meta(description="The private key of the service account, PEM.")
    ] = ""
    api: ApiAddress = "https://androidpublisher.googleapis.com"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    timeout_s: SendTimeout = 30


class Apple(Record, frozen=True, kw_only=True):
    """The API key that answers."""

    key_id: Annotated[str, msgspec.Meta(description="The id of the API key.")] = ""
    issuer: Annotated[str, msgspec.Meta(description="The issuer of the API key.")] = ""
    private_key: Annotated[str, msgspec.Meta(description="The private key, PEM (ES256).")] = ""
    api: ApiAddress = "https://api.appstoreconnect.apple.com"
    timeout_s: SendTimeout = 30


class ReplyGooglePlay:
    """The action for reviews on Google Play."""

    name = "reply_google_play"
    channel = "google_play"
    account: type[msgspec.Struct] = Play
    shares: tuple[str, ...] = ("package", "client_email", "private_key", "api", "token_url")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply."""
        review = to_send(reply.reply_to, settings.private_key, "[channels.google_play.ACCOUNT]")
        stamp = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": settings.client_email,
            "scope": _SCOPE,
            "aud": settings.token_url,
            "iat": stamp,
            "exp": stamp + 3600,
        }
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": _signed(claims, settings.private_key, "RS256", {}),
        }
        headers = await granted(settings.token_url, "Google", form, timeout_s=settings.timeout_s)
        where = path_segment(review)
        path = f"androidpublisher/v3/applications/{settings.package}/reviews/{where}:reply"
        answer = await post(
            f"{settings.api}/{path}",
            "Google Play",
            json={"replyText": reply.text},
            safe=True,
            headers=headers,
            timeout_s=settings.timeout_s,
        )
        return _taken(answer, "Google Play")


class ReplyAppStore:
    """The action for reviews in the App Store."""

    name = "reply_app_store"
    channel = "app_store"
    account: type[msgspec.Struct] = Apple
    shares: tuple[str, ...] = ("key_id", "issuer", "private_key", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply."""
        review = to_send(reply.reply_to, settings.private_key, "[channels.app_store.ACCOUNT]")
        stamp = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": settings.issuer,
            "iat": stamp,
            "exp": stamp + 900,
            "aud": "appstoreconnect-v1",
        }
        token = _signed(claims, settings.private_key, "ES256", {"kid": settings.key_id})
        body = {
            "data": {
                "type": "customerReviewResponses",
                "attributes": {"responseBody": reply.text},
                "relationships": {"review": {"data": {"type": "customerReviews", "id": review}}},
            }
        }
        answer = await post(
            f"{settings.api}/v1/customerReviewResponses",
            "App Store",
            json=body,
            safe=True,
            headers={"authorization": f"Bearer {token}"},
            timeout_s=settings.timeout_s,
        )
        return _taken(answer, "App Store")


def _signed(claims: dict[str, Any], key: str, algorithm: str, headers: dict[str, str]) -> str:
    try:
        return jwt.encode(claims, key, algorithm=algorithm, headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Rejected(
            "reply.no_server", f"`private_key` is no such key: {error}"[:ERROR_TEXT_LIMIT]
        ) from error


def _taken(answer: Answer, vendor: str) -> str:
    if answer.status in (200, 201):
        return "taken"
    raise failed(answer, vendor, safe=True)
