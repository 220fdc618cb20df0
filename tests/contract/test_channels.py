"""The promises of every channel, with the sample of each.

A new channel is tested here as soon as it has its row in the registry and its folder in
tests/support/samples; a row without a folder fails.
"""

import json
import logging
import re
import time
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.repair import repair_letters
from ingest.registry import CHANNELS, WEBHOOKS, channel_of
from schemas import envelope
from schemas.errors import CODES, Rejected
from schemas.message import MESSAGE_LIMIT, Message, truncate_to_limit
from tests.support.paths import ROOT
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, SECRET_WORD

LARGE_BYTES = 2_000_000  # beyond every limit of a text, and still quick to parse
MAX_PARSE_S = 10  # not a measurement: it catches a parser that never ends


def test_each_row_of_the_registry_has_a_sample() -> None:
    assert SAMPLES.keys() == CHANNELS.keys() | WEBHOOKS.keys()
    assert {name for name, sample in SAMPLES.items() if sample.manifest.call} == WEBHOOKS.keys()
    assert all(WEBHOOKS[name].channel in CHANNELS for name in WEBHOOKS)
    assert all(channel_of(name) for name in SAMPLES)


@pytest.mark.parametrize("name", CHANNELS)
def test_the_same_delivery_is_the_same_message(name: str) -> None:
    sample = SAMPLES[name]
    first, again = (sample.parse(sample.delivery).message for _ in range(2))
    assert first == again
    assert first.native_id == sample.manifest.native_id
    assert first.id != sample.parse(sample.delivery, account="b").message.id


@pytest.mark.parametrize("name", CHANNELS)
def test_a_message_is_complete_and_survives_the_coder(name: str) -> None:
    message = SAMPLES[name].parse(SAMPLES[name].delivery).message
    assert (message.channel, message.brand, message.received_at) == (name, "default", SAMPLED_AT)
    assert message.source == f"{name}:a"
    assert SECRET_WORD in message.text
    assert SECRET_WORD in message.full_text
    assert envelope.decode(Message, envelope.encode(message)) == message


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (unicodedata.normalize("NFD", "İade için şikâyet"), None),
        ("i\u0307ade için şikâyet", None),
        ("Ýade için þikâyet edeceðim, sipariþim hâlâ gelmedi", "text.mojibake"),
    ],
)
def test_each_channels_text_is_composed_and_turkish(
    name: str, typed: str, code: str | None
) -> None:
    raw = SAMPLES[name].delivery.replace(SECRET_WORD.encode(), typed.encode())
    message = repair_letters(SAMPLES[name].parse(raw).message)
    assert "ade için şikâyet" in message.text
    assert message.text == compose(message.text)
    assert message.full_text == compose(message.full_text)
    assert (code in message.repaired) == (code is not None)
    if code:
        assert typed in message.full_text


KEYS = [
    *("native_id", "text", "sender", "email", "attachments", "content"),
    *("session", "line", "type", "id", "subject"),
]
JSON_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", CHANNELS)
@given(
    raw=st.binary(max_size=200) | JSON_DOCUMENTS.map(lambda document: json.dumps(document).encode())
)
def test_an_input_gives_a_message_or_raises_rejected(name: str, raw: bytes) -> None:
    try:
        message = SAMPLES[name].parse(raw).message
    except Rejected as error:
        assert error.code in CODES
        assert error.text
    else:
        assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("shape", ["long", "deep", "wide"])
def test_a_large_or_deep_input_is_bounded(name: str, shape: str) -> None:
    sample = SAMPLES[name]
    raw = {
        "long": sample.delivery.replace(b"faturam", b"faturam " * (LARGE_BYTES // 8)),
        "deep": b"[" * (LARGE_BYTES // 2) + b"]" * (LARGE_BYTES // 2),
        "wide": b"{" + b",".join(b'"k%d":1' % n for n in range(LARGE_BYTES // 12)) + b"}",
    }[shape]
    start_s = time.process_time()
    try:
        message = sample.parse(raw).message
        assert len(msgspec.json.encode(truncate_to_limit(message))) <= MESSAGE_LIMIT
    except Rejected as error:
        assert len(error.text) < 2000
    assert time.process_time() - start_s < MAX_PARSE_S


@pytest.mark.parametrize("name", CHANNELS)
def test_the_customers_words_reach_no_log(
    name: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = SAMPLES[name]
    with caplog.at_level(logging.DEBUG):
        sample.parse(sample.delivery)
        with pytest.raises(Rejected) as error:
            sample.parse(b"")
    output = capsys.readouterr()
    assert SECRET_WORD not in caplog.text + output.out + output.err + error.value.text


@pytest.mark.parametrize("name", CHANNELS)
def test_the_page_of_a_channel_has_the_longest_answer(name: str) -> None:
    answering = SAMPLES[name].parse(SAMPLES[name].delivery).message.answering
    page = (ROOT / "docs" / "channels" / f"{name}.md").read_text(encoding="utf-8")
    limits = page.partition("\n## Limits\n")[2].partition("\n## ")[0]
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", limits)]
    if answering and answering.limit:
        # Mastodon's answer begins with the customer's name, which counts.
        assert any(0 <= number - answering.limit < 20 for number in numbers)
