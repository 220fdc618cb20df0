"""A vCon's versions, its signature, and the shapes of the transcripts in it."""

import base64
import gzip
import json

import pytest

from tests.support.ingest.phone_calls import parse_call, read_transcript, spoken_by
from tests.support.json_body import JsonBody

VCON = read_transcript("vcon")


@pytest.mark.parametrize(
    "version",
    [
        {"uuid": "v-2", "redacted": {"uuid": "v-1", "type": "PII"}},
        {"uuid": "v-2", "amended": {"uuid": "v-1"}},
        {"uuid": "v-1", "redacted": {}, "appended": {}},
    ],
)
def test_a_redacted_or_amended_vcon_is_the_same_call(version: JsonBody) -> None:
    assert parse_call(VCON | version).id == parse_call(VCON).id


@pytest.mark.parametrize("compress", [False, True])
def test_a_signed_vcon_is_opened_and_flagged_as_unproven(compress: bool) -> None:
    content = json.dumps(VCON).encode()
    inner = gzip.compress(content) if compress else content
    payload = base64.urlsafe_b64encode(inner).decode().rstrip("=")
    signatures = [{"header": {"alg": "RS256"}, "signature": "x"}]
    message = parse_call({"payload": payload, "signatures": signatures})
    assert (message.id, message.flags) == (parse_call(VCON).id, ("signature_unverified",))


TURNS = [
    {"speaker": "Agent", "message": "Buyurun"},
    {"speaker": "Customer", "message": "Kargom gelmedi"},
]
SEGMENTS = [
    {"start": 0, "end": 1, "text": "Buyurun", "speaker": "Agent"},
    {"start": 1, "end": 2, "text": "Kargom gelmedi", "speaker": "Customer"},
]


@pytest.mark.parametrize(
    "body",
    [
        TURNS,
        json.dumps(TURNS),
        "**Agent(May)**: Buyurun\n\n**Customer(Ada)**: Kargom gelmedi",
        {"transcript": {"text": "x"}, "segments": SEGMENTS},
        {"transcript": "Agent: Buyurun\nCustomer: Kargom gelmedi"},
    ],
    ids=["list", "text of a list", "markdown", "segments", "lines"],
)
def test_each_shape_of_a_transcript_gives_its_turns(body: object) -> None:
    analysis = {"type": "transcript", "dialog": [0], "encoding": "none", "body": body}
    message = parse_call(VCON | {"analysis": [analysis]})
    assert spoken_by(message) == [("agent", "Buyurun"), ("customer", "Kargom gelmedi")]


def test_text_dialogs_are_turns_in_the_order_of_their_times() -> None:
    dialogs = [
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
    ]
    message = parse_call(VCON | {"analysis": [], "dialog": dialogs})
    assert [text for _, text in spoken_by(message)] == ["Buyurun", "Kargom gelmedi"]


def test_only_one_transcript_of_a_dialog_counts() -> None:
    analysis = VCON["analysis"][0]
    twice = VCON | {"analysis": [analysis, analysis | {"type": "diarized"}]}
    assert len(spoken_by(parse_call(twice))) == 2


def test_the_caller_of_our_own_call_is_not_the_customer() -> None:
    parties = [
        {"tel": "+902121112233", "name": "Ornek AŞ"},
        {"tel": "+905321112233", "name": "Ayşe"},
    ]
    dialog = {"type": "recording", "parties": [0, 1], "meta": {"direction": "out"}}
    message = parse_call(VCON | {"parties": parties, "dialog": [dialog]})
    assert message.sender.handle("phone") == "+905321112233"


def test_the_caller_of_a_call_to_us_is_the_customer_with_less_confidence() -> None:
    parties = [
        {"tel": "+902121112233", "name": "Ornek AŞ"},
        {"tel": "+905321112233", "name": "Ayşe"},
    ]
    dialog = {"type": "recording", "parties": [1, 0]}
    message = parse_call(VCON | {"parties": parties, "dialog": [dialog]})
    assert message.sender.handle("phone") == "+905321112233"
    assert message.call is not None
    assert (message.call.roles_by, message.call.roles_confidence) == ("number", 0.8)
