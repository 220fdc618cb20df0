"""Answers reviews on Google Play in public.

A review has one answer, so a second sending overwrites the first.
Source: developers.google.com, androidpublisher v3, reviews.reply; OAuth 2.0 for service accounts.
"""

from datetime import UTC, datetime

from schemas.account_fields import (
    ApiAddress,
    PlayPackage,
    SendTimeout,
    ServiceAccountKey,
    ServiceAccountMail,
    TokenAddress,
)
from schemas.base import Record
from schemas.outcome import Reply
from workers.actions.http import error_for_account, post, require_target
from workers.actions.oauth import bearer_header, request_access_token
from workers.actions.outgoing_text import path_segment
from workers.actions.signed_token import sign_token

_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_LIFE_S = 3600
"""Google refuses a longer life."""


class GooglePlayReplyAccount(Record, frozen=True, kw_only=True):
    """The service account that answers."""

    package: PlayPackage = ""
    client_email: ServiceAccountMail = ""
    private_key: ServiceAccountKey = ""
    api: ApiAddress = "https://androidpublisher.googleapis.com"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    timeout_s: SendTimeout = 30


class ReplyGooglePlay:
    """The action for reviews on Google Play."""

    name = "reply_google_play"
    channel = "google_play"
    account = GooglePlayReplyAccount
    shares: tuple[str, ...] = ("package", "client_email", "private_key", "api", "token_url")
    required: tuple[str, ...] = ("private_key",)

    async def send(self, reply: Reply, settings: GooglePlayReplyAccount, signing_key: bytes) -> str:
        """Answer a review; a second answer replaces the first."""
        review = require_target(
            reply.reply_to, settings.private_key, "[channels.google_play.ACCOUNT]"
        )
        token = await _access_token(settings)
        app = f"{settings.api}/androidpublisher/v3/applications/{settings.package}"
        response = await post(
            f"{app}/reviews/{path_segment(review)}:reply",
            "Google Play",
            json={"replyText": reply.text},
            safe=True,
            headers=bearer_header(token),
            timeout_s=settings.timeout_s,
        )
        if response.status not in (200, 201):
            raise error_for_account(response, "Google Play", safe=True)
        return "taken"


async def _access_token(settings: GooglePlayReplyAccount) -> str:
    """Return an access token for the service account."""
    issued_at = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": settings.client_email,
        "scope": _SCOPE,
        "aud": settings.token_url,
        "iat": issued_at,
        "exp": issued_at + _TOKEN_LIFE_S,
    }
    form = {
        "grant_type": _GRANT,
        "assertion": sign_token(claims, settings.private_key, "RS256"),
    }
    return await request_access_token(
        settings.token_url, "Google", form, timeout_s=settings.timeout_s
    )
