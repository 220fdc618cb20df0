"""The folded key of a word."""

import re

from schemas.text.fold import fold_case


def test_the_key_of_a_word_is_one_for_all_that_a_pattern_without_case_matches() -> None:
    letters = [chr(n) for n in range(0x3000)]
    for letter in "abcdefghijklmnopqrstuvwxyzçğıöşüàéäßа":
        same = re.compile(letter, re.IGNORECASE)
        assert {fold_case(x) for x in filter(same.match, letters)} == {fold_case(letter)}
