"""Answers on Şikayetvar, Trendyol and Hepsiburada."""

import pytest

from schemas.errors import Rejected, Retry
from tests.support.json_body import JsonBody
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to
from workers.actions.protocol import Unconfirmed


async def test_sites_and_forums_are_answered_as_they_document(vendor: Vendor) -> None:
    cases: list[tuple[str, str, JsonBody, str, int, object, bytes]] = [
        ("sikayetvar", "11", {"key": "k"}, "/v2/complaints/11/answers", 201, {}, b'"message"'),
        (
            "trendyol",
            "11",
            {"seller": "s", "key": "k", "secret": "x"},
            "/integration/qna/sellers/s/questions/11/answers",
            200,
            {},
            b'"text"',
        ),
        (
            "hepsiburada",
            "11",
            {"merchant": "m", "key": "k"},
            "/issues/11/answer",
            201,
            "id-9",
            b'name="Answer"',
        ),
    ]
    for channel, target, account, path, status, body, content in cases:
        action = action_of(channel)
        settings = action.account(api=vendor.url, **account)
        vendor.says(path, body, status=status)
        assert await action.send(reply_to(target), settings, b"")
        assert content in vendor.to(path)[0].body
        for refusal, kind in ((403, Retry), (500, Unconfirmed), (400, Rejected), (429, Retry)):
            vendor.forget()
            vendor.says(path, {}, status=refusal)
            with pytest.raises(kind):
                await action.send(reply_to(target), settings, b"")
        vendor.forget()
        with pytest.raises(Rejected, match="not the number"):
            await action.send(reply_to("../x"), settings, b"")
        with pytest.raises(Rejected, match="set `token`"):
            await action.send(reply_to(target), action.account(), b"")
