"""Texts and rules as sparse rows of features. Pure.

scipy, which scikit-learn brings along, is imported when the first matrix is made. The names of
out-of-scope labels were written for this project.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from router.models.arrays import Floats, Ints
from router.models.features import (
    BUCKETS,
    PIECE_LENGTHS,
    extract_features,
    rule_bucket,
    weigh_features,
)
from router.models.model import BATCH_TEXTS
from router.text.rules import Pack
from schemas.text.fold import fold

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

OUTSIDE_LABELS = frozenset(
    {"oos", "out_of_scope", "out-of-scope", "out of scope", "kapsam_disi", "kapsam dışı"}
)
"""Labels of texts that belong to none of the others."""


def text_matrix(texts: list[str], lengths: tuple[int, ...] = PIECE_LENGTHS) -> "csr_matrix":
    """Return texts x buckets, the weight of each feature of each text."""
    from scipy.sparse import csr_matrix, vstack

    rows = [csr_matrix((0, BUCKETS), dtype=np.float32)]
    for start in range(0, len(texts), BATCH_TEXTS):
        batch = texts[start : start + BATCH_TEXTS]
        text, bucket, weight = weigh_features(extract_features(batch, lengths))
        rows.append(csr_matrix((weight, (text, bucket)), shape=(len(batch), BUCKETS)))
    return vstack(rows).tocsr()


def rule_matrix(texts: list[str], pack: Pack | None) -> "csr_matrix":
    """Return texts x buckets, 1 for each rule that fires on a text."""
    from scipy.sparse import csr_matrix

    hits = [pack.match(text, fold(text)) for text in texts] if pack else []
    cells = [
        (text, rule_bucket(hit.rule.id))
        for text, hits_of_text in enumerate(hits)
        for hit in hits_of_text
    ]
    text, bucket = zip(*cells, strict=True) if cells else ((), ())
    ones = np.ones(len(cells), np.float32)
    return csr_matrix((ones, (text, bucket)), shape=(len(texts), BUCKETS))


def label_name_matrix(labels: Sequence[str]) -> tuple["csr_matrix", Ints]:
    """Return the features of the labels' names that have words, and the numbers of these labels."""
    names = [
        (number, " ".join(re.findall(r"[^\W\d_]{2,}", label)))
        for number, label in enumerate(labels)
        if label.casefold() not in OUTSIDE_LABELS
    ]
    names = [(number, words) for number, words in names if words]
    numbers = np.array([number for number, _ in names], np.int64)
    return text_matrix([words for _, words in names]), numbers


def stack_rows(rows: "csr_matrix", more: "csr_matrix") -> "csr_matrix":
    """Return the rows of both matrices, one below the other."""
    from scipy.sparse import vstack

    return vstack([rows, more]).tocsr()


def inverse_frequencies(matrix: "csr_matrix") -> Floats:
    """Return the inverse document frequency of each bucket."""
    frequencies = np.bincount(matrix.indices, minlength=BUCKETS)
    idf: Floats = (np.log((1 + matrix.shape[0]) / (1 + frequencies)) + 1).astype(np.float32)
    return idf


def normalize_rows(rows: "csr_matrix", idf: Floats) -> "csr_matrix":
    """Return the rows weighed by their inverse frequencies, each of length 1."""
    from scipy.sparse import diags

    weighed = rows.multiply(idf).tocsr()
    length = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    length[length == 0] = 1
    return (diags((1 / length).astype(np.float32)) @ weighed).tocsr()
