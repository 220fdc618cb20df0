"""A model's file: read as it was written, and refused with a reason when it is damaged."""

import json
import pickle
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from router.models import model_file
from schemas.errors import ConfigError
from tests.support.router.trained_models import department_model, train_departments

pytestmark = pytest.mark.slow  # a model is trained


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a trained model."""
    path = tmp_path / "a.model"
    model_file.save(path, department_model())
    return path


def test_the_same_lines_give_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "b.model"
    model_file.save(again, train_departments())
    assert again.read_bytes() == path.read_bytes()


def test_a_file_reads_as_it_was_written(path: Path) -> None:
    texts = ["fatura", "modem yavaş", "iade", ""]
    model, loaded = department_model(), model_file.load(path)
    labels = [prediction.best.label for prediction in model.predict(texts)]
    assert [prediction.best.label for prediction in loaded.predict(texts)] == labels
    # The file has the weights in 16 bits.
    assert np.allclose(loaded.compute_margins(texts), model.compute_margins(texts), atol=2e-3)
    assert loaded.name == f"department-{loaded.head.sha256[:12]}"


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 99},
        {"features": 99},
        {"task": "weather"},
        {"format": "other"},
        {"labels": ["one"]},
        {"rows": 3},
        {"rules": 3},
        {"fired": 0},
        {"outside": "nowhere"},
        {"sharpness": -1},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_head_that_does_not_fit_is_refused(path: Path, fields: Mapping[str, object]) -> None:
    line, _, payload = path.read_bytes().partition(b"\n")
    _assert_refused(path, json.dumps(json.loads(line) | fields).encode() + b"\n" + payload)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello\n", pickle.dumps({"a": 1}), b'{"a":' * 100_000 + b"\n"],
    ids=["empty", "text", "pickle", "deep"],
)
def test_a_foreign_file_is_refused(path: Path, content: bytes) -> None:
    _assert_refused(path, content)


def test_a_damaged_file_is_refused(path: Path) -> None:
    content = path.read_bytes()
    line, _, _ = content.partition(b"\n")
    _assert_refused(path, content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    _assert_refused(path, content[:-4])
    _assert_refused(path, line + b"\n")


def test_rules_that_do_not_compile_are_refused(path: Path) -> None:
    line, _, payload = path.read_bytes().partition(b"\n")
    broken = payload.replace(b'"any"', b'"none"').replace(b'"all"', b'"none"')
    head = json.loads(line)
    head["sha256"] = sha256(broken).hexdigest()
    head["rules"] += len(broken) - len(payload)
    _assert_refused(path, json.dumps(head).encode() + b"\n" + broken)


def test_numbers_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    linear = department_model().linear
    weights = linear.weights.copy()
    weights[0, 0] = np.nan
    path = tmp_path / "nan.model"
    model = replace(department_model(), linear=replace(linear, weights=weights))
    model_file.save(path, model)
    with pytest.raises(ConfigError, match="make no sense"):
        model_file.load(path)


def _assert_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        model_file.load(path)
    assert str(path) in str(error.value)
