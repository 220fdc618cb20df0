"""Transcripts of which no parser can read a text are rejected, and nothing else is raised."""

import pytest

from ingest.parsing.calls.detection import parse_transcript
from schemas.errors import Rejected


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
