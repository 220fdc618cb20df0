"""The lines of a training: read, counted, and named when they can't be read."""

import json

import pytest

from router.training.dataset import read_labelled, read_unlabelled
from schemas.errors import ConfigError

GOOD_LINE = b'{"text":"a","label":"b"}'


def test_lines_without_a_label_are_counted() -> None:
    lines = read_labelled([GOOD_LINE, b'{"text":"c"}', b"", b'{"text":"x","label":"  "}'])
    assert lines.texts == ["a"]
    assert lines.labels == ["b"]
    assert lines.unlabelled == 2


def test_lines_that_cannot_be_read_are_named() -> None:
    wrong = [b"{", b'{"label":"c"}', b'{"text":1,"label":"c"}', b"\xff"]
    with pytest.raises(ConfigError) as error:
        read_labelled([GOOD_LINE, *wrong])
    numbers = [problem.partition(":")[0] for problem in error.value.problems]
    assert numbers == ["line 2", "line 3", "line 4", "line 5"]


def test_at_most_twenty_problems_are_named() -> None:
    with pytest.raises(ConfigError) as error:
        read_labelled([b"{"] * 30)
    assert len(error.value.problems) == 20


def test_unlabelled_lines_are_picked_evenly() -> None:
    lines = [json.dumps({"text": str(number)}).encode() for number in range(100)]
    assert read_unlabelled(lines, 10).texts == [str(number) for number in range(0, 100, 10)]
    assert read_unlabelled([]).texts == []


def test_each_unlabelled_text_is_read_once() -> None:
    assert read_unlabelled([GOOD_LINE, b'{"text":"a"}', b"", b'{"text":"c"}']).texts == ["a", "c"]


def test_an_unlabelled_line_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match="unlabelled line 2"):
        read_unlabelled([GOOD_LINE, b"{", GOOD_LINE])
