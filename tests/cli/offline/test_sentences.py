"""The sentences of the commands are complete in both languages, and follow --lang."""

import string

import click
import pytest

from cli.main import main
from cli.offline.sentences import COMMAND_SENTENCES, command_texts
from workers.console.texts import PAGE_SENTENCES

SPEAKING = {"backtest", "evaluate", "explain", "follow", "import", "train"}
"""The commands that print sentences about messages and models to people who route them."""


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", sorted(COMMAND_SENTENCES))
def test_a_sentence_has_the_same_values_in_both_languages(key: str) -> None:
    turkish, english = COMMAND_SENTENCES[key]
    assert turkish.strip()
    assert english.strip()
    assert _fields(turkish) == _fields(english)


def test_no_sentence_of_a_command_hides_one_of_the_pages() -> None:
    assert not COMMAND_SENTENCES.keys() & PAGE_SENTENCES.keys()


def test_a_step_without_a_sentence_is_shown_by_its_name() -> None:
    assert command_texts("tr")["cross-validating"] == "çapraz doğrulanıyor"
    assert command_texts("tr")["another step"] == "another step"


def test_each_command_that_prints_sentences_takes_a_language() -> None:
    with_language = {
        name
        for name, command in main.commands.items()
        if any(isinstance(p, click.Option) and "--lang" in p.opts for p in command.params)
    }
    assert with_language == SPEAKING
