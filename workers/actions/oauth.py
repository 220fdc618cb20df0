"""Gets the access tokens of actions (RFC 6749), by client credentials or by refresh token."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout, TokenAddress
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S
from schemas.errors import Retry
from workers.actions.http import RequestContent, post

CLIENT_SETTINGS = ("client_id", "client_secret", "refresh_token", "api", "token_url")
"""The settings of an OAuth client that a channel and its action share."""


class OAuthClient(Record, frozen=True, kw_only=True):
    """The OAuth client of a user who granted a refresh token."""

    client_id: Annotated[str, msgspec.Meta(description="The id of the OAuth client.")] = ""
    client_secret: Annotated[str, msgspec.Meta(description="The secret of the OAuth client.")] = ""
    refresh_token: Annotated[str, msgspec.Meta(description="The refresh token.")] = ""
    api: ApiAddress
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    timeout_s: SendTimeout = 30


class AccessTokenBody(Record, frozen=True, kw_only=True):
    """The body of a successful token response (RFC 6749, 5.1)."""

    access_token: str


async def request_access_token(
    url: str,
    vendor: str,
    form: dict[str, str],
    *,
    timeout_s: float = 30,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Return an access token; raise Retry if the server refuses one."""
    content: RequestContent = {"data": form, "headers": headers or {}}
    if auth is not None:
        content["auth"] = auth
    response = await post(url, vendor, timeout_s=timeout_s, safe=True, **content)
    body = response.decode(AccessTokenBody)
    if response.status != 200 or body is None:
        raise Retry(ACCOUNT_PROBLEM_S, f"{vendor} gave no access token ({response.status})")
    return body.access_token


def bearer_header(token: str) -> dict[str, str]:
    """Return the header that presents an access token (RFC 6750, 2.1)."""
    return {"authorization": f"Bearer {token}"}


async def refresh_access_token(client: OAuthClient) -> str:
    """Return an access token for a client's refresh token, its secret in the form."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": client.refresh_token,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }
    return await request_access_token(
        client.token_url, "the token server", form, timeout_s=client.timeout_s
    )
