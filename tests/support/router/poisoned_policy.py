"""Policies with one component that raises on a word, as a fault of ours would."""

import dataclasses
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Literal, cast

from router.decision.policy import Policy
from router.models.model import Model
from router.text.entities import Pattern
from router.text.rules import Hit, Pack
from tests.support.messages import PACK, policy

POISON = "zehirli"

Component = Literal["rule", "pattern", "model"]


class PoisonedPack(Pack):
    """Rules of which one raises on the word."""

    def match(self, text: str, folded: str, words: Sequence[str] | None = None) -> list[Hit]:
        """Return the hits of a text without the word."""
        if POISON in folded:
            raise KeyError(POISON)
        return super().match(text, folded, words)


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
        fields = {f.name: getattr(PACK, f.name) for f in dataclasses.fields(PACK) if f.init}
        return dataclasses.replace(healthy, pack=PoisonedPack(**fields))
    if component == "pattern":
        pattern = cast("Pattern", ("zehir", PoisonedPattern()))
        return dataclasses.replace(healthy, patterns=(pattern,))
    return dataclasses.replace(healthy, models=(cast("Model", PoisonedModel()),))
