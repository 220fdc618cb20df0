"""Checks that a call comes from its complaint site, by one of two kinds of signature.

A secret `whsec_…` is Standard Webhooks; any other secret is the key of an HMAC in one header.
Source: standardwebhooks.com.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta

from ingest.channels.complaint.account import Account
from ingest.webhook import WebhookRequest, check_timestamp, require_secret
from schemas.errors import Rejected

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""The tolerance that Standard Webhooks' own libraries have."""

_STANDARD_PREFIX = "whsec_"
_STANDARD_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def signature_header(settings: Account) -> str:
    """Return the header with the signature; raise Rejected(signature.unset) without a secret."""
    standard = _secret(settings).startswith(_STANDARD_PREFIX)
    return "webhook-signature" if standard else settings.signature_header.lower()


def check_signature(request: WebhookRequest, settings: Account, now: datetime) -> None:
    """Raise Rejected(signature.*) unless a call has the site's signature."""
    secret = _secret(settings)
    if secret.startswith(_STANDARD_PREFIX):
        _check_standard(request, secret, now)
    else:
        _check_hmac(request, secret, signature_header(settings))


def _secret(settings: Account) -> str:
    return require_secret(settings.secret, "secret", "[channels.complaint.ACCOUNT]")


def _check_standard(request: WebhookRequest, secret: str, now: datetime) -> None:
    """Raise Rejected unless the call is signed by Standard Webhooks, a short time ago."""
    call_id, timestamp, header = (request.headers.get(name, "") for name in _STANDARD_HEADERS)
    if not (call_id and timestamp and header):
        raise Rejected("signature.missing", "no webhook-id, webhook-timestamp, webhook-signature")
    try:
        key = base64.b64decode(secret.removeprefix(_STANDARD_PREFIX))
    except (binascii.Error, ValueError) as error:
        raise Rejected("signature.unset", "`secret` is not whsec_ and base64") from error
    signed = f"{call_id}.{timestamp}.".encode("utf-8", "replace") + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    versions = [signature.partition(",") for signature in header.split()]
    signatures = [text.encode("utf-8", "replace") for name, _, text in versions if name == "v1"]
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise Rejected("signature.wrong", "webhook-signature is not of these bytes")
    check_timestamp(timestamp, now, MAX_CLOCK_DIFFERENCE, "webhook-timestamp")


def _check_hmac(request: WebhookRequest, secret: str, header: str) -> None:
    """Raise Rejected unless the header has the body's HMAC-SHA256, in hex or base64."""
    value = request.headers.get(header, "").strip()
    if not value:
        raise Rejected("signature.missing", f"no {header}")
    signature = value.removeprefix("sha256=").encode("utf-8", "replace")
    expected = hmac.new(secret.encode(), request.body, hashlib.sha256).digest()
    matches = (
        hmac.compare_digest(signature.lower(), expected.hex().encode()),
        hmac.compare_digest(signature, base64.b64encode(expected)),
    )
    if not any(matches):
        raise Rejected("signature.wrong", f"{header} is not of these bytes")
