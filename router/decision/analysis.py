"""The analysis of a message's text: folded, its language, the rules that match, predictions. Pure.

It depends on the text and the policy alone, so the router analyses a batch before it looks at any
conversation.
"""

from collections.abc import Sequence

from router.decision.policy import Policy
from router.models.language import detect_languages
from router.models.model import Prediction
from router.text.rule import Hit
from schemas.base import Record
from schemas.message import Message
from schemas.text.fold import fold

MAX_CLASSIFIED_CHARS = 20_000
"""Only the beginning of a text is classified; the main concern is never further down."""


class TextAnalysis(Record, frozen=True):
    """The classified text, folded and in words, its language, the matches of the rules, and the
    models' predictions by their tasks."""

    text: str
    folded: str
    words: list[str]
    language: str
    hits: list[Hit]
    predictions: dict[str, Prediction]


def classified_text(message: Message) -> str:
    """Return the text of a message that rules and models read."""
    return message.decided_text[:MAX_CLASSIFIED_CHARS]


def analyse(batch: Sequence[Message], policy: Policy) -> list[TextAnalysis]:
    """Return the analysis of each message of a batch.

    A batch is quicker than its messages alone, and gives the same analyses.
    """
    texts = list(map(classified_text, batch))
    folded = list(map(fold, texts))
    words = list(map(str.split, folded))
    hits = list(map(policy.pack.match, texts, folded, words))
    analyses = list(
        map(
            TextAnalysis,
            texts,
            folded,
            words,
            detect_languages(texts, words),
            hits,
            [{} for _ in texts],
        )
    )
    for model in policy.models:
        model_hits = hits if model.head.pack == policy.pack.version else None
        predictions = model.predict(texts, model_hits)
        for analysis, prediction in zip(analyses, predictions, strict=True):
            analysis.predictions[model.head.task] = prediction
    return analyses
