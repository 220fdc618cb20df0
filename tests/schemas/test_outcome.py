"""Outcomes say who acted, and older ones show it by their content."""

import msgspec
import pytest

from schemas import envelope
from schemas.outcome import Outcome, author_of, is_persons_answer
from tests.support.messages import NOW

_ANSWER = Outcome(
    id="o",
    kind="replied",
    brand="default",
    conversation="c",
    item="i",
    department="billing",
    at=NOW,
    agent="ada",
    text="Merhaba",
)


@pytest.mark.parametrize(
    ("changes", "author"),
    [
        ({}, "person"),
        ({"reason": "incident i1"}, "holding"),
        ({"kind": "delivered", "agent": "", "text": "İletiniz bize ulaştı"}, "acknowledgement"),
        ({"kind": "delivered", "agent": "", "text": ""}, "automation"),
        ({"kind": "resolved"}, "person"),
        ({"by": "external"}, "external"),
        ({"by": "of_tomorrow"}, "of_tomorrow"),
    ],
)
def test_an_outcome_has_an_author(changes: dict[str, str], author: str) -> None:
    outcome = msgspec.structs.replace(_ANSWER, **changes)
    read = envelope.decode(Outcome, envelope.encode(outcome))
    assert author_of(read) == author
    assert is_persons_answer(read) == (author == "person" and read.kind == "replied")
