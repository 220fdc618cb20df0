"""Captions as programs and people write them lose no spoken word. Invented texts."""

import pytest

from ingest.parsing.calls.detection import parse_transcript
from ingest.parsing.calls.formats import captions, plain_text
from ingest.parsing.calls.transcript import Utterance, merge_utterances, parse_number
from tests.support.ingest.phone_calls import parse_call, spoken_by, timed_turns

CUE = "WEBVTT\n\n00:01.000 --> 00:04.000\n"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<b Modemim bozuk", "Modemim bozuk"),
        ("Modemim <i.sesli bozuk", "Modemim bozuk"),
        ("<lang tr-TR Modemim bozuk", "Modemim bozuk"),
        ("<ruby>Modem<rt>modem bozuk", "Modem modem bozuk"),
        ("<ruby>Modem<rt>okunuş</rt></ruby> bozuk", "Modem okunuş bozuk"),
        ("<rt>Modem bozuk</rt>", "Modem bozuk"),
        ("< 00:01.000>Modem bozuk", "Modem bozuk"),
        ("Modemim</b bozuk", "Modemim bozuk"),
        ("Fatura <100 TL> olmalı", "Fatura <100 TL> olmalı"),
        ("5 < 7 ve <b>kalın</b>", "5 < 7 ve kalın"),
    ],
)
def test_an_unclosed_tag_swallows_nothing(body: str, text: str) -> None:
    assert [utterance.text for utterance in captions.parse_webvtt(CUE + body).turns] == [text]


def test_a_cues_text_can_begin_below_an_empty_line() -> None:
    text = (
        "WEBVTT\n\n00:00:02.000 --> 00:00:04.000\n\nFaturam geldi.\n\n"
        "00:00:05.000 --> 00:00:07.000\n\n\n<v Ada>Neden bu kadar?</v>\nÖdemem.\n"
    )
    utterances = captions.parse_webvtt(text).turns
    assert [(u.start, u.text) for u in utterances] == [
        (2, "Faturam geldi."),
        (5, "Neden bu kadar?\nÖdemem."),
    ]


def test_an_empty_cue_takes_no_name_and_no_note_for_its_text() -> None:
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n\nikinci\n00:03.000 --> 00:04.000\nMerhaba\n\n"
        "00:05.000 --> 00:06.000\n\nNOTE kesildi\n"
    )
    assert [utterance.text for utterance in captions.parse_webvtt(text).turns] == ["Merhaba"]


def test_a_speakers_pieces_are_joined_with_the_offsets_of_unsure_words() -> None:
    pieces = [
        Utterance(speaker="a", text="bir iki", unsure=((4, 7),)),
        Utterance(speaker="a", text="üç", unsure=((0, 2),)),
    ]
    (utterance,) = merge_utterances(pieces)
    assert (utterance.text, utterance.unsure) == ("bir iki üç", ((4, 7), (8, 10)))


def test_a_transcript_without_labels_is_one_utterance() -> None:
    assert [
        utterance.text for utterance in plain_text.parse_plain_text("Merhaba\nmodemim\nbozuk").turns
    ] == ["Merhaba\nmodemim\nbozuk"]


def test_blank_lines_before_captions_are_skipped() -> None:
    transcript = parse_transcript(("\n" * 50_000 + "00:01.000 --> 00:04.000\nMerhaba").encode())
    assert transcript.turns[0].text == "Merhaba"


def test_a_number_beyond_all_bounds_is_read_as_zero() -> None:
    assert parse_number(10**400) == 0.0


def test_a_shorter_arrow_and_a_number_above_a_blank_line_lose_no_words() -> None:
    short_arrows = captions.parse_webvtt(
        "WEBVTT\n\n00:01.000 -> 00:02.000\nBir\n\n00:03.000 –> 00:04.000\nİki"
    )
    blank_lines = captions.parse_srt(
        "1\n\n00:00:01,000 --> 00:00:02,000\n\nBir\n\n2\n\n00:00:03,000 --> 00:00:04,000\n\nİki"
    )
    for transcript in (short_arrows, blank_lines):
        assert [utterance.text for utterance in transcript.turns] == ["Bir", "İki"]


@pytest.mark.parametrize(
    "raw",
    [
        '{"text":"Bir iki","segments":[{"start":NaN,"end":-Infinity,"text":"Bir iki"}]}',
        '{"text":"Bir iki"}\n\n\0',
        '{"text":"Bir iki\\ud83d"}',
        '{"text":"Bir"}\n{"text":"iki"}\n',
        '{"transcript":"Bir iki"}',
        '{"transcript":[{"speaker":"A","text":"Bir iki"}]}',
        '{"jobName":"x","results":{"transcripts":[{"transcript":"Bir iki"}],"items":[]}}',
        '{"combinedRecognizedPhrases":[{"channel":0,"display":"Bir iki"}],"recognizedPhrases":[]}',
        '{"results":[{"type":"word","alternatives":[{"content":"Bir"}]},{"alternatives":[{"content":"iki"}]}]}',
        '{"result":{"utterances":[{"text":"Bir iki","speaker":0}]}}',
    ],
)
def test_a_vendors_odd_json_loses_no_words(raw: str) -> None:
    transcript = parse_transcript(raw.encode())
    assert (
        " ".join(utterance.text for utterance in transcript.turns).replace("\ufffd", "")
        == "Bir iki"
    )


def test_an_invented_sentence_comes_back_by_no_other_way() -> None:
    raw = b'{"text":"Altyaz\xc4\xb1 M.K.","segments":[{"text":"Altyaz\xc4\xb1 M.K."}]}'
    assert parse_transcript(raw).turns == []


VTT = """\ufeffWEBVTT - Destek
X-TIMESTAMP-MAP=0

STYLE
::cue { color: red }

NOTE not a cue
at all

1
00:00.100 --> 00:00.900 align:start
<v.loud Müşteri Temsilcisi>Buyurun</v>

00:00:02.500 --> 00:00:04.000
<v Müşteri>Kargom <i>gel&shy;medi</i> &amp; <00:03.000>bitti
00:05.000 --> 00:06.000
<v Müşteri Temsilcisi>Ne zaman?<v Müşteri>Dün"""


def test_webvtt_is_read_with_its_voices_and_without_its_tags() -> None:
    message = parse_call(VTT)
    assert timed_turns(message) == [
        ("agent", 0.1, 0.9, "Buyurun"),
        ("customer", 2.5, 4.0, "Kargom gel\xadmedi & bitti"),
        ("agent", 5.0, 6.0, "Ne zaman?"),
        ("customer", 5.0, 6.0, "Dün"),
    ]
    assert message.repaired == ()


SRT = """1
00:00:02,500 --> 00:00:04,00
Müşteri: Kargom

gelmedi

2
0:00:00.1 --> 00:00:00,9 X1:1
<i>Temsilci: {\\an8}Buyurun</i>
"""


@pytest.mark.parametrize(
    "codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1254"]
)
def test_srt_is_read_in_every_charset_and_put_in_order(codec: str) -> None:
    message = parse_call(SRT.encode(codec))
    assert timed_turns(message) == [
        ("agent", 0.1, 0.9, "Buyurun"),
        ("customer", 2.5, 4.0, "Kargom gelmedi"),
    ]
    assert "cue.order" in message.repaired


def test_roll_up_captions_are_read_once() -> None:
    pairs = [("bir", "iki"), ("iki", "üç"), ("üç", "dört")]
    cues = [
        f"00:0{second}.000 --> 00:0{second + 1}.000\n{upper}\n{lower}"
        for second, (upper, lower) in enumerate(pairs)
    ]
    message = parse_call("\n\n".join(["WEBVTT", *cues]))
    assert [text for _, text in spoken_by(message)] == ["bir\niki", "üç", "dört"]
