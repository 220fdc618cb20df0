"""Times in messages by the API: a wrong one is refused, so that the caller can correct it."""

import json

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.api import Api
from schemas.errors import Rejected
from tests.support.messages import NOW


def _parse(**more: str) -> Parsed:
    body = {"native_id": "1", "text": "Faturam yanlış", "sender": {"email": "ada@b.example"}} | more
    delivery = Delivery(raw=json.dumps(body).encode(), account="a", received_at=NOW)
    return Api().parse(delivery, Context(brand="default"))


@pytest.mark.parametrize("sent_at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_that_no_year_has_in_utc_is_refused_with_its_place(sent_at: str) -> None:
    with pytest.raises(Rejected, match="sent_at") as refused:
        _parse(sent_at=sent_at)
    assert refused.value.code == "json.invalid"


@pytest.mark.parametrize("sent_at", ["9999-12-31T23:59:59Z", "0001-01-01T03:00:00+03:00"])
def test_the_ends_of_the_calendar_are_times(sent_at: str) -> None:
    assert _parse(sent_at=sent_at).message.sent_at is not None
