"""The head of a model: what it predicts, what it learned from, and how good it is. Pure data.

It is the first line of a model's file, and `santral train` prints it.
"""

from typing import Annotated, Literal

import msgspec

from router.models.embedding_stage import EmbeddingStage, Share
from router.models.features import BUCKETS
from schemas.base import Record, Time

FORMAT = "santral-model"
FORMAT_VERSION = 1

Task = Literal["department", "intent", "sentiment", "language"]


class Figures(Record, frozen=True, kw_only=True):
    """The quality of a model on lines that it did not learn from, by `folds` cross-validations.

    `low` and `high` bound the accuracy with 95 % (Wilson). `majority` is the accuracy of always
    naming the commonest label, and `ece` the expected calibration error in 15 bins.
    """

    accuracy: Share
    low: Share
    high: Share
    majority: Share
    macro_f1: Share
    ece: Share
    folds: int


class Head(Record, frozen=True, kw_only=True):
    """The description of a model.

    Probabilities are softmax(`sharpness` x margins). The share `noise` of them is spread over all
    labels, which is about how often people label otherwise. `outside` is the label of texts that
    belong to none of the others; texts whose best probability is below `outside_below` get it too.

    A teacher (`taught_by`) labelled `taught` of the unlabelled lines, whose sha256 is `unlabelled`.
    The model knows which rules of `pack` fire, and each counts `fired` times as much as a word. Its
    file has a copy of these rules (`rules` bytes), so it stays the same when the rules change.
    """

    format: str = FORMAT
    version: int = FORMAT_VERSION
    task: Task
    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=10_000)]
    features: int
    rows: Annotated[int, msgspec.Meta(ge=1, le=BUCKETS)]
    unseen: float
    sharpness: Annotated[float, msgspec.Meta(gt=0)]
    noise: Share = 0.0
    outside: str = ""
    outside_below: Share = 0.0
    data: str
    lines: int
    by_label: dict[str, int]
    made_at: Time
    made_by: str = ""
    figures: Figures
    taught_by: str = ""
    taught: int = 0
    unlabelled: str = ""
    second: EmbeddingStage | None = None
    pack: str = ""
    fired: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    rules: Annotated[int, msgspec.Meta(ge=0)] = 0
    sha256: str = ""
