"""The frames of the web widget."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.channels import chat
from schemas.errors import Rejected


@given(st.text(max_size=120) | st.binary(max_size=120))
def test_a_frame_is_decoded_or_rejected(data: str | bytes) -> None:
    try:
        chat.decode_frame(data)
    except Rejected as error:
        assert error.code == "chat.bad_frame"
