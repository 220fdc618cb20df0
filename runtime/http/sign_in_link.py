"""The link of `santral up` that signs a person in to the console once.

`up` makes the link with the console's token at its start. The console signs its first user in
within an hour. Later the link opens nothing, for example from a browser's history.
"""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

VALID_FOR = timedelta(hours=1)


def make(token: str, nonce: str, now: datetime) -> str:
    """Return a link's word; `nonce` is 16 random bytes or more as hex."""
    until = int((now + VALID_FOR).timestamp())
    return f"{nonce}.{until}.{_signature(token, nonce, str(until))}"


def read(token: str, word: str, now: datetime) -> str | None:
    """Return the nonce of a fresh word that was made with this token, else None."""
    nonce, _, rest = word.partition(".")
    until, _, signature = rest.partition(".")
    due = _signature(token, nonce, until).encode()
    if not token or not hmac.compare_digest(due, signature.encode("utf-8", "replace")):
        return None
    # The signature proves that we wrote `until`, and that it is a number.
    return nonce if now.timestamp() <= int(until) else None


def _signature(token: str, nonce: str, until: str) -> str:
    signed = f"sign-in.{nonce}.{until}".encode("utf-8", "replace")
    return hmac.new(f"link.{token}".encode(), signed, sha256).hexdigest()
