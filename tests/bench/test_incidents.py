"""The scores of the simulation give each incident of the watch to the cause of its members."""

from datetime import timedelta

from bench.incidents.scores import list_mistakes, match_causes, score
from bench.incidents.traffic import WARM_UP_DAYS, Cause, simulate
from bench.incidents.watching import Observed
from schemas.incident import Incident
from tests.support.messages import NOW
from tests.support.router.incidents import incident, observation

DAYS = WARM_UP_DAYS + 7
BEGIN = NOW.timestamp()
OUTAGE = Cause(number=0, kind="outage", begin=BEGIN, customers=20)
PAYMENT = Cause(number=1, kind="payment", begin=BEGIN, customers=9)


def _observed(cause: int | None, customer: str) -> Observed:
    return Observed(observation("internet yok", BEGIN + 60, customer), cause)


def _opened(identifier: str, members: list[Observed]) -> Incident:
    messages = tuple(member.observation.message for member in members)
    return incident(identifier, messages=messages, opened_at=NOW + timedelta(minutes=5))


COMPLAINTS = [_observed(0, f"c{n}") for n in range(4)]
OTHERS = [_observed(None, f"o{n}") for n in range(4)]
OBSERVED = COMPLAINTS + OTHERS


def test_an_incident_with_members_of_a_cause_finds_it() -> None:
    matches = match_causes([_opened("a", COMPLAINTS + OTHERS[:1])], OBSERVED)
    assert {cause: record.id for cause, record in matches.by_cause.items()} == {0: "a"}
    assert (matches.members_of_cause, matches.other_members) == (4, 1)
    figures = score(matches, OBSERVED, [OUTAGE, PAYMENT], DAYS)
    assert figures["found"] == "1 of 2"
    assert figures["by_size"] == {"16-60": "1 of 1", "8-15": "0 of 1"}
    assert (figures["minutes_median"], figures["customers_when_noticed_median"]) == (5.0, 4)


def test_a_second_incident_of_a_cause_is_a_split() -> None:
    records = [_opened("a", COMPLAINTS[:2]), _opened("b", COMPLAINTS[2:])]
    matches = match_causes(records, OBSERVED)
    assert (len(matches.by_cause), matches.split) == (1, 1)


def test_an_incident_without_a_cause_and_a_cause_without_an_incident_are_mistakes() -> None:
    matches = match_causes([_opened("a", OTHERS)], OBSERVED)
    missed, false_alarm = list_mistakes(matches, [PAYMENT])
    assert missed == {"missed": "payment", "customers": 9}
    assert false_alarm["false"] == "Kadıköy · internet"
    assert score(matches, OBSERVED, [PAYMENT], DAYS)["false_alarms_a_week"] == 1.0


def test_the_same_seed_gives_the_same_traffic() -> None:
    first, second = (simulate(2, 20, 7, ["Kargom {days} gündür yok"]) for _ in range(2))
    assert first == second
    times = [message.written_at for message in first.messages]
    assert times == sorted(times)
