"""The texts of the pages: numbers, dates and the values of records as people write them."""

import pytest

from ingest.registry import CHANNELS
from workers.console import vocabulary
from workers.console.texts import Texts

TURKISH, ENGLISH = Texts("tr"), Texts("en")


def test_a_percentage_has_its_sign_where_the_language_puts_it() -> None:
    assert (TURKISH.percent(0.35), ENGLISH.percent(0.35)) == ("%35", "35%")


def test_a_number_has_the_decimal_sign_of_the_language() -> None:
    assert (TURKISH.signed(-0.34), ENGLISH.signed(0.3)) == ("-0,3", "+0.3")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("2026-11-12", "12.11.2026"), ("--11-12", "12.11"), ("", ""), ("yarın", "yarın")],
)
def test_a_date_is_shown_as_people_write_it(value: str, shown: str) -> None:
    assert TURKISH.entity_value("date", value) == shown


def test_another_value_stays_as_it_is() -> None:
    assert TURKISH.entity_value("order_number", "2026-11-12") == "2026-11-12"


def test_an_incidents_title_has_the_names_of_its_topics() -> None:
    assert TURKISH.incident_title("Karşıyaka · outage") == "Karşıyaka · kesinti"


def test_a_usual_number_near_zero_is_a_word() -> None:
    assert TURKISH.usual_count(0.01) == "olağanda neredeyse hiç"
    assert ENGLISH.usual_count(1.25) == "usually about 1.2"


def test_every_channel_has_a_name() -> None:
    assert vocabulary.CHANNELS.keys() == CHANNELS.keys()


def test_a_value_without_a_name_is_shown_as_it_is() -> None:
    assert TURKISH.topic_name("our_own_topic") == "our_own_topic"
