"""The evidence of reasons: no personal number is in it."""

import msgspec

from router.decision import reasons
from router.decision.decide import decide_message
from router.text.entities import find_entities
from schemas.decision import Evidence, Reason
from schemas.text.fold import fold
from tests.support.messages import NOW, message, policy


def test_evidence_hides_a_number_beyond_the_limit_of_entities() -> None:
    text = "0532 111 22 33, " * 25 + "kimlik 10000000146"
    start = text.index("kimlik")
    quoted = Evidence(start=start, end=len(text), text=text[start:])
    reason = Reason(kind="rule", id="r", version="1", evidence=(quoted,))
    entities = find_entities(text, fold(text))
    assert "identity_number" not in {e.kind for e in entities}
    (masked,) = reasons.mask_evidence([reason], text, entities)
    assert masked.evidence[0].text == "****** ***********"


def test_no_decision_has_a_personal_number_even_as_evidence() -> None:
    text = "TC kimlik 10000000146 iban TR330006100519786457841326 faturam yanlış, 4111111111111111 kartımdan çekilmiş"
    decided = decide_message(message(text), None, policy(), NOW).decision
    encoded = msgspec.json.encode(decided).decode()
    for number in ("10000000146", "TR330006100519786457841326", "4111111111111111"):
        assert number not in encoded
