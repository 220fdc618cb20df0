"""Checks the token of a call, which Microsoft signs with the Bot Framework's keys.

Source: learn.microsoft.com, Bot Connector authentication; RFC 7519.
"""

from datetime import datetime, timedelta

import jwt
import msgspec

from ingest.channels.teams import wire
from ingest.parsing.json_values import decode_json
from ingest.webhook import WebhookContext
from schemas.delays import BUSY_S, SETUP_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry

ISSUER = "https://api.botframework.com"
OPENID_URL = "https://login.botframework.com/v1/.well-known/openidconfiguration"
_KEYS_HOST = "https://login.botframework.com/"
_CLOCK_SKEW = timedelta(minutes=5)  # the tolerance that Microsoft names
_KEYS_AGE = timedelta(hours=24)  # Microsoft asks for a refresh once a day
_UNKNOWN_KEY_INTERVAL = timedelta(hours=1)  # strangers must not make us ask all the time
_FAILURE_INTERVAL = timedelta(seconds=30)


class SigningKeys:
    """The public keys of the Bot Framework, fetched once a day and for an unknown key id."""

    def __init__(self) -> None:
        self._keys: dict[str, wire.SigningKey] = {}
        self._fetched_at: datetime | None = None
        self._failed_at: datetime | None = None

    async def find(self, key_id: str, context: WebhookContext) -> wire.SigningKey:
        """Return a key; raise Rejected for an unknown one, and Retry without any keys."""
        if self._needs_refresh(key_id, context.now):
            try:
                await self._refresh(context)
            except (Retry, Rejected) as error:
                # Older keys still prove their tokens.
                if key_id not in self._keys:
                    raise Retry(BUSY_S, f"no keys of the Bot Framework: {error}") from error
        if key_id not in self._keys:
            raise Rejected("signature.wrong", "the token's key is not one of the Bot Framework's")
        return self._keys[key_id]

    def _needs_refresh(self, key_id: str, now: datetime) -> bool:
        if self._fetched_at is None:
            return True
        is_known = key_id in self._keys
        return now - self._fetched_at > (_KEYS_AGE if is_known else _UNKNOWN_KEY_INTERVAL)

    async def _refresh(self, context: WebhookContext) -> None:
        if self._failed_at is not None and context.now - self._failed_at < _FAILURE_INTERVAL:
            raise Retry(_FAILURE_INTERVAL.total_seconds(), "the last attempt failed just now")
        self._failed_at = context.now
        configuration = decode_json(wire.OpenIdConfiguration, await context.fetch(OPENID_URL))
        if not configuration.jwks_uri.startswith(_KEYS_HOST):
            raise Retry(SETUP_PROBLEM_S, f"their address is not below {_KEYS_HOST}")
        key_set = decode_json(wire.SigningKeySet, await context.fetch(configuration.jwks_uri))
        self._keys = {key.kid: key for key in key_set.keys if key.kty == "RSA"}
        self._fetched_at, self._failed_at = context.now, None


def key_id_of(token: str) -> str:
    """Return the id of the key that signed a token; raise Rejected(signature.wrong)."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError) as error:
        raise Rejected("signature.wrong", f"not a JWT: {type(error).__name__}") from error
    return str(header.get("kid") or "")


def check_token(token: str, key: wire.SigningKey, app_id: str, now: datetime) -> wire.TokenClaims:
    """Return the claims of a token.

    Raises Rejected(signature.*) unless the key signed it, for our bot, and it is valid now.
    """
    public_key = jwt.PyJWK({"kty": key.kty, "n": key.n, "e": key.e, "alg": "RS256"})
    try:
        decoded = jwt.decode(
            token,
            public_key,
            algorithms=["RS256"],
            issuer=ISSUER,
            audience=[app_id, f"api://{app_id}"],
            options={
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "require": ["exp", "iss", "aud"],
            },
        )
        claims = msgspec.convert(decoded, wire.TokenClaims, strict=False)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Rejected("signature.wrong", f"bad token: {error}"[:ERROR_TEXT_LIMIT]) from error
    time_s, skew_s = now.timestamp(), _CLOCK_SKEW.total_seconds()
    if time_s > claims.exp + skew_s or time_s < (claims.nbf or 0) - skew_s:
        raise Rejected("signature.stale", "the token is not valid now")
    return claims
