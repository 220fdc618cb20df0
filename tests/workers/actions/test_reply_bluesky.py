"""Answers on Bluesky."""

import pytest

from schemas.errors import Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to


async def test_a_repeated_sending_writes_the_same_post(vendor: Vendor) -> None:
    action = action_of("bluesky")
    settings = action.account(handle="marka.example", password="p", pds=vendor.url)
    login, put = "/xrpc/com.atproto.server.createSession", "/xrpc/com.atproto.repo.putRecord"
    vendor.says(
        login, {"did": "did:plc:m", "accessJwt": "one"}, {"did": "did:plc:m", "accessJwt": "two"}
    )
    vendor.says(put, None, {"uri": "at://x"})
    reply = reply_to("at://own", references=("at://root|cr", "at://own|co"), language="tr")
    with pytest.raises(Retry):
        await action.send(reply, settings, b"")
    assert await action.send(reply, settings, b"") == "at://x"
    first, second = (a.json() for a in vendor.to(put))
    assert first == second, "the same key and the same words: the second writes the first again"
    assert first["record"]["reply"] == {
        "root": {"uri": "at://root", "cid": "cr"},
        "parent": {"uri": "at://own", "cid": "co"},
    }
    assert len(vendor.to(login)) == 1
    vendor.forget()
    vendor.says(login, {"did": "did:plc:m", "accessJwt": "two"})
    vendor.says(put, {"error": "ExpiredToken"}, status=400)
    with pytest.raises(Retry):
        await action.send(reply, settings, b"")
    assert len(vendor.to(login)) == 1, "the second time with a new session"
