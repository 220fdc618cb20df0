"""Answers reviews in the App Store in public.

A review has one answer, so a second sending overwrites the first.
Source: developer.apple.com, App Store Connect API, customer review responses.
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.outcome import Reply
from workers.actions.http import error_for_account, post, require_target
from workers.actions.oauth import bearer_header
from workers.actions.signed_token import sign_token

_TOKEN_LIFE_S = 900
"""Apple refuses a life over 20 minutes."""


class AppStoreReplyAccount(Record, frozen=True, kw_only=True):
    """The API key that answers."""

    key_id: Annotated[str, msgspec.Meta(description="The id of the API key.")] = ""
    issuer: Annotated[str, msgspec.Meta(description="The issuer of the API key.")] = ""
    private_key: Annotated[str, msgspec.Meta(description="The private key, PEM (ES256).")] = ""
    api: ApiAddress = "https://api.appstoreconnect.apple.com"
    timeout_s: SendTimeout = 30


class ReplyAppStore:
    """The action for reviews in the App Store."""

    name = "reply_app_store"
    channel = "app_store"
    account = AppStoreReplyAccount
    shares: tuple[str, ...] = ("key_id", "issuer", "private_key", "api")
    required: tuple[str, ...] = ("private_key",)

    async def send(self, reply: Reply, settings: AppStoreReplyAccount, signing_key: bytes) -> str:
        """Answer a review; a second answer replaces the first."""
        review = require_target(
            reply.reply_to, settings.private_key, "[channels.app_store.ACCOUNT]"
        )
        issued_at = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": settings.issuer,
            "iat": issued_at,
            "exp": issued_at + _TOKEN_LIFE_S,
            "aud": "appstoreconnect-v1",
        }
        token = sign_token(claims, settings.private_key, "ES256", settings.key_id)
        response = await post(
            f"{settings.api}/v1/customerReviewResponses",
            "App Store",
            json=_review_response(review, reply.text),
            safe=True,
            headers=bearer_header(token),
            timeout_s=settings.timeout_s,
        )
        if response.status not in (200, 201):
            raise error_for_account(response, "App Store", safe=True)
        return "taken"


def _review_response(review: str, text: str) -> dict[str, object]:
    """Return the body of a customer review response."""
    return {
        "data": {
            "type": "customerReviewResponses",
            "attributes": {"responseBody": text},
            "relationships": {"review": {"data": {"type": "customerReviews", "id": review}}},
        }
    }
