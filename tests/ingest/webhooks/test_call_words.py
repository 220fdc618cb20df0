"""A callback of a recogniser without a signature proves itself by a word in its header."""

import pytest

from ingest.channels.phone.account import Account
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from ingest.webhooks.calls import Calls
from schemas.errors import Rejected
from tests.support.calls import CALL_ACCEPTED_AT

BODY = b'{"results": {}}'


async def _receive(headers: dict[str, str], account: Account) -> WebhookResult:
    async def fetch(url: str) -> bytes:
        raise AssertionError(f"nothing is fetched: {url}")

    request = WebhookRequest(method="POST", path="/", query={}, headers=headers, body=BODY)
    context = WebhookContext(now=CALL_ACCEPTED_AT, fetch=fetch)
    return await Calls().receive(request, account, context)


@pytest.mark.parametrize(
    ("header", "value"),
    [("dg-token", "s"), ("authorization", "Bearer s"), ("x-webhook-secret", "s")],
)
async def test_the_usual_headers_carry_the_word(header: str, value: str) -> None:
    assert (await _receive({header: value}, Account(secret="s"))).deliveries == (BODY,)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"dg-token": "s"}, "signature.missing"),
        ({"x-own": "t"}, "signature.wrong"),
        ({}, "signature.missing"),
    ],
)
async def test_only_the_configured_header_counts(headers: dict[str, str], code: str) -> None:
    with pytest.raises(Rejected) as error:
        await _receive(headers, Account(secret="s", secret_header="X-Own"))
    assert error.value.code == code
