"""Each recogniser's and call centre's own format gives the same turns."""

import pytest

from tests.support.ingest.phone_calls import TRANSCRIPT_NAMES, parse_call, read_transcript

NATIVE_IDS = {
    "amazon": "c-1",
    "twilio": "CA1",
    "google": "77",
    "insights": "77",
    "deepgram": "r",
    "assemblyai": "as-1",
    "genesys": "g-1",
    "aircall": "5",
    "vcon": "v-1",
    "transcribe": "j-1",
}
FORMS = {
    "azure_batch": "azure",
    "azure_fast": "azure",
    "google_v2": "google",
    "whisper_cpp": "whisper.cpp",
    "whisperx": "whisper",
}
"""The form of each transcript whose file has another name."""


@pytest.mark.parametrize("name", TRANSCRIPT_NAMES)
def test_each_format_gives_two_speakers_with_their_texts_and_times(name: str) -> None:
    message = parse_call(read_transcript(name))
    assert message.call is not None
    assert message.call.form == FORMS.get(name, name)
    dot = "." if name == "transcribe" else ""
    assert [(turn.start, turn.end, turn.text) for turn in message.call.turns] == [
        (0.1, 0.9, "Buyurun"),
        (2.5, 4.0, f"Kargom gelmedi{dot}"),
    ]
    assert len({turn.speaker for turn in message.call.turns}) == 2


@pytest.mark.parametrize("name", TRANSCRIPT_NAMES)
def test_the_same_transcript_is_the_same_message(name: str) -> None:
    first, again = (parse_call(read_transcript(name)) for _ in range(2))
    assert (first.id, first.conversation) == (again.id, again.conversation)
    assert NATIVE_IDS.get(name, first.native_id) == first.native_id


@pytest.mark.parametrize("name", ["amazon", "insights", "genesys", "aircall", "vcon"])
def test_a_format_that_declares_roles_gives_the_customers_text(name: str) -> None:
    message = parse_call(read_transcript(name))
    assert message.call is not None
    assert (message.call.roles_by, message.text) == ("declared", "Kargom gelmedi")


@pytest.mark.parametrize("name", ["genesys", "aircall", "vcon"])
def test_a_format_with_numbers_gives_the_customers_number(name: str) -> None:
    assert parse_call(read_transcript(name)).sender.handle("phone") == "+905321112233"


def test_unsure_words_have_their_offsets() -> None:
    message = parse_call(read_transcript("deepgram"))
    assert message.call is not None
    first, last = message.call.turns
    assert first.unsure == ()
    assert [last.text[start:end] for start, end in last.unsure] == ["gelmedi"]


def test_sentences_that_whisper_invents_in_silence_are_dropped_and_recorded() -> None:
    assert "speech.invented" in parse_call(read_transcript("whisper")).repaired


def test_a_translation_by_whisper_is_recorded() -> None:
    translated = read_transcript("whisper") | {"task": "translate"}
    assert "speech.translated" in parse_call(translated).repaired
