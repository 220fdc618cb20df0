"""The records of an incident fold to one state, and similar incidents are named."""

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from router.incidents.open_incidents import select_open
from schemas.incident import Sign, apply_record, fold_records, likely_same_cause
from tests.support.messages import NOW
from tests.support.router.incidents import SIGNS, incident, verdict


def _sign(term: str, share: float) -> Sign:
    return Sign(term=term, word=term, share=share, weight=5.0)


def test_incidents_with_a_likely_common_cause_share_the_signs_of_most_messages() -> None:
    turkish = incident(signs=(_sign("gunce", 1.0), _sign("topic:app", 1.0), _sign("uygul", 0.8)))
    english = incident("en", signs=(_sign("updat", 1.0), _sign("topic:app", 0.9)))
    two_signs = incident("two", signs=(_sign("uygul", 0.5), _sign("topic:app", 0.4)))
    one_sign = incident("one", signs=(_sign("uygul", 0.5),))
    later = msgspec.structs.replace(english, id="late", opened_at=NOW + timedelta(hours=3))
    foreign = msgspec.structs.replace(english, id="foreign", brand="other")
    similar = likely_same_cause(turkish, [one_sign, two_signs, later, turkish, foreign, english])
    assert [(i.id, [s.term for s in shared]) for i, shared in similar] == [
        ("en", ["topic:app"]),
        ("two", ["topic:app", "uygul"]),
    ]


def test_the_watch_does_not_override_a_dismissal() -> None:
    dismissed = verdict(incident(), "dismissed", NOW.timestamp() + 5)
    grown = incident(status="grown", customers=30)
    assert fold_records([incident(), dismissed, grown])["i1"].status == "dismissed"


def test_a_closed_incident_opens_again_only_by_an_opening() -> None:
    closed, grown = incident(status="closed", customers=31), incident(status="grown", customers=30)
    assert fold_records([incident(), closed, grown])["i1"].status == "closed"
    reopened = incident(customers=40)
    assert fold_records([incident(), closed, reopened])["i1"].status == "opened"


def test_growth_keeps_the_confirmation_and_the_answer_of_a_person() -> None:
    confirmed = verdict(incident(), "confirmed", NOW.timestamp())
    answered = verdict(
        incident(), "answered", NOW.timestamp() + 9, text_tr="Çalışıyoruz", later=True
    )
    grown = incident(status="grown", customers=30)
    folded = fold_records([incident(), confirmed, answered, grown])["i1"]
    assert (folded.status, folded.text_tr, folded.later) == ("confirmed", "Çalışıyoruz", True)
    assert (folded.customers, folded.signs) == (30, SIGNS)


def test_the_first_record_is_the_incident() -> None:
    assert apply_record(None, incident()) == incident()


STATUSES = st.sampled_from(
    ["opened", "grown", "confirmed", "merged", "dismissed", "closed", "answered"]
)


@given(st.lists(st.tuples(STATUSES, st.booleans(), st.integers(0, 9))))
@hypothesis_settings(max_examples=200)
def test_records_fold_in_every_order(steps: list[tuple[str, bool, int]]) -> None:
    records = [
        incident(
            status=status,
            agent="ada" if is_verdict else "",
            customers=customers,
            merged_into="x" if is_verdict else None,
        )
        for status, is_verdict, customers in steps
    ]
    counted = [n for status, is_verdict, n in steps if not is_verdict and status != "grown"]
    for folded in fold_records(records).values():
        ended = folded.status in ("dismissed", "merged", "closed")
        assert ended or folded.customers >= max(counted, default=0)
    select_open(fold_records(records), NOW)
