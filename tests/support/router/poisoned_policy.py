"""Policies with one component that raises on a word, as a fault of ours would."""

import dataclasses
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Literal, cast

from router.decision.policy import Policy
from router.models.model import Model
from router.text.entities import Pattern
from router.text.rules import Pack, WordTerms
from router.text.word_cache import WordCache
from tests.support.messages import PACK, policy

POISON = "zehirli"

Component = Literal["rule", "pattern", "model"]


def _poisoned_pack() -> Pack:
    """Return the default rules, whose search for terms raises on the word."""
    fields = {field.name: getattr(PACK, field.name) for field in dataclasses.fields(PACK)}
    word_terms: WordCache[WordTerms | None] = fields["_word_terms"]

    def find_terms(word: str) -> WordTerms | None:
        if POISON in word:
            raise KeyError(POISON)
        return word_terms[word]

    # A subclass of Pack would not do, since a compiled class has none.
    return Pack(**fields | {"_word_terms": WordCache(find_terms)})


class PoisonedPattern:
    """A brand's pattern whose search raises on the word."""

    def finditer(self, text: str) -> Iterator[object]:
        """Return nothing for a text without the word."""
        if POISON in text:
            raise KeyError(POISON)
        return iter(())


class PoisonedModel:
    """A model that raises on every text."""

    head = SimpleNamespace(task="sentiment", pack="", labels=("bad",))
    name = "poisoned"

    def predict(self, texts: Sequence[str], _hits: object) -> object:
        """Raise ZeroDivisionError."""
        raise ZeroDivisionError


def poisoned_policy(component: Component) -> Policy:
    """Return the default policy with one poisoned component."""
    healthy = policy()
    if component == "rule":
        return dataclasses.replace(healthy, pack=_poisoned_pack())
    if component == "pattern":
        pattern = cast("Pattern", ("zehir", PoisonedPattern()))
        return dataclasses.replace(healthy, patterns=(pattern,))
    return dataclasses.replace(healthy, models=(cast("Model", PoisonedModel()),))
