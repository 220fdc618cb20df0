"""Answers through Twilio."""

from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import account_for, reply_to


async def test_twilio_gets_a_form_with_the_accounts_credentials(vendor: Vendor) -> None:
    action, settings = account_for("twilio", vendor)
    path = "/2010-04-01/Accounts/AC1/Messages.json"
    vendor.says(path, {"sid": "SM2"}, status=201)
    assert await action.send(reply_to("whatsapp:+1/whatsapp:+2"), settings, b"") == "message SM2"
    (request,) = vendor.requests
    assert request.body.startswith(b"To=whatsapp%3A%2B2&From=whatsapp%3A%2B1&Body=")
    assert request.headers["authorization"].startswith("Basic ")
