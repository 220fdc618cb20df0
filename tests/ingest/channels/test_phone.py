"""The phone channel makes a Message of a transcript, whatever its format is."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ingest.channels.phone.account import Account
from schemas.errors import CODES, Rejected
from tests.support.ingest.phone_calls import TRANSCRIPT_NAMES, parse_call, read_transcript


def test_the_people_and_the_circumstances_of_a_call_are_in_its_message() -> None:
    message = parse_call(read_transcript("vcon"))
    assert message.call is not None
    assert (message.call.queue, message.call.agent, message.call.duration) == ("iade", "Ali", 4.5)
    assert (message.sender.name, message.sender.handle("email")) == ("Ayşe", "ayse@ornek.example")
    assert message.recipients[0].handle("phone") == "+908501112233"
    assert message.sent_at == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_call_takes_no_answer_in_its_channel() -> None:
    message = parse_call(read_transcript("vcon"))
    assert message.answering is not None
    assert message.answering.forbidden


def test_the_account_names_the_speaker_of_each_track() -> None:
    settings = Account(channels={"1": "agent", "2": "customer"})
    message = parse_call(read_transcript("twilio"), settings=settings)
    assert message.call is not None
    assert (message.call.roles_by, message.text) == ("channel", "Kargom gelmedi")


def test_amazons_file_name_identifies_a_call_without_an_id() -> None:
    bare = {
        key: value for key, value in read_transcript("amazon").items() if key != "CustomerMetadata"
    }
    message = parse_call(bare, file_name="7b2c-11_analysis_2026-11-20T08_00_00Z.json")
    assert message.native_id == "7b2c-11"


def test_two_calls_without_ids_are_two_messages() -> None:
    first, second = parse_call("Müşteri: a\nMT: b"), parse_call("Müşteri: b\nMT: b")
    assert first.native_id != second.native_id


VTT = "WEBVTT\n\n00:00.100 --> 00:00.900\n<v Müşteri>Kargom <i>gelmedi</i> &amp; <00:03.000>bitti\n"
OUTER_KEYS = [
    *("results", "sentences", "segments", "parties", "dialog", "analysis", "Transcript"),
    *("utterances", "phrases", "transcripts", "content", "duration", "startTime"),
]
INNER_KEYS = ["start", "end", "text", "words", "channels", "body", "items", "tel", "dialog"]
VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=9),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.sampled_from(INNER_KEYS), values, max_size=3)
    ),
    max_leaves=8,
)


def _insert(offset: int, text: str) -> bytes:
    """Return captions with a text in the middle."""
    return (VTT[:offset] + text + VTT[offset:]).encode("utf-8", "replace")


def _replace(name: str, key: str, value: object) -> bytes:
    """Return a vendor's transcript with another value of one key."""
    return json.dumps(read_transcript(name) | {key: value}).encode()


@given(
    raw=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(str.encode),
        st.builds(_insert, st.integers(0, len(VTT)), st.text(max_size=20)),
        st.builds(_replace, st.sampled_from(TRANSCRIPT_NAMES), st.sampled_from(OUTER_KEYS), VALUES),
    )
)
def test_no_input_raises_anything_but_rejected(raw: bytes) -> None:
    try:
        parse_call(raw)
    except Rejected as error:
        assert error.code in CODES
