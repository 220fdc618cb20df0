"""Transcripts of which no parser can read a text are rejected, and nothing else is raised."""

import pytest

from ingest.parsing.calls.detection import parse_transcript
from schemas.errors import CODES, Rejected
from tests.support.ingest.phone_calls import parse_call, read_transcript
from tests.support.json_body import JsonBody

VCON = read_transcript("vcon")
ASSEMBLYAI = read_transcript("assemblyai")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"parties":[{"name":"A"}],"analysis":[{"type":"transcript","body":"\xff"}]}',
        b'{"parties":[{"name":"A"}],"dialog":[{"type":"text","body":"Merhaba \xff"}]}',
        b'{"results":{"x\xff":{"results":1}}}',
        b'[{"speaker":"A","text":"Merhaba \xff"}]',
    ],
    ids=["vcon analysis", "vcon text", "google batch", "list"],
)
def test_a_text_that_is_not_utf8_makes_the_json_malformed(raw: bytes) -> None:
    with pytest.raises(Rejected) as error:
        parse_transcript(raw)
    assert error.value.code == "json.malformed"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (VCON | {"analysis": [], "dialog": [{"type": "recording"}]}, "call.no_transcript"),
        (VCON | {"critical": ["quantum"]}, "call.unsupported"),
        (ASSEMBLYAI | {"status": "error", "error": "no sound"}, "call.failed"),
        (ASSEMBLYAI | {"status": "processing", "utterances": None}, "delivery.ignored"),
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
def test_a_body_without_a_transcript_is_rejected_with_the_reason(
    raw: bytes | str | JsonBody, code: str
) -> None:
    with pytest.raises(Rejected) as error:
        parse_call(raw)
    assert error.value.code == code
    assert code in CODES


def test_an_encrypted_vcon_is_rejected_with_its_id() -> None:
    encrypted = {"ciphertext": "x", "recipients": [], "unprotected": {"uuid": "v-9"}}
    with pytest.raises(Rejected, match="v-9") as error:
        parse_call(encrypted)
    assert error.value.code == "call.encrypted"
