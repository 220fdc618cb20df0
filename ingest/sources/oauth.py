"""Access tokens for mailboxes of Google and Microsoft: fetched, kept until they near their end.

Before: an account's settings name the client and its grant. After: XOAUTH2 at login. Microsoft
gives a new refresh token with every use, so the newest is kept under home and survives a restart; a
new one in the settings takes its place. Source: RFC 6749, sections 4.4, 5 and 6.
"""

import json
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
_EARLY = timedelta(minutes=5)
_ALARM_S = 600.0


class OAuth(Record, frozen=True, kw_only=True):
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


class _Answer(Record, frozen=True, kw_only=True):
    access_token: str
    expires_in: float = 3600
    refresh_token: str = ""


class _Fault(Record, frozen=True, kw_only=True):
    error: str = ""
    error_description: str = ""


@dataclass
class Tokens:
    """The tokens of one account; `kept` and `keep` hold the newest refresh token."""

    name: str
    settings: OAuth
    now: Callable[[], datetime]
    kept: Callable[[str], str | None]
    keep: Callable[[str, str], None]
    _token: str = field(default="", repr=False)
    _until: datetime | None = None

    async def token(self) -> str:
        """Return a token that is good for some minutes yet; raise Retry when there is none."""
        if self._until is None or self.now() >= self._until - _EARLY:
            await self._fetch()
        return self._token

    def refused(self) -> None:
        """The server did not take it: the next login asks for a new one."""
        self._until = None

    async def _fetch(self) -> None:
        said = self.settings
        url = said.token_url or _URLS.get(said.provider, "").format(tenant=said.tenant)
        form = {
            "grant_type": said.grant,
            "client_id": said.client_id,
            "client_secret": said.client_secret,
            "scope": said.scope or _SCOPES.get((said.provider, said.grant), ""),
        }
        if said.grant == "refresh_token":
            form["refresh_token"] = self._newest()
        try:
            async with httpx2.AsyncClient(timeout=said.timeout_s) as client:
                answer = await client.post(url, data={k: v for k, v in form.items() if v})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Retry(
                RECOVERY_S, f"the token server of {self.name} is away: {type(error).__name__}"
            ) from error
        if answer.status_code != 200:
            raise self._refusal(answer.status_code, answer.content)
        try:
            made = msgspec.json.decode(answer.content, type=_Answer)
        except msgspec.DecodeError as error:
            raise Retry(
                BUSY_S, f"the token server of {self.name} answers no token: {error}"
            ) from error
        self._token, self._until = (
            made.access_token,
            self.now() + timedelta(seconds=made.expires_in),
        )
        if made.refresh_token:
            self.keep(self.name, json.dumps({"seed": self._seed(), "token": made.refresh_token}))

    def _seed(self) -> str:
        return sha256(self.settings.refresh_token.encode()).hexdigest()

    def _newest(self) -> str:
        """The newest refresh token, unless the settings have another one since."""
        try:
            held = json.loads(self.kept(self.name) or "{}")
        except ValueError:
            held = {}
        if isinstance(held, dict) and held.get("seed") == self._seed():
            return str(held["token"])
        return self.settings.refresh_token

    def _refusal(self, status: int, body: bytes) -> Retry:
        try:
            fault = msgspec.json.decode(body, type=_Fault)
        except msgspec.DecodeError:
            fault = _Fault(error=f"HTTP {status}")
        if status == 429 or status >= 500:
            return Retry(BUSY_S, f"the token server of {self.name} says later: {status}")
        return Retry(
            _ALARM_S,
            f"{self.name} must be authorised again: {fault.error} {fault.error_description}"[
                :ERROR_TEXT_LIMIT
            ]
            + " - give a new refresh_token or mend client_id and client_secret",
        )
