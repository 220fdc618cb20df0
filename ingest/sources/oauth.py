"""Access tokens for mailboxes of Google and Microsoft, which log in by XOAUTH2.

An account's settings have the client and its grant. Microsoft gives a new refresh token with every
use, and so Santral keeps the newest one under home, over a restart. A new one in the settings takes
its place. Source: RFC 6749, sections 4.4, 5 and 6.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal

import httpx2
import msgspec

from schemas.base import Record
from schemas.delays import BUSY_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry

_URLS = {
    "google": "https://oauth2.googleapis.com/token",
    "microsoft": "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
}
_SCOPES = {
    ("google", "refresh_token"): "https://mail.google.com/",
    (
        "microsoft",
        "refresh_token",
    ): "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    ("microsoft", "client_credentials"): "https://outlook.office365.com/.default",
}
_MARGIN = timedelta(minutes=5)  # a login and a long fetch end before the token does
_ALARM_S = 600.0  # only a person can help, and each try is one more failed login


class OAuthSettings(Record, frozen=True, kw_only=True):
    """The login by token instead of a password."""

    provider: Annotated[
        Literal["", "google", "microsoft"], msgspec.Meta(description="The provider of the tokens.")
    ] = ""
    grant: Annotated[
        Literal["refresh_token", "client_credentials"],
        msgspec.Meta(description="The grant; `client_credentials` is Microsoft's app-only access."),
    ] = "refresh_token"
    tenant: Annotated[str, msgspec.Meta(description="The Microsoft tenant.")] = "common"
    token_url: Annotated[
        str, msgspec.Meta(description="The token address; empty is the provider's own.")
    ] = ""
    client_id: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The id of the app registration; with it the login uses XOAUTH2 instead of "
                "a password."
            )
        ),
    ] = ""
    client_secret: Annotated[
        str, msgspec.Meta(description="The secret of the app registration.")
    ] = ""
    refresh_token: Annotated[
        str,
        msgspec.Meta(description="The first refresh token; Santral keeps newer ones under home."),
    ] = ""
    scope: Annotated[
        str, msgspec.Meta(description="The scope of the tokens; empty is the provider's own.")
    ] = ""
    timeout_s: Annotated[
        int, msgspec.Meta(ge=1, description="The seconds after which a question for a token ends.")
    ] = 20


class _Grant(Record, frozen=True, kw_only=True):
    """The token server's answer with a token."""

    access_token: str
    expires_in: float = 3600
    refresh_token: str = ""


class _Refusal(Record, frozen=True, kw_only=True):
    """The token server's answer without a token."""

    error: str = ""
    error_description: str = ""


class _SavedToken(Record, frozen=True, kw_only=True):
    """The newest refresh token; `seed` is the hash of the one in the settings at that time."""

    seed: str = ""
    token: str = ""


@dataclass
class OAuthTokens:
    """The tokens of one account; `load_state` and `save_state` keep the newest refresh token."""

    name: str
    settings: OAuthSettings
    now: Callable[[], datetime]
    load_state: Callable[[str], str | None]
    save_state: Callable[[str, str], None]
    _token: str = field(default="", repr=False)
    _expires_at: datetime | None = None

    async def token(self) -> str:
        """Return a token that is valid for some minutes more; raise Retry without one."""
        if self._expires_at is None or self.now() >= self._expires_at - _MARGIN:
            await self._fetch()
        return self._token

    def discard(self) -> None:
        """Forget a token that the server refused, so that the next login fetches a new one."""
        self._expires_at = None

    async def _fetch(self) -> None:
        """Fetch a token, and save the refresh token that comes with it."""
        settings = self.settings
        url = settings.token_url or _URLS.get(settings.provider, "").format(tenant=settings.tenant)
        try:
            async with httpx2.AsyncClient(timeout=settings.timeout_s) as client:
                answer = await client.post(url, data=self._form())
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            text = f"the token server of {self.name} is away: {type(error).__name__}"
            raise Retry(RECOVERY_S, text) from error
        if answer.status_code != 200:
            raise self._refusal(answer.status_code, answer.content)
        try:
            grant = msgspec.json.decode(answer.content, type=_Grant)
        except msgspec.DecodeError as error:
            text = f"the token server of {self.name} answers no token: {error}"
            raise Retry(BUSY_S, text) from error
        self._token = grant.access_token
        self._expires_at = self.now() + timedelta(seconds=grant.expires_in)
        if grant.refresh_token:
            saved = _SavedToken(seed=self._seed(), token=grant.refresh_token)
            self.save_state(self.name, msgspec.json.encode(saved).decode())

    def _form(self) -> dict[str, str]:
        """Return the fields of a token request."""
        settings = self.settings
        form = {
            "grant_type": settings.grant,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": settings.scope or _SCOPES.get((settings.provider, settings.grant), ""),
        }
        if settings.grant == "refresh_token":
            form["refresh_token"] = self._refresh_token()
        return {name: value for name, value in form.items() if value}

    def _seed(self) -> str:
        return sha256(self.settings.refresh_token.encode()).hexdigest()

    def _refresh_token(self) -> str:
        """Return the newest refresh token; a new one in the settings takes its place."""
        try:
            saved = msgspec.json.decode(self.load_state(self.name) or "{}", type=_SavedToken)
        except msgspec.DecodeError:
            saved = _SavedToken()
        return saved.token if saved.seed == self._seed() else self.settings.refresh_token

    def _refusal(self, status: int, body: bytes) -> Retry:
        """Return the Retry for an answer without a token."""
        try:
            refusal = msgspec.json.decode(body, type=_Refusal)
        except msgspec.DecodeError:
            refusal = _Refusal(error=f"HTTP {status}")
        if status == 429 or status >= 500:
            return Retry(BUSY_S, f"the token server of {self.name} says later: {status}")
        cause = f"{refusal.error} {refusal.error_description}"
        text = f"{self.name} must be authorised again: {cause}"[:ERROR_TEXT_LIMIT]
        advice = "give a new refresh_token, or correct client_id and client_secret"
        return Retry(_ALARM_S, f"{text} - {advice}")
