"""Telephone transcripts: every form, who is who, broken captions, the watched folder."""

import asyncio
import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channel import Context, Delivery
from ingest.channels.phone import Phone
from ingest.channels.phone.account import Account
from ingest.parsing.phone_numbers import e164
from ingest.source import SourceContext
from ingest.webhook import WebhookContext, WebhookRequest
from ingest.webhooks.calls import Calls
from schemas.errors import CODES, Rejected, Retry
from schemas.message import Message
from tests.support.messages import MemoryCursors

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def call(
    raw: bytes | str | dict[str, Any] | list[Any], hint: str | None = None, **more: Any
) -> Message:
    data = (
        raw
        if isinstance(raw, bytes)
        else raw.encode()
        if isinstance(raw, str)
        else json.dumps(raw).encode()
    )
    delivery = Delivery(raw=data, account="a", received_at=NOW, hint=hint)
    return Phone().parse(delivery, Context(brand="default", settings=Account(**more))).message


def turns(made: Message) -> list[tuple[str, float, float, str]]:
    assert made.call is not None
    return [(t.role, t.start, t.end, t.text) for t in made.call.turns]


AMAZON = {
    "Channel": "VOICE",
    "LanguageCode": "tr-TR",
    "CustomerMetadata": {"ContactId": "c-1"},
    "Participants": [
        {"ParticipantId": "A", "ParticipantRole": "AGENT"},
        {"ParticipantId": "C", "ParticipantRole": "CUSTOMER"},
    ],
    "Transcript": [
        {
            "ParticipantId": "C",
            "Content": "Kargom gelmedi",
            "BeginOffsetMillis": 2500,
            "EndOffsetMillis": 4000,
        },
        {
            "ParticipantId": "A",
            "Content": "Buyurun",
            "BeginOffsetMillis": 100,
            "EndOffsetMillis": 900,
        },
    ],
}
WORDS = [
    ("Buyurun", "0.1", "0.9", "spk_0"),
    ("Kargom", "2.5", "3", "spk_1"),
    ("gelmedi", "3.1", "4", "spk_1"),
]
TRANSCRIBE = {
    "jobName": "j-1",
    "results": {
        "items": [
            {
                "start_time": s,
                "end_time": e,
                "type": "pronunciation",
                "speaker_label": w,
                "alternatives": [{"content": t, "confidence": "0.9"}],
            }
            for t, s, e, w in WORDS
        ]
        + [{"type": "punctuation", "alternatives": [{"content": ".", "confidence": "0.0"}]}]
    },
}
TWILIO = {
    "customer_key": "CA1",
    "media_start_time": "2026-11-20T08:00:00Z",
    "sentences": [
        {
            "media_channel": 1,
            "start_time": "0.1",
            "end_time": "0.9",
            "transcript": "Buyurun",
            "confidence": "0.9",
        },
        {
            "media_channel": 2,
            "start_time": 2.5,
            "end_time": 4,
            "transcript": "Kargom gelmedi",
            "confidence": "0.8",
        },
    ],
}
GOOGLE = {
    "requestId": "77",
    "results": [
        {
            "alternatives": [{"transcript": "Buyurun", "words": [{"word": "Buyurun"}]}],
            "languageCode": "tr-tr",
        },
        {
            "alternatives": [
                {"transcript": "Kargom gelmedi", "words": [{"word": "Kargom"}, {"word": "gelmedi"}]}
            ]
        },
        {
            "alternatives": [
                {
                    "words": [
                        {
                            "word": w,
                            "startTime": f"{s}s",
                            "endTime": f"{e}s",
                            "speakerTag": 1 + (p == "spk_1"),
                        }
                        for w, s, e, p in WORDS
                    ]
                }
            ]
        },
    ],
}
GOOGLE2 = {
    "results": [
        {
            "alternatives": [
                {
                    "transcript": "x",
                    "words": [
                        {"word": w, "startOffset": f"{s}s", "endOffset": f"{e}s", "speakerLabel": p}
                        for w, s, e, p in part
                    ],
                }
            ]
        }
        for part in (WORDS[:1], WORDS[1:])
    ]
}
INSIGHTS = {
    "name": "projects/p/conversations/77",
    "callMetadata": {"customerChannel": 2, "agentChannel": 1},
    "agentId": "Ali",
    "transcript": {
        "transcriptSegments": [
            {
                "text": "Buyurun",
                "channelTag": 1,
                "words": [{"startOffset": "0.1s", "endOffset": "0.9s", "word": "Buyurun"}],
            },
            {
                "text": "Kargom gelmedi",
                "channelTag": 2,
                "words": [{"startOffset": "2.5s", "endOffset": "4s", "word": "Kargom"}],
            },
        ]
    },
}
AZURE = {
    "source": "https://x/a.wav",
    "recognizedPhrases": [
        {
            "recognitionStatus": "Success",
            "channel": 0,
            "speaker": 1,
            "offsetInTicks": 1000000.0,
            "durationInTicks": 8000000.0,
            "nBest": [{"display": "Buyurun", "confidence": 0.9}],
        },
        {"recognitionStatus": "NoMatch", "channel": 0},
        {
            "recognitionStatus": "Success",
            "channel": 0,
            "speaker": 2,
            "offset": "PT2.5S",
            "duration": "PT1.5S",
            "nBest": [{"display": "Kargom gelmedi", "confidence": 0.9}],
        },
    ],
}
AZURE_FAST = {
    "durationMilliseconds": 4000,
    "combinedPhrases": [{"text": "x"}],
    "phrases": [
        {
            "offsetMilliseconds": 100,
            "durationMilliseconds": 800,
            "text": "Buyurun",
            "speaker": 1,
            "locale": "tr-TR",
            "confidence": 0.9,
        },
        {
            "offset": 2500,
            "duration": 1500,
            "text": "Kargom gelmedi",
            "speaker": 2,
            "confidence": 0.9,
        },
    ],
}
DEEPGRAM = {
    "metadata": {"request_id": "r", "duration": 4.0},
    "results": {
        "channels": [
            {
                "alternatives": [
                    {
                        "transcript": "x",
                        "words": [
                            {
                                "word": w.lower(),
                                "punctuated_word": w,
                                "start": float(s),
                                "end": float(e),
                                "confidence": 0.4 if w == "gelmedi" else 0.9,
                                "speaker": int(p[-1]),
                            }
                            for w, s, e, p in WORDS
                        ],
                    }
                ]
            }
        ]
    },
}
ASSEMBLY = {
    "id": "as-1",
    "status": "completed",
    "audio_url": "x",
    "audio_duration": 4,
    "language_code": "tr",
    "utterances": [
        {
            "speaker": "A",
            "start": 100,
            "end": 900,
            "text": "Buyurun",
            "confidence": 0.9,
            "words": [],
        },
        {
            "speaker": "B",
            "start": 2500,
            "end": 4000,
            "text": "Kargom gelmedi",
            "confidence": 0.9,
            "words": [],
        },
    ],
}
WHISPER = {
    "language": "turkish",
    "duration": 9,
    "segments": [
        {
            "start": 0.1,
            "end": 0.9,
            "text": " Buyurun",
            "avg_logprob": -0.1,
            "no_speech_prob": 0.1,
            "speaker": "A",
        },
        {
            "start": 2.5,
            "end": 4,
            "text": " Kargom gelmedi",
            "avg_logprob": -0.2,
            "no_speech_prob": 0.1,
            "speaker": "B",
        },
        {"start": 5, "end": 6, "text": " Altyazı M.K.", "avg_logprob": -0.2, "no_speech_prob": 0.1},
        {"start": 6, "end": 7, "text": " bla", "avg_logprob": -1.4, "no_speech_prob": 0.9},
    ],
}
WHISPER_CPP = {
    "result": {"language": "tr"},
    "transcription": [
        {
            "offsets": {"from": 100, "to": 900},
            "text": " Buyurun [SPEAKER_TURN]",
            "speaker": "0",
            "tokens": [{"text": "[_BEG_]", "p": 0.1}, {"text": "Bu", "p": 0.9}],
        },
        {
            "offsets": {"from": 2500, "to": 4000},
            "text": " Kargom gelmedi",
            "speaker": "1",
            "tokens": [],
        },
    ],
}
WHISPERX = {
    "language": "tr",
    "word_segments": [],
    "segments": [
        {
            "start": 0.1,
            "end": 0.9,
            "text": "Buyurun",
            "speaker": "SPEAKER_00",
            "words": [{"word": "Buyurun", "score": 0.9}],
        },
        {
            "start": 2.5,
            "end": 4,
            "text": "Kargom gelmedi",
            "speaker": "SPEAKER_01",
            "words": [{"word": "Kargom"}],
        },
    ],
}
GENESYS = {
    "conversationId": "g-1",
    "participants": [
        {"participantPurpose": "external", "ani": "+905321112233"},
        {"participantPurpose": "internal", "userId": "u1"},
    ],
    "transcripts": [
        {
            "language": "tr-tr",
            "phrases": [
                {
                    "text": "buyurun",
                    "decoratedText": "Buyurun",
                    "startTimeMs": 1795164000100,
                    "duration": {"milliseconds": 800},
                    "participantPurpose": "internal",
                },
                {
                    "text": "Kargom gelmedi",
                    "startTimeMs": 1795164002500,
                    "duration": {"milliseconds": 1500},
                    "participantPurpose": "external",
                },
            ],
        }
    ],
    "startTime": 1795164000000,
}
AIRCALL = {
    "call_id": 5,
    "call_created_at": "2026-11-20T08:00:00Z",
    "content": {
        "language": "tr",
        "utterances": [
            {
                "start_time": 0.1,
                "end_time": 0.9,
                "text": "Buyurun",
                "participant_type": "internal",
                "user_id": 9,
            },
            {
                "start_time": 2.5,
                "end_time": 4,
                "text": "Kargom gelmedi",
                "participant_type": "external",
                "phone_number": "+905321112233",
            },
        ],
    },
}
VCON = {
    "uuid": "v-1",
    "created_at": "2026-11-20T08:00:00Z",
    "parties": [
        {"tel": "tel:+908501112233", "name": "Ali", "role": "agent"},
        {
            "tel": "05321112233",
            "mailto": "mailto:ayse@ornek.example",
            "name": "Ayşe",
            "role": "customer",
        },
    ],
    "dialog": [
        {
            "type": "recording",
            "start": "2026-11-20T08:00:00+00:00",
            "duration": "4.5",
            "parties": [1, 0],
            "skill": "iade",
        }
    ],
    "analysis": [
        {
            "type": "transcript",
            "dialog": 0,
            "encoding": "none",
            "body": [
                {
                    "parties": 0,
                    "start": "2026-11-20T08:00:00.1+00:00",
                    "duration": 0.8,
                    "text": "Buyurun",
                },
                {"parties": [1], "start": 2.5, "end": 4, "text": "Kargom gelmedi"},
            ],
        }
    ],
}


@pytest.mark.parametrize(
    ("told", "form", "identifier"),
    [
        (AMAZON, "amazon", "c-1"),
        (TWILIO, "twilio", "CA1"),
        (GOOGLE, "google", "77"),
        (INSIGHTS, "insights", "77"),
        (AZURE, "azure", None),
        (AZURE_FAST, "azure", None),
        (DEEPGRAM, "deepgram", "r"),
        (ASSEMBLY, "assemblyai", "as-1"),
        (WHISPER, "whisper", None),
        (WHISPER_CPP, "whisper.cpp", None),
        (WHISPERX, "whisper", None),
        (GENESYS, "genesys", "g-1"),
        (AIRCALL, "aircall", "5"),
        (GOOGLE2, "google", None),
        (VCON, "vcon", "v-1"),
        (TRANSCRIBE, "transcribe", "j-1"),
    ],
)
def test_each_vendors_form_gives_who_said_what_and_when(
    told: dict[str, Any], form: str, identifier: str | None
) -> None:
    made = call(told)
    assert made.call is not None
    assert made.call.form == form
    dot = "." if form == "transcribe" else ""
    assert [(t.start, t.end, t.text) for t in made.call.turns] == [
        (0.1, 0.9, "Buyurun"),
        (2.5, 4.0, f"Kargom gelmedi{dot}"),
    ]
    assert len({t.speaker for t in made.call.turns}) == 2
    assert identifier in (None, made.native_id)
    again = call(told)
    assert (again.id, again.conversation) == (made.id, made.conversation)
    if form in ("amazon", "insights", "genesys", "aircall", "vcon"):
        assert (made.call.roles_by, made.text) == ("declared", "Kargom gelmedi")
    if form in ("genesys", "aircall", "vcon"):
        assert made.sender.handle("phone") == "+905321112233"


def test_what_surrounds_a_call_is_kept() -> None:
    made = call(VCON)
    assert made.call is not None
    assert (made.call.queue, made.call.agent, made.call.duration) == ("iade", "Ali", 4.5)
    assert (made.sender.name, made.sender.handle("email")) == ("Ayşe", "ayse@ornek.example")
    assert made.recipients[0].handle("phone") == "+908501112233"
    assert made.sent_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert made.answering is not None
    assert made.answering.forbidden


def test_unsure_words_are_marked_in_their_place() -> None:
    made = call(DEEPGRAM)
    assert made.call is not None
    (first, last) = made.call.turns
    assert first.unsure == ()
    assert [last.text[a:b] for a, b in last.unsure] == ["gelmedi"]


def test_what_whisper_invents_on_silence_is_left_out_and_said() -> None:
    assert "speech.invented" in call(WHISPER).repaired
    assert "speech.translated" in call(WHISPER | {"task": "translate"}).repaired


VERSIONS: list[dict[str, Any]] = [
    {"redacted": {"uuid": "v-1", "type": "PII"}},
    {"amended": {"uuid": "v-1"}},
    {"redacted": {}, "appended": {}},
]


@pytest.mark.parametrize("more", VERSIONS)
def test_a_redacted_or_amended_vcon_is_the_same_call(more: dict[str, Any]) -> None:
    uuid = "v-2" if any(v for v in more.values()) else "v-1"
    assert call(VCON | more | {"uuid": uuid}).id == call(VCON).id


def test_a_signed_vcon_is_opened_and_said_to_be_unproven() -> None:
    for inner in (json.dumps(VCON).encode(), gzip.compress(json.dumps(VCON).encode())):
        payload = base64.urlsafe_b64encode(inner).decode().rstrip("=")
        made = call(
            {"payload": payload, "signatures": [{"header": {"alg": "RS256"}, "signature": "x"}]}
        )
        assert (made.id, made.flags) == (call(VCON).id, ("signature_unverified",))


BODIES: list[Any] = [
    [
        {"speaker": "Agent", "message": "Buyurun"},
        {"speaker": "Customer", "message": "Kargom gelmedi"},
    ],
    json.dumps(
        [
            {"speaker": "Agent", "message": "Buyurun"},
            {"speaker": "Customer", "message": "Kargom gelmedi"},
        ]
    ),
    "**Agent(May)**: Buyurun\n\n**Customer(Ada)**: Kargom gelmedi",
    {
        "transcript": {"text": "x"},
        "segments": [
            {"start": 0, "end": 1, "text": "Buyurun", "speaker": "Agent"},
            {"start": 1, "end": 2, "text": "Kargom gelmedi", "speaker": "Customer"},
        ],
    },
    {"transcript": "Agent: Buyurun\nCustomer: Kargom gelmedi"},
]


@pytest.mark.parametrize("body", BODIES)
def test_a_vcons_transcript_has_many_shapes(body: Any) -> None:
    told = VCON | {
        "analysis": [{"type": "transcript", "dialog": [0], "encoding": "none", "body": body}]
    }
    made = call(told)
    assert [(r, t) for r, _, _, t in turns(made)] == [
        ("agent", "Buyurun"),
        ("customer", "Kargom gelmedi"),
    ]


def test_text_dialogs_are_turns_and_one_transcript_a_dialog_counts() -> None:
    chat = VCON | {
        "analysis": [],
        "dialog": [
            {
                "type": "text",
                "start": "2026-11-20T08:00:02Z",
                "parties": [1, 0],
                "body": "Kargom gelmedi",
            },
            {
                "type": "text",
                "start": "2026-11-20T08:00:00Z",
                "originator": 0,
                "parties": [0, 1],
                "body": "Buyurun",
            },
        ],
    }
    assert [t[3] for t in turns(call(chat))] == ["Buyurun", "Kargom gelmedi"]
    twice = VCON | {"analysis": [*VCON["analysis"], VCON["analysis"][0] | {"type": "diarized"}]}  # type: ignore[misc,index]  # a list in truth
    assert len(turns(call(twice))) == 2


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (VCON | {"analysis": [], "dialog": [{"type": "recording"}]}, "call.no_transcript"),
        (VCON | {"critical": ["quantum"]}, "call.unsupported"),
        ({"ciphertext": "x", "recipients": [], "unprotected": {"uuid": "v-9"}}, "call.encrypted"),
        (ASSEMBLY | {"status": "error", "error": "no sound"}, "call.failed"),
        (ASSEMBLY | {"status": "processing", "utterances": None}, "delivery.ignored"),
        (
            {"event_type": "voice_intelligence_transcript_available", "transcript_sid": "GT"},
            "delivery.ignored",
        ),
        ({"type": "transcript.text.delta", "delta": "a"}, "delivery.ignored"),
        ({"hello": 1}, "call.unknown_form"),
        ("", "call.empty"),
        ("WEBVTT\n\nNOTE x\n", "call.empty"),
        (b"\x1f\x8bnot gzip", "call.undecodable"),
        ("{", "json.malformed"),
    ],
)
def test_what_is_no_transcript_says_why(told: Any, code: str) -> None:
    with pytest.raises(Rejected) as error:
        call(told)
    assert error.value.code == code
    assert code in CODES
    if code == "call.encrypted":
        assert "v-9" in error.value.text


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
    made = call(VTT)
    assert turns(made) == [
        ("agent", 0.1, 0.9, "Buyurun"),
        ("customer", 2.5, 4.0, "Kargom gel\xadmedi & bitti"),
        ("agent", 5.0, 6.0, "Ne zaman?"),
        ("customer", 5.0, 6.0, "Dün"),
    ]
    assert made.repaired == ()


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
    made = call(SRT.encode(codec))
    assert turns(made) == [("agent", 0.1, 0.9, "Buyurun"), ("customer", 2.5, 4.0, "Kargom gelmedi")]
    assert "cue.order" in made.repaired


def test_roll_up_captions_are_said_once() -> None:
    rolled = "WEBVTT\n\n" + "\n\n".join(
        f"00:0{n}.000 --> 00:0{n + 1}.000\n{first}\n{second}"
        for n, (first, second) in enumerate([("bir", "iki"), ("iki", "üç"), ("üç", "dört")])
    )
    made = call(rolled)
    assert [t[3] for t in turns(made)] == ["bir\niki", "üç", "dört"]


@pytest.mark.parametrize(
    "text",
    [
        "Müşteri Temsilcisi: Buyurun\nMüşteri: Kargom gelmedi\nSaat 14:30: hala yok",
        "[00:00:01] MT (Ali): Buyurun\n[00:00:05] Arayan: Kargom gelmedi\nSaat 14:30: hala yok",
        "**Agent:** Buyurun\n**Customer:** Kargom gelmedi\nSaat 14:30: hala yok",
        "Operatör\nBuyurun\n\nMüşteri\nKargom gelmedi\nSaat 14:30: hala yok",
        "TEMSİLCİ: Buyurun\nMÜŞTERİ: Kargom gelmedi\nSaat 14:30: hala yok",
    ],
)
def test_plain_text_is_read_with_its_labels(text: str) -> None:
    made = call(text)
    assert [(r, t) for r, _, _, t in turns(made)] == [
        ("agent", "Buyurun"),
        ("customer", "Kargom gelmedi\nSaat 14:30: hala yok"),
    ]


def test_text_without_labels_is_everybodys() -> None:
    made = call("Kargom gelmedi, saat 14:30: bekliyorum https://x.example\nHala yok")
    assert turns(made)[0][0] == "unknown"
    assert made.text.startswith("Kargom gelmedi")
    assert "roles.unknown" in made.repaired


DIALOGUE = [
    ("Konuşmacı 1", "İyi günler, Ornek Telekom'a hoş geldiniz, size nasıl yardımcı olabilirim?"),
    ("Konuşmacı 2", "Merhaba, faturam çok yüksek geldi, şikayetçiyim."),
    ("Konuşmacı 1", "Abone numaranızı alabilir miyim Ayşe Hanım, hemen kontrol ediyorum."),
    ("Konuşmacı 2", "Tabii, beş üç iki."),
]


def test_roles_are_guessed_from_how_people_talk_and_the_guess_says_so() -> None:
    made = call("\n".join(f"{who}: {said}" for who, said in DIALOGUE))
    assert made.call is not None
    assert [t.role for t in made.call.turns] == ["agent", "customer"] * 2
    assert made.call.roles_by == "guess"
    assert 0.7 < made.call.roles_confidence < 1
    assert "roles.guessed" in made.repaired
    unclear = call("Kişi 1: Merhaba\nKişi 2: Merhaba\nKişi 1: Tamam")
    assert unclear.call is not None
    assert unclear.call.roles_by == "unknown"
    assert {t.role for t in unclear.call.turns} == {"unknown"}


@pytest.mark.parametrize(
    "lines",
    [
        [
            "Konuşmacı 1: Alo?",
            "Konuşmacı 2: İyi günler, Ornek Bank'tan arıyorum, bilgi vermek istiyorum.",
            "Konuşmacı 1: Buyurun.",
            "Konuşmacı 2: Kart aidatınızı iade ettik.",
        ],
        ["Guest-1: Hoş geldiniz", "Guest-2: Tamam"],
        [
            "User 1: Kargom gelmedi ve çok bekledim artık yeter",
            "User 2: Peki o zaman şimdi ne istiyorsunuz benden",
        ],
    ],
)
def test_a_role_is_not_made_up(lines: list[str]) -> None:
    made = call("\n".join(lines))
    assert made.call is not None
    first = made.call.turns[0]
    assert first.role == "unknown" or (lines[0].endswith("Alo?") and first.role == "customer")


def test_of_three_the_third_is_nobody_known() -> None:
    lines = [
        "Kişi 1: Görüşmeniz kayıt altına alınmaktadır, bire tuşlayınız.",
        "Kişi 2: Hoş geldiniz, size nasıl yardımcı olabilirim?",
        "Kişi 3: Faturam yanlış, şikayetçiyim.",
        "Kişi 2: Abone numaranız nedir, hemen kontrol ediyorum.",
    ]
    made = call("\n".join(lines))
    assert made.call is not None
    assert [t.role for t in made.call.turns] == ["unknown", "agent", "customer", "agent"]


def test_who_called_is_not_taken_for_the_customer_on_our_own_calls() -> None:
    parties = [
        {"tel": "+902121112233", "name": "Ornek AŞ"},
        {"tel": "+905321112233", "name": "Ayşe"},
    ]
    outbound = VCON | {
        "parties": parties,
        "dialog": [{"type": "recording", "parties": [0, 1], "meta": {"direction": "out"}}],
    }
    assert call(outbound).sender.handle("phone") == "+905321112233"
    inbound = outbound | {"dialog": [{"type": "recording", "parties": [1, 0]}]}
    made = call(inbound)
    assert made.sender.handle("phone") == "+905321112233"
    assert made.call is not None
    assert (made.call.roles_by, made.call.roles_confidence) == ("number", 0.8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Temsilci: Randevu?\nMüşteri: Var\n14:30 gibi dediniz", "Var\n14:30 gibi dediniz"),
        (
            "MT: Buyurun\nMüşteri: Sitede yazıyor:\nMüşteri hizmetleri numarası: 0850",
            "Sitede yazıyor:\nMüşteri hizmetleri numarası: 0850",
        ),
        ("Agent [00:00:01]: Hi\nCustomer [00:00:05]: Help", "Help"),
        ("[Temsilci] Buyurun\n[Müşteri] Yardım", "Yardım"),
        ("Temsilci - Buyurun\nMüşteri - Yardım", "Yardım"),
        ("Customer Support Agent: Hi\nCustomer: Help", "Help"),
        ("14:05:10 Temsilci: Buyurun\n14:05:16 Müşteri: Yardım", "Yardım"),
    ],
)
def test_the_customers_words_are_neither_lost_nor_mixed(text: str, said: str) -> None:
    made = call(text)
    assert made.text == said
    assert made.call is not None
    assert made.call.turns[-1].start < 60


def test_tracks_are_whose_the_account_says() -> None:
    made = call(TWILIO, channels={"1": "agent", "2": "customer"})
    assert made.call is not None
    assert (made.call.roles_by, made.text) == ("channel", "Kargom gelmedi")


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ("0532 111 22 33", "+905321112233"),
        ("+44 20 7946 0958", "+442079460958"),
        ("tel:x", ""),
        ("", ""),
        ("00905321112233", "+905321112233"),
        ("Anonymous", ""),
        ("12", ""),
    ],
)
def test_numbers_are_e164(told: str, made: str) -> None:
    assert e164(told, "TR") == made


def test_the_name_of_a_file_names_the_call_where_nothing_else_does() -> None:
    hint = "7b2c-11_analysis_2026-11-20T08_00_00Z.json"
    bare = {k: v for k, v in AMAZON.items() if k != "CustomerMetadata"}
    assert call(bare, hint=hint).native_id == "7b2c-11"
    assert call("Müşteri: a\nMT: b").native_id != call("Müşteri: b\nMT: b").native_id


@given(
    raw=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(str.encode),
        st.builds(
            lambda a, b: (VTT[:a] + b + VTT[a:]).encode("utf-8", "replace"),
            st.integers(0, 400),
            st.text(max_size=20),
        ),
        st.builds(
            lambda d, k, v: json.dumps({**d, k: v}).encode(),
            st.sampled_from(
                [
                    AMAZON,
                    TWILIO,
                    GOOGLE,
                    AZURE,
                    DEEPGRAM,
                    ASSEMBLY,
                    WHISPER,
                    GENESYS,
                    VCON,
                    WHISPER_CPP,
                    TRANSCRIBE,
                    INSIGHTS,
                    AIRCALL,
                ]
            ),
            st.sampled_from(
                [
                    "results",
                    "sentences",
                    "segments",
                    "parties",
                    "dialog",
                    "analysis",
                    "Transcript",
                    "utterances",
                    "phrases",
                    "transcripts",
                    "content",
                    "duration",
                    "startTime",
                ]
            ),
            st.recursive(
                st.none() | st.integers() | st.floats() | st.text(max_size=9),
                lambda x: (
                    st.lists(x, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(
                            [
                                "start",
                                "end",
                                "text",
                                "words",
                                "channels",
                                "body",
                                "items",
                                "tel",
                                "dialog",
                            ]
                        ),
                        x,
                        max_size=3,
                    )
                ),
                max_leaves=8,
            ),
        ),
    )
)
def test_no_input_raises_anything_but_rejected(raw: bytes) -> None:
    try:
        call(raw)
    except Rejected as error:
        assert error.code in CODES


async def test_a_callback_proves_itself_by_its_header() -> None:
    tools = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
    body = json.dumps(DEEPGRAM).encode()
    account = Account(secret="s")
    for header in ("dg-token", "authorization", "x-webhook-secret"):
        value = "Bearer s" if header == "authorization" else "s"
        told = WebhookRequest(method="POST", path="/", query={}, headers={header: value}, body=body)
        assert (await Calls().receive(told, account, tools)).deliveries == (body,)
    own = Account(secret="s", secret_header="X-Own")
    for headers, code in (
        ({"dg-token": "s"}, "signature.missing"),
        ({"x-own": "t"}, "signature.wrong"),
        ({}, "signature.missing"),
    ):
        with pytest.raises(Rejected) as error:
            await Calls().receive(
                WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body),
                own,
                tools,
            )
        assert error.value.code == code


async def test_a_dropped_file_is_taken_once_it_stands_still_and_put_away_when_it_is_safe(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("Müşteri: bir\nMT: iki")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "b.txt.part").write_text("x")
    taken: list[str] = []
    away = [True]

    async def accept(delivery: Delivery) -> None:
        if away.pop() if away else False:
            raise Retry(1, "Kafka is away")
        taken.append(delivery.hint or "")

    looks = 0

    async def pause(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            (tmp_path / "c.txt").write_text("Müşteri: bir")
        if looks == 3:
            (tmp_path / "c.txt").write_text("Müşteri: bir ve iki")
        if looks > 6:
            raise asyncio.CancelledError

    tools = SourceContext(
        now=lambda: NOW, pause=pause, warn=lambda *_a, **_k: None, report_pass=lambda _s: None
    )
    source = Phone().source("a", Account(folder=str(tmp_path)), tools)
    with pytest.raises(Retry, match="Kafka is away"):
        await source.run(accept, MemoryCursors())
    assert (tmp_path / "a.txt").exists(), "what is not safe stays"
    with pytest.raises(asyncio.CancelledError):
        await source.run(accept, MemoryCursors())
    assert taken == ["a.txt", "c.txt"]
    assert {p.name for p in (tmp_path / "taken").iterdir()} == {"a.txt", "c.txt"}
    assert (tmp_path / "b.txt.part").exists()
    gone = Phone().source("a", Account(folder=str(tmp_path / "yok")), tools)
    with pytest.raises(Retry, match="can't be read"):
        await gone.run(accept, MemoryCursors())
