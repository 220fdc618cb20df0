"""A model's file: a line of JSON (`Head`), then plain arrays and the rules it learned by, whose
sha256 the head tells.

Before: training/train.py has a model, or `[router] models` names a file. After:
router/models/model.py. Nothing in a file is ever executed; a damaged, foreign or newer one is
refused in words.
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from router.models import embedding_stage, features
from router.models.features import BUCKETS
from router.models.model import FORMAT, VERSION, Head, Model, build
from router.text.pack_compiler import compile_pack
from router.text.rules import Pack, Rule
from schemas.errors import ConfigError, Problem

_LARGEST = 1024 * 1024 * 1024
_HEAD = 4 * 1024 * 1024


def save(path: Path, model: Model) -> Head:
    """Write a model's file, whole or not at all; return its head with the arrays' sha256."""
    buckets = np.flatnonzero(model.row_of >= 0)
    buckets = buckets[np.argsort(model.row_of[buckets])].astype("<i4")
    payload = b"".join(
        (
            buckets.tobytes(),
            model.idf.astype("<f4").tobytes(),
            model.weights.astype("<f2").tobytes(),
            model.bias.astype("<f4").tobytes(),
            b"" if model.again is None else model.again.astype("<f4").tobytes(),
        )
    )
    told = _told(model.pack) if model.pack else b""
    payload += told
    head = msgspec.structs.replace(model.head, rules=len(told), sha256=sha256(payload).hexdigest())
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(head) + b"\n" + payload)
        part.replace(path)
    except OSError as error:
        raise ConfigError([Problem(f"{path}: can't be written: {error.strerror}")]) from error
    return head


def load(path: Path) -> Model:
    """Read a model's file; raise ConfigError that says what is wrong with it."""
    try:
        if path.stat().st_size > _LARGEST:
            raise _refused(path, "is larger than any model")
        raw = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"can't be read: {error.strerror}") from error
    line, found, payload = raw.partition(b"\n")
    if not found or len(line) > _HEAD or not line.startswith(b"{"):
        raise _refused(path, "is no model of `santral train`")
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(path, f"is no model of `santral train`: {error}") from error
    if head.format != FORMAT:
        raise _refused(path, "is no model of `santral train`")
    if head.version != VERSION or head.features != features.VERSION:
        raise _refused(path, "was made by another version of santral: train it anew")
    if sha256(payload).hexdigest() != head.sha256:
        raise _refused(path, "is damaged: its bytes are not those that were written")
    rows, count = head.rows, len(head.labels)
    more = (embedding_stage.WIDTH + 1) * count if head.second is not None else 0
    arrays = rows * 8 + rows * count * 2 + count * 4 + more * 4
    if len(payload) != arrays + head.rules or bool(head.rules) != bool(head.fired):
        raise _refused(path, "is damaged: its arrays have other sizes than its head says")
    if head.outside and head.outside not in head.labels:
        raise _refused(path, "is damaged: its label for what is outside is none of its labels")
    at = rows * 4
    buckets = np.frombuffer(payload, "<i4", rows)
    idf = np.frombuffer(payload, "<f4", rows, at)
    weights = np.frombuffer(payload, "<f2", rows * count, 2 * at).astype(np.float32)
    bias = np.frombuffer(payload, "<f4", count, 2 * at + rows * count * 2)
    again = np.frombuffer(payload, "<f4", more, 2 * at + rows * count * 2 + count * 4)
    if (
        len(np.unique(buckets)) != rows
        or buckets.min() < 0
        or buckets.max() >= BUCKETS
        or not all(np.isfinite(a).all() for a in (idf, weights, bias, again))
    ):
        raise _refused(path, "is damaged: its numbers make no sense")
    name = f"{head.task}-{head.sha256[:12]}"
    pack = _pack(path, head, payload[arrays:]) if head.rules else None
    made = build(head, name, buckets, idf, weights.reshape(rows, count), bias, pack)
    if head.second is None:
        return made
    embedding_stage.due(head.second, path)
    return replace(made, again=again.reshape(-1, count))


def _told(pack: Pack) -> bytes:
    """Return what of the rules decides whether they fire."""
    bare = [
        Rule(id=r.id, any=r.any, all=r.all, none=r.none, tr="", en="", match=(), no_match=())
        for r in pack.rules
    ]
    return msgspec.json.encode(bare)


def _pack(path: Path, head: Head, told: bytes) -> Pack:
    """Return the rules that a model has with it, under the name of the pack they are from."""
    try:
        made = compile_pack("model", msgspec.json.decode(told, type=tuple[Rule, ...]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigError) as error:
        raise _refused(path, f"is damaged: its rules can't be read: {error}") from error
    return replace(made, version=head.pack)


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError([Problem(f"model {path}: {why}")])
