"""The features of a text: whatever its case, its Turkish letters and its drawn-out letters."""

import pytest

from router.models.features import extract_features


def _buckets(text: str) -> list[int]:
    return sorted(extract_features([text]).bucket.tolist())


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("ÇOK KÖTÜ", "cok kotu"),
        ("çok  kötü", "cok kotu"),
        ("kötüüüüüüü", "kötüüü"),
        ("12 TL", "99 tl"),
        ("tamam 😡", "tamam 💔"),
    ],
)
def test_spellings_of_one_text_have_the_same_features(text: str, other: str) -> None:
    assert _buckets(text) == _buckets(other)


@pytest.mark.parametrize(("text", "other"), [("kötüüü", "kötü"), ("tamam 😡", "tamam 😀")])
def test_a_drawn_out_letter_and_a_mood_are_features(text: str, other: str) -> None:
    assert _buckets(text) != _buckets(other)


def test_texts_without_letters_have_no_features() -> None:
    assert len(extract_features(["", " \n", "."]).bucket) == 0
