"""The values in the answers of the desk queue's scripts."""

import pytest

from workers.desk_queue.script_answers import Value, bytes_of, list_of, number_of
from workers.desk_queue.script_runner import shown_messages


def test_a_message_whose_body_redis_lost_is_shown_without_it() -> None:
    (lost, present) = shown_messages([b"m1", b"0", b"3", b"7", None, b"m2", 1, 3, 8, b"{}"])
    assert (lost.message, lost.offset, lost.body) == ("m1", 7, None)
    assert (present.message, present.hops, present.body) == ("m2", 1, b"{}")


@pytest.mark.parametrize(
    ("read", "value"), [(bytes_of, None), (bytes_of, 1), (number_of, None), (list_of, b"x")]
)
def test_a_value_of_another_type_is_a_bug(read: object, value: Value) -> None:
    assert callable(read)
    with pytest.raises(TypeError, match="a script returned"):
        read(value)
