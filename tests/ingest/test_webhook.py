"""The checks of a proof that all webhooks share."""

import hmac
from hashlib import sha256

import pytest

from ingest.webhook import WebhookRequest, check_body_signature, require_header
from schemas.errors import Rejected

BODY = b'{"event": "message"}'
HEADER = "X-Vendor-Signature"


def _digest(secret: str) -> str:
    return hmac.new(secret.encode(), BODY, sha256).hexdigest()


def _request(signature: str) -> WebhookRequest:
    headers = {"x-vendor-signature": signature} if signature else {}
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=BODY)


def test_a_header_of_the_proof_is_found_in_lower_case() -> None:
    assert require_header(_request("abc"), HEADER) == "abc"


def test_a_call_without_the_header_is_rejected_by_its_name() -> None:
    with pytest.raises(Rejected, match=r"signature.missing: no X-Vendor-Signature"):
        check_body_signature(_request(""), HEADER, ("one",))


@pytest.mark.parametrize("secret", ["one", "two"])
def test_any_of_the_secrets_may_sign_a_body(secret: str) -> None:
    check_body_signature(_request(_digest(secret)), HEADER, ("one", "two"))
    check_body_signature(_request(f"sha256={_digest(secret)}"), HEADER, ("one", "two"), "sha256=")


@pytest.mark.parametrize(
    ("signature", "scheme"),
    [
        (_digest("three"), ""),
        (_digest("one"), "sha256="),
        (f"sha1={_digest('one')}", "sha256="),
        (f"sha256={_digest('one')}", ""),
        (f"sha256={_digest('one')[1:]}", "sha256="),
    ],
)
def test_another_secret_or_scheme_is_rejected(signature: str, scheme: str) -> None:
    with pytest.raises(Rejected, match=r"signature.wrong: X-Vendor-Signature"):
        check_body_signature(_request(signature), HEADER, ("one", "two"), scheme)
