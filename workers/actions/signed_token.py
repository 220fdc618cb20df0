"""Signs the JSON Web Token with which an app store recognises our key (RFC 7519)."""

from collections.abc import Mapping

import jwt

from schemas.errors import ERROR_TEXT_LIMIT, Rejected


def sign_token(
    claims: Mapping[str, object], private_key: str, algorithm: str, key_id: str = ""
) -> str:
    """Return the signed token; raise Rejected if `private_key` does not fit the algorithm."""
    headers = {"kid": key_id} if key_id else {}
    try:
        return jwt.encode(dict(claims), private_key, algorithm=algorithm, headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Rejected(
            "reply.no_server", f"`private_key` is not valid: {error}"[:ERROR_TEXT_LIMIT]
        ) from error
