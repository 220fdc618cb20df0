"""An observation has the credible time, the sender's hash and the terms of a work item."""

from datetime import timedelta

import msgspec

from router.incidents.observation import observe
from schemas.decision import WorkItem
from tests.support.messages import NOW, message
from tests.support.router.decisions import decide_default


def _item() -> WorkItem:
    sent = message("Kadıköy'de internet yok", sent_at=NOW - timedelta(hours=3))
    item = decide_default(sent).item
    assert item is not None
    return item


def test_mail_that_waited_in_a_mailbox_has_the_time_of_its_writing() -> None:
    observation = observe(_item())
    assert observation is not None
    assert observation.written_at == (NOW - timedelta(hours=3)).timestamp()


def test_a_message_with_a_wrong_clock_has_the_time_of_its_arrival() -> None:
    item = _item()
    late = msgspec.structs.replace(item.message, sent_at=NOW - timedelta(days=9))
    observation = observe(msgspec.structs.replace(item, message=late))
    assert observation is not None
    assert observation.written_at == NOW.timestamp()


def test_an_observation_has_terms_and_topics_but_no_address() -> None:
    observation = observe(_item())
    assert observation is not None
    assert "ada" not in observation.customer
    assert {"kadik", "topic:internet"} <= observation.terms


def test_an_item_that_people_moved_and_spam_are_not_observed() -> None:
    item = _item()
    for changes in ({"hops": 1}, {"flags": ("spam",)}):
        decision = msgspec.structs.replace(item.decision, **changes)
        assert observe(msgspec.structs.replace(item, decision=decision)) is None
