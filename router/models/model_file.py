"""The file of a model: a line of JSON, which is its `Head`, then its arrays and its rules.

The head has the sha256 of all that follows. Nothing in a file is executed. A damaged or foreign
file is refused with the reason, and so is a file of another version.
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from router.models import features
from router.models.arrays import Floats
from router.models.embedding_stage import EMBEDDING_SIZE, check_engine
from router.models.features import BUCKETS
from router.models.head import FORMAT, FORMAT_VERSION, Head
from router.models.model import LinearWeights, Model, build_model
from router.text.pack_compiler import compile_pack
from router.text.rule import Rule
from router.text.rules import Pack
from schemas.errors import ConfigError, Problem

_MAX_FILE_BYTES = 1024 * 1024 * 1024
"""A file is read into memory as it is, so a mistaken path must not fill it."""

_MAX_HEAD_BYTES = 4 * 1024 * 1024
"""10,000 labels of 150 bytes, each twice in the head, stay below this."""


def save(path: Path, model: Model) -> Head:
    """Write the file of a model and return its head, with the sha256.

    A reader never sees half of it. Raises ConfigError when the file can't be written.
    """
    rules = _encode_rules(model.pack) if model.pack else b""
    payload = _encode_arrays(model) + rules
    head = msgspec.structs.replace(model.head, rules=len(rules), sha256=sha256(payload).hexdigest())
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(msgspec.json.encode(head) + b"\n" + payload)
        partial.replace(path)
    except OSError as error:
        raise ConfigError([Problem(f"{path}: can't be written: {error.strerror}")]) from error
    return head


def load(path: Path) -> Model:
    """Read the file of a model; raise ConfigError with what is wrong with it."""
    head, payload = _split(path, _read_bytes(path))
    _check_head(path, head, payload)
    arrays = payload[: len(payload) - head.rules]
    linear, embedding_weights = _decode_arrays(path, head, arrays)
    pack = _decode_rules(path, head, payload[len(arrays) :]) if head.rules else None
    model = build_model(head, f"{head.task}-{head.sha256[:12]}", linear, pack)
    if head.second is None:
        return model
    check_engine(head.second, path)
    return replace(model, embedding_weights=embedding_weights)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise _refusal(path, "is larger than any model")
        return path.read_bytes()
    except OSError as error:
        raise _refusal(path, f"can't be read: {error.strerror}") from error


def _split(path: Path, content: bytes) -> tuple[Head, bytes]:
    """Return the head of a file and the bytes after it."""
    line, newline, payload = content.partition(b"\n")
    if not newline or len(line) > _MAX_HEAD_BYTES or not line.startswith(b"{"):
        raise _refusal(path, "is not a model of `santral train`")
    try:
        return msgspec.json.decode(line, type=Head), payload
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(path, f"is not a model of `santral train`: {error}") from error


def _check_head(path: Path, head: Head, payload: bytes) -> None:
    """Raise ConfigError for a head that does not fit this version or the bytes after it."""
    if head.format != FORMAT:
        raise _refusal(path, "is not a model of `santral train`")
    if head.version != FORMAT_VERSION or head.features != features.VERSION:
        raise _refusal(path, "is of another version of santral: train it again")
    if sha256(payload).hexdigest() != head.sha256:
        raise _refusal(path, "is damaged: its bytes are not those that were written")
    if len(payload) != _arrays_bytes(head) + head.rules or bool(head.rules) != bool(head.fired):
        raise _refusal(path, "is damaged: the sizes of its arrays differ from its head")
    if head.outside and head.outside not in head.labels:
        raise _refusal(path, "is damaged: its `outside` is not one of its labels")


def _embedding_floats(head: Head) -> int:
    return (EMBEDDING_SIZE + 1) * len(head.labels) if head.second is not None else 0


def _arrays_bytes(head: Head) -> int:
    rows, labels = head.rows, len(head.labels)
    return rows * 8 + rows * labels * 2 + labels * 4 + _embedding_floats(head) * 4


def _encode_arrays(model: Model) -> bytes:
    """Return the arrays in the order of the file, the weights in 16 bits."""
    linear, embedding_weights = model.linear, model.embedding_weights
    return b"".join(
        (
            linear.buckets.astype("<i4").tobytes(),
            linear.idf.astype("<f4").tobytes(),
            linear.weights.astype("<f2").tobytes(),
            linear.bias.astype("<f4").tobytes(),
            b"" if embedding_weights is None else embedding_weights.astype("<f4").tobytes(),
        )
    )


def _decode_arrays(path: Path, head: Head, arrays: bytes) -> tuple[LinearWeights, Floats]:
    """Return the weights and those of the embedding stage; raise ConfigError for wrong numbers."""
    rows, labels = head.rows, len(head.labels)
    weights_start = rows * 8
    bias_start = weights_start + rows * labels * 2
    buckets = np.frombuffer(arrays, "<i4", rows)
    idf = np.frombuffer(arrays, "<f4", rows, rows * 4)
    weights = np.frombuffer(arrays, "<f2", rows * labels, weights_start).astype(np.float32)
    bias = np.frombuffer(arrays, "<f4", labels, bias_start)
    embedding = np.frombuffer(arrays, "<f4", _embedding_floats(head), bias_start + labels * 4)
    if (
        len(np.unique(buckets)) != rows
        or buckets.min() < 0
        or buckets.max() >= BUCKETS
        or not all(np.isfinite(array).all() for array in (idf, weights, bias, embedding))
    ):
        raise _refusal(path, "is damaged: its numbers make no sense")
    linear = LinearWeights(
        buckets=buckets, idf=idf, weights=weights.reshape(rows, labels), bias=bias
    )
    return linear, embedding.reshape(-1, labels)


def _encode_rules(pack: Pack) -> bytes:
    """Return the fields of the rules that decide whether they fire."""
    rules = [
        Rule(id=r.id, any=r.any, all=r.all, none=r.none, tr="", en="", match=(), no_match=())
        for r in pack.rules
    ]
    return msgspec.json.encode(rules)


def _decode_rules(path: Path, head: Head, encoded: bytes) -> Pack:
    """Return the rules of a model, under the name of the pack that they are from."""
    try:
        pack = compile_pack("model", msgspec.json.decode(encoded, type=tuple[Rule, ...]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigError) as error:
        raise _refusal(path, f"is damaged: its rules can't be read: {error}") from error
    return replace(pack, version=head.pack)


def _refusal(path: Path, reason: str) -> ConfigError:
    return ConfigError([Problem(f"model {path}: {reason}")])
